import torch

from mutants import Mutant


def take(x, ids):
    return x.gather(1, ids[..., None].expand(-1, -1, x.shape[2]))


def no_unshuffle(tokens, mask_token, ids_keep, ids_restore):
    visible = take(tokens, ids_keep)
    masks = mask_token.repeat(len(tokens), tokens.shape[1] - visible.shape[1], 1)
    return visible, torch.cat([visible, masks], dim=1)


def mask_tokens_first(tokens, mask_token, ids_keep, ids_restore):
    visible = take(tokens, ids_keep)
    masks = mask_token.repeat(len(tokens), tokens.shape[1] - visible.shape[1], 1)
    return visible, take(torch.cat([masks, visible], dim=1), ids_restore)


def mask_tokens_first_and_left(tokens, mask_token, ids_keep, ids_restore):
    visible = take(tokens, ids_keep)
    masks = mask_token.repeat(len(tokens), tokens.shape[1] - visible.shape[1], 1)
    return visible, torch.cat([masks, visible], dim=1)


def shuffled_again(tokens, mask_token, ids_keep, ids_restore):
    visible, listed = no_unshuffle(tokens, mask_token, ids_keep, ids_restore)
    return visible, take(listed, ids_restore.argsort(dim=1))


def first_row_for_all(tokens, mask_token, ids_keep, ids_restore):
    visible, listed = no_unshuffle(tokens, mask_token, ids_keep, ids_restore)
    return visible, listed[:, ids_restore[0]]


def first_row_kept(tokens, mask_token, ids_keep, ids_restore):
    visible = tokens[:, ids_keep[0]]
    masks = mask_token.repeat(len(tokens), tokens.shape[1] - visible.shape[1], 1)
    return visible, take(torch.cat([visible, masks], dim=1), ids_restore)


def kept_by_restore(tokens, mask_token, ids_keep, ids_restore):
    return no_unshuffle(tokens, mask_token, ids_restore[:, : ids_keep.shape[1]], ids_restore)


def first_patches(tokens, mask_token, ids_keep, ids_restore):
    return tokens[:, : ids_keep.shape[1]], tokens


def zeros_for_hidden(tokens, mask_token, ids_keep, ids_restore):
    visible = take(tokens, ids_keep)
    return visible, torch.zeros_like(tokens).scatter(1, ids_keep[..., None].expand_as(visible), visible)


def nothing_hidden(tokens, mask_token, ids_keep, ids_restore):
    return take(tokens, ids_keep), tokens


def full_only(tokens, mask_token, ids_keep, ids_restore):
    return take(no_unshuffle(tokens, mask_token, ids_keep, ids_restore)[1], ids_restore)


def with_masks(x, mask_token, count):
    return torch.cat([x, mask_token.expand(len(x), count, -1)], dim=1)


def through_the_unshuffle(x, mask_token, ids_restore, pos_embed):
    n = ids_restore.shape[1]
    everything = with_masks(x, mask_token, n + 1 - x.shape[1])
    return torch.cat([x[:, :1], take(everything, ids_restore) + pos_embed], dim=1)


def counted_as_a_patch(x, mask_token, ids_restore, pos_embed):
    return take(with_masks(x, mask_token, ids_restore.shape[1] - x.shape[1]), ids_restore) + pos_embed


def one_mask_token_short(x, mask_token, ids_restore, pos_embed):
    patches = with_masks(x[:, 1:], mask_token, ids_restore.shape[1] - x.shape[1])
    return torch.cat([x[:, :1], take(patches, ids_restore) + pos_embed], dim=1)


def full_list(x, mask_token, ids_restore):
    visible = x[:, 1:]
    return with_masks(visible, mask_token, ids_restore.shape[1] - visible.shape[1])


def class_token_lost(x, mask_token, ids_restore, pos_embed):
    return take(full_list(x, mask_token, ids_restore), ids_restore) + pos_embed


def class_token_last(x, mask_token, ids_restore, pos_embed):
    patches = take(full_list(x, mask_token, ids_restore), ids_restore) + pos_embed
    return torch.cat([patches, x[:, :1]], dim=1)


def position_of_the_next(x, mask_token, ids_restore, pos_embed):
    y = torch.cat([x[:, :1], take(full_list(x, mask_token, ids_restore), ids_restore)], dim=1)
    return y + torch.cat([pos_embed, torch.zeros_like(pos_embed[:1])])


