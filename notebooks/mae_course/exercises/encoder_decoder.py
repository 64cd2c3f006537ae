"""Checks of notebook 04, The asymmetric encoder-decoder: keep_and_restore, decoder_input, speed_up, shape_table.

Patches are shuffled anew in each row of a batch, so that no order is right by luck.
"""

from typing import Any

import torch
from torch import Tensor

from mae_course.exercises.check import (
    call,
    compare,
    compare_numbers,
    exercise,
    expect,
    given,
    number,
    parts,
    random_tensor,
)
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.measure.cost import count_flops


def _pick(x: Tensor, ids: Tensor) -> Tensor:
    """Tokens by their places, in each row its own."""
    return torch.stack([row[k] for row, k in zip(x, ids, strict=True)])


@exercise
def keep_and_restore(mine: Any) -> str:
    """`mine(tokens, mask_token, ids_keep, ids_restore)` gives the visible tokens and the full list in order."""
    b, n, n_keep, d = 3, 10, 4, 5
    tokens, mask_token = random_tensor(b, n, d), random_tensor(1, 1, d, seed=1)
    order = random_tensor(b, n, seed=2).argsort(dim=1)  # another shuffle in each row
    restore = order.argsort(dim=1)
    visible = _visible(call(mine, tokens, mask_token, order[:, :n_keep], restore, hint="Is every shape (b, n, d)?"))
    slips = {
        "visible holds the first patches of each image; it should hold those that ids_keep names.": tokens[:, :n_keep],
        "visible was gathered with ids_restore; ids_keep says which patches stay, ids_restore only where they go back.":
            _pick(tokens, restore[:, :n_keep]),
        "visible takes the patches of the first image for all of them; each row has its own ids_keep.":
            tokens[:, order[0, :n_keep]],
    }  # fmt: skip
    want = _pick(tokens, order[:, :n_keep])
    compare(visible[0], want, slips=slips, otherwise="visible, the first result, has the tokens that ids_keep names.")
    masks = mask_token.expand(b, n - n_keep, d)
    listed, turned = torch.cat([want, masks], dim=1), torch.cat([masks, want], dim=1)
    slips = {
        "full has the right tokens in the wrong order, first what is visible, then all mask tokens; the unshuffle is "
        "missing: ids_restore brings each token back to its place.": listed,
        "mask tokens were put in front of the visible ones; ids_restore counts places in (visible, then mask tokens).":
            _pick(turned, restore),
        "mask tokens stand in front and nothing was unshuffled; it is visible first, then mask tokens, then gather.":
            turned,
        "full was shuffled once more instead of back; gather with ids_restore itself, not with its argsort.":
            _pick(listed, order),
        "the first image is right and the others are not: every row has its own ids_restore.": listed[:, restore[0]],
        "hidden places hold zeros; they should hold the mask token, which is learned.":
            _pick(torch.cat([want, 0 * masks], dim=1), restore),
        "hidden places hold the tokens of hidden patches, which the model must never get; put the mask token there.":
            tokens,
    }  # fmt: skip
    rule = "full, the second result, has each visible token at its own patch's place and the mask token elsewhere."
    compare(visible[1], _pick(listed, restore), slips=slips, otherwise=rule)
    everything = _visible(call(mine, tokens, mask_token, order, restore, hint="Here nothing is hidden at all."))
    compare(everything[1], tokens, otherwise="here nothing is hidden, so full should be tokens as they were.")
    return "whatever the shuffle, every visible token is back in its place, and where nothing is hidden nothing moves."


def _visible(got: Any) -> tuple[Any, Any]:
    parts(got, 2, "return two tensors: return visible, full.")
    return given(got[0], "visible"), given(got[1], "full")


@exercise
def decoder_input(mine: Any) -> str:
    """`mine(x, mask_token, ids_restore, pos_embed)` gives what the decoder's first block gets, (b, 1 + n, d)."""
    b, n, n_keep, d = 2, 9, 4, 8
    x, mask_token, pos = random_tensor(b, 1 + n_keep, d), random_tensor(1, 1, d, seed=1), random_tensor(n, d, seed=2)
    restore = random_tensor(b, n, seed=3).argsort(dim=1)
    hint = f"x has {n_keep} visible patches and the class token: how many mask tokens make {n} patches?"
    got = call(mine, x, mask_token, restore, pos, hint=hint)
    cls, masks = x[:, :1], mask_token.expand(b, n - n_keep, d)
    listed, one_off = torch.cat([x[:, 1:], masks], dim=1), torch.cat([x, masks], dim=1)
    full, shifted = _pick(listed, restore), _pick(one_off, restore)
    in_place = torch.cat([cls, full + pos], dim=1)
    slid = torch.cat([cls, full], dim=1)
    slid[:, :n] += pos
    slips = {
        "the class token went through the unshuffle as if it were the first patch, so every token sits one place off; "
        "take it out first, put it back in front at the end.": torch.cat([cls, shifted + pos], dim=1),
        "the class token is counted as a patch, and the list is one token short: the result is the class token and n "
        "patches, 1 + n.": shifted + pos,
        "the patches are right, but the class token is lost; the decoder gets it in front of them.": full + pos,
        "the class token stands at the end; it belongs in front.": torch.cat([full + pos, cls], dim=1),
        "the positions slid by one: the class token got the first patch's. It gets none here, so add them before you "
        "put it back in front.": slid,
        "the positions were added before the order was restored, so each patch has another one's; first restore, then "
        "add.": torch.cat([cls, _pick(listed + pos, restore)], dim=1),
        "no positions were added, so all mask tokens are the same to the decoder.": torch.cat([cls, full], dim=1),
        "the order was not restored; gather with ids_restore before the positions are added.":
            torch.cat([cls, listed + pos], dim=1),
    }  # fmt: skip
    compare(got, in_place, slips=slips, otherwise="the class token first, as it is; then restored tokens + pos_embed.")
    return "the class token stays in front, outside the unshuffle, and every patch has its own position."