def positions_too_early(x, mask_token, ids_restore, pos_embed):
    y = take(full_list(x, mask_token, ids_restore) + pos_embed, ids_restore)
    return torch.cat([x[:, :1], y], dim=1)


def no_positions(x, mask_token, ids_restore, pos_embed):
    return torch.cat([x[:, :1], take(full_list(x, mask_token, ids_restore), ids_restore)], dim=1)


def unshuffle_left_out(x, mask_token, ids_restore, pos_embed):
    return torch.cat([x[:, :1], full_list(x, mask_token, ids_restore) + pos_embed], dim=1)


RIGHT = {
    "patches": (2, 150, 768), "tokens": (2, 150, 384), "visible": (2, 30, 384), "latent": (2, 31, 384),
    "restored": (2, 150, 256), "decoder": (2, 151, 256), "pred": (2, 150, 768), "errors": (2, 150),
}  # fmt: skip

MUTANTS = {
    "keep_and_restore": [
        Mutant(no_unshuffle, "the unshuffle is missing", "ariG23498/mae-scalable-vision-learners#14 (Keras)"),
        Mutant(mask_tokens_first, "put in front of the visible ones", "lucidrains/vit-pytorch#241"),
        Mutant(mask_tokens_first_and_left, "stand in front and nothing was unshuffled", "lucidrains/vit-pytorch#241"),
        Mutant(shuffled_again, "shuffled once more instead of back"),
        Mutant(first_row_for_all, "every row has its own ids_restore"),
        Mutant(first_row_kept, "each row has its own ids_keep"),
        Mutant(kept_by_restore, "gathered with ids_restore"),
        Mutant(first_patches, "the first patches of each image"),
        Mutant(zeros_for_hidden, "hidden places hold zeros"),
        Mutant(nothing_hidden, "must never get", "a leak: the answer is handed to the decoder"),
        Mutant(full_only, "return two tensors"),
    ],
    "decoder_input": [
        Mutant(through_the_unshuffle, "as if it were the first patch"),
        Mutant(counted_as_a_patch, "one token short", "IcarusWizard/MAE#17, in kind: a count that forgot it"),
        Mutant(one_mask_token_short, "how many mask tokens", "IcarusWizard/MAE#17, in kind: a count that forgot it"),
        Mutant(class_token_lost, "the class token is lost"),
        Mutant(class_token_last, "stands at the end", "facebookresearch/mae#87 feared it"),
        Mutant(position_of_the_next, "the positions slid by one", "lucidrains/vit-pytorch#253, in kind"),
        Mutant(positions_too_early, "before the order was restored"),
        Mutant(no_positions, "no positions were added", "lucidrains/vit-pytorch#175 asks if they are needed"),
        Mutant(unshuffle_left_out, "the order was not restored", "ariG23498/mae-scalable-vision-learners#14 (Keras)"),
    ],
    "speed_up": [
        Mutant(0.25, "the share of the work that is left"),
        Mutant(0.75, "the share of patches that is hidden"),
        Mutant(16, "fall with the square"),
        Mutant(4 / 3, "one over the hidden share"),
        Mutant(3.0, "compares hidden with visible"),
        Mutant(2.35, "the whole model"),
        Mutant(8.0, "count again"),
        Mutant("four times", "give a number"),
    ],
    "shape_table": [
        Mutant(RIGHT | {"patches": (2, 150, 256)}, "three channels"),
        Mutant(RIGHT | {"visible": (2, 120, 384)}, "that many patches are hidden"),
        Mutant(RIGHT | {"visible": (2, 31, 384)}, "joins only after"),
        Mutant(RIGHT | {"latent": (2, 30, 384)}, "one more token"),
        Mutant(RIGHT | {"restored": (2, 150, 384)}, "a width of its own", "facebookresearch/mae#23, in kind"),
        Mutant(RIGHT | {"decoder": (2, 150, 256)}, "back in front of all patches"),
        Mutant(RIGHT | {"pred": (2, 120, 768)}, "paints visible patches as well"),
        Mutant(RIGHT | {"pred": (2, 151, 768)}, "taken off before"),
        Mutant([(2, 150, 768)], "the dictionary itself"),
    ],
}  # fmt: skip