@exercise
def speed_up(mine: Any) -> str:
    """`mine` is how many times fewer operations ViT-B's encoder does without mask tokens at 75 % hidden, within 5 %."""
    mine, cfg = number(given(mine)), PRESETS["base"]
    all_tokens, visible = count_flops(cfg, 0.75, mask_tokens_in_encoder=True), count_flops(cfg, 0.75)
    want = all_tokens.encoder / visible.encoder
    slips = {
        "this is the share of the work that is left; the speed-up is one divided by it.": 1 / want,
        "this is the share of patches that is hidden; compare the work for all tokens with that for the rest.": 0.75,
        "only the pairs of attention fall with the square of the tokens, and at this size they are a small part; most "
        "work is done on each token alone.": (197 / 50) ** 2,
        "this is one over the hidden share; the work goes with what stays visible.": 1 / 0.75,
        "this compares hidden with visible patches; the encoder would have to do both, so compare all with visible.":
            3.0,
        "this is the whole model, whose decoder costs the same either way; here it is the encoder alone.":
            all_tokens.total / visible.total,
    }  # fmt: skip
    again = "count again: 197 tokens against 50, in each of the 12 blocks."
    compare_numbers(mine, want, slips=slips, otherwise=again, rtol=0.05, slip_rtol=0.05)
    return f"the formula says {want:.2f}; now let the clock say it."


CFG = MAEConfig(img_size=(160, 240), embed_dim=384, num_heads=6, decoder_embed_dim=256, decoder_num_heads=8)
"""The model of the shape table; 80 % hidden, 2 images."""
HINTS = {
    "patches": "10 x 15 patches, and a patch has 16 x 16 pixels with 3 channels.",
    "tokens": "each patch becomes a vector as wide as the encoder.",
    "visible": "80 % of 150 patches are hidden; only the others go on.",
    "latent": "the class token stands in front of the visible patches.",
    "restored": "all patches, as wide as the decoder, and the class token is taken out here.",
    "decoder": "the class token is back in front of all patches.",
    "pred": "the decoder paints every patch, as many numbers as a patch has; the class token paints nothing.",
    "errors": "one number for each patch of each image.",
}


@exercise
def shape_table(mine: Any) -> str:
    """`mine` has the shape of each step of a model by name, as tuples."""
    mine = given(mine, "shapes")
    expect(isinstance(mine, dict), 'give the check the dictionary itself: shapes, with shapes["patches"] and so on.')
    b, hidden = 2, round(0.8 * CFG.num_patches)
    n, keep, d, dd, pixels = CFG.num_patches, CFG.num_patches - hidden, 384, 256, CFG.patch_dim
    want = {
        "patches": (b, n, pixels), "tokens": (b, n, d), "visible": (b, keep, d), "latent": (b, 1 + keep, d),
        "restored": (b, n, dd), "decoder": (b, 1 + n, dd), "pred": (b, n, pixels), "errors": (b, n),
    }  # fmt: skip
    slips = {
        ("patches", (b, n, 256)): "a patch has three channels: 16 x 16 x 3 numbers.",
        ("visible", (b, hidden, d)): "that many patches are hidden; the encoder gets the others.",
        ("visible", (b, 1 + keep, d)): "the class token joins only after the hidden patches are gone.",
        ("latent", (b, keep, d)): "the encoder's output has one more token than there are visible patches.",
        ("restored", (b, n, d)): "the decoder has a width of its own, and embeds the latent to it first.",
        ("pred", (b, hidden, pixels)): "the decoder paints visible patches as well; the loss leaves them out.",
        ("pred", (b, 1 + n, pixels)): "the class token is taken off before the pixels are predicted.",
    }
    for name, shape in want.items():
        got = given(mine.get(name), f'shapes["{name}"]')
        expect(isinstance(got, tuple | list), f'shapes["{name}"] should be a tuple such as (2, 3, 4).')
        told = slips.get((name, tuple(got)), HINTS[name])
        expect(tuple(got) == shape, f"{name} is not {tuple(got)}: {told}")
    return "every shape from the pixels to the loss."
