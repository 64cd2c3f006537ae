import torch

from mae_lite.measure.probes import ridge_probe, some_labels
from mutants import Mutant


def unit(x):
    return x / x.norm(dim=1, keepdim=True)


def euclidean(train, labels, test, k):
    return labels[torch.cdist(test, train).argsort(dim=1)[:, :k]].mode(dim=1).values


def long_rows_win(train, labels, test, k):
    return labels[(unit(test) @ train.T).argsort(dim=1, descending=True)[:, :k]].mode(dim=1).values


def numbers_of_images(train, labels, test, k):
    return (unit(test) @ unit(train).T).topk(k, dim=1).indices.mode(dim=1).values


def no_vote(train, labels, test, k):
    return labels[(unit(test) @ unit(train).T).topk(k, dim=1).indices]


def nearest_alone(train, labels, test, k):
    return labels[(unit(test) @ unit(train).T).argmax(dim=1)]


def mean_label(train, labels, test, k):
    index = (unit(test) @ unit(train).T).topk(k, dim=1).indices
    return labels[index].float().mean(dim=1).round().long()


def farthest(train, labels, test, k):
    return labels[(unit(test) @ unit(train).T).topk(k, dim=1, largest=False).indices].mode(dim=1).values


def ridge(x, labels, z, strength, centre=True):
    y = torch.eye(int(labels.max()) + 1)[labels]
    bias = y.mean(dim=0) if centre else torch.zeros(y.shape[1])
    return z @ torch.linalg.inv(x.T @ x + strength * torch.eye(x.shape[1])) @ x.T @ (y - bias) + bias


def norm(x, by):
    return (x - by.mean(0)) / by.var(0, correction=0).sqrt()


def test_by_its_own(train, labels, test, strength):
    """A BatchNorm left in training mode when the held-out images come."""
    return ridge(norm(train, train), labels, norm(test, test), strength)


def statistics_of_both(train, labels, test, strength):
    both = torch.cat([train, test])
    return ridge(norm(train, both), labels, norm(test, both), strength)


def statistics_of_test(train, labels, test, strength):
    return ridge(norm(train, test), labels, norm(test, test), strength)


def centred_alone(train, labels, test, strength):
    return ridge(train - train.mean(0), labels, test - train.mean(0), strength)


def raw_features(train, labels, test, strength):
    return ridge(train, labels, test, strength)


def no_bias(train, labels, test, strength):
    return ridge(norm(train, train), labels, norm(test, train), strength, centre=False)


def no_ridge(train, labels, test, strength):
    return ridge(norm(train, train), labels, norm(test, train), 0.0)


def layernorm(train, labels, test, strength):
    """Each image by its own statistics, not each feature."""
    return ridge(norm(train.T, train.T).T, labels, norm(test.T, test.T).T, strength)


def from_the_end(vit, blocks):
    """-0 is 0, so 0 blocks are all blocks."""
    vit.requires_grad_(False)
    for part in (vit.head, *([vit.norm] if blocks else []), *vit.blocks[-blocks:]):
        part.requires_grad_(True)
    return vit


def a_word_on_the_module(vit, blocks):
    for part in (vit.patch_embed, vit.norm, *vit.blocks):
        part.requires_grad = False
    for part in (vit.norm, *vit.blocks[len(vit.blocks) - blocks :]):
        part.requires_grad = True
    return vit


def head_forgotten(vit, blocks):
    vit.requires_grad_(False)
    if blocks:
        vit.norm.requires_grad_(True)
    for block in vit.blocks[len(vit.blocks) - blocks :]:
        block.requires_grad_(True)
    return vit


def first_blocks(vit, blocks):
    vit.requires_grad_(False)
    for part in (vit.head, vit.norm, *vit.blocks[:blocks]):
        part.requires_grad_(True)
    return vit


def input_still_learns(vit, blocks):
    """Only blocks are frozen; what comes before them is not."""
    for block in vit.blocks[: len(vit.blocks) - blocks]:
        block.requires_grad_(False)
    vit.norm.requires_grad_(blocks > 0)
    return vit


def norm_forgotten(vit, blocks):
    vit.requires_grad_(False)
    for part in (vit.head, *vit.blocks[len(vit.blocks) - blocks :]):
        part.requires_grad_(True)
    return vit


def one_block_more(vit, blocks):
    vit.requires_grad_(False)
    for part in (vit.head, vit.norm, *vit.blocks[len(vit.blocks) - blocks - 1 :]):
        part.requires_grad_(True)
    return vit


def norm_always(vit, blocks):
    vit.requires_grad_(False)
    for part in (vit.head, vit.norm, *vit.blocks[len(vit.blocks) - blocks :]):
        part.requires_grad_(True)
    return vit


def nothing_learns(vit, blocks):
    return vit.requires_grad_(False)


def accuracies(data, share, seed):
    few, found = some_labels(data.labels, share, seed=seed), []
    for name in ("mae-lite-mini", "untrained", "raw pixels"):
        predicted = ridge_probe(data.train[name][few], data.labels[few], data.test[name])
        found.append((predicted == data.test_labels).double().mean())
    return torch.stack(found)


def mean_of_five(data, share):
    return torch.stack([accuracies(data, share, seed) for seed in range(5)]).mean(dim=0)


def no_per_cent(data, share):
    mine, *controls = mean_of_five(data, share).tolist()
    return mine - max(controls)


def over_the_weaker(data, share):
    mine, *controls = mean_of_five(data, share).tolist()
    return 100 * (mine - min(controls))


def times_better(data, share):
    mine, *controls = mean_of_five(data, share).tolist()
    return mine / max(controls)


def one_draw(data, share):
    mine, *controls = accuracies(data, share, 0).tolist()
    return 100 * (mine - max(controls))


def all_labels(data, share):
    return one_draw(data, 1.0)


def on_what_it_was_fitted_to(data, share):
    rows = []
    for seed in range(5):
        few, row = some_labels(data.labels, share, seed=seed), []
        for name in ("mae-lite-mini", "untrained", "raw pixels"):
            x, y = data.train[name][few], data.labels[few]
            row.append((ridge_probe(x, y, x) == y).double().mean())
        rows.append(torch.stack(row))
    mine, *controls = torch.stack(rows).mean(dim=0).tolist()
    return 100 * (mine - max(controls))


def over_the_mean_of_both(data, share):
    mine, *controls = mean_of_five(data, share).tolist()
    return 100 * (mine - sum(controls) / 2)


MUTANTS = {
    "knn_predict": [
        Mutant(euclidean, "distance in space"),
        Mutant(long_rows_win, "dot product, which long rows win"),
        Mutant(numbers_of_images, "numbers of images, not classes"),
        Mutant(no_vote, "let them vote"),
        Mutant(nearest_alone, "let all k vote"),
        Mutant(mean_label, "mean of the neighbours' labels"),
        Mutant(farthest, "the farthest images"),
    ],
    "ridge_scores": [
        Mutant(test_by_its_own, "standardised by their own statistics"),
        Mutant(statistics_of_both, "training and test features together"),
        Mutant(statistics_of_test, "by the statistics of the test features"),
        Mutant(centred_alone, "those with small units"),
        Mutant(raw_features, "not been standardised at all"),
        Mutant(no_bias, "the bias is missing"),
        Mutant(no_ridge, "the ridge is missing"),
        Mutant(layernorm, "W = (X'X + ridge I)^-1 X'(Y - mean)"),
    ],
    "lead": [
        Mutant(no_per_cent, "points are per cent"),
        Mutant(over_the_weaker, "the weaker control"),
        Mutant(times_better, "this is a ratio"),
        Mutant(one_draw, "this is one draw"),
        Mutant(all_labels, "the lead with all labels"),
        Mutant(on_what_it_was_fitted_to, "images the probe was fitted to"),
        Mutant(over_the_mean_of_both, "the larger of the two other means"),
    ],
    "freeze": [
        Mutant(from_the_end, "vit.blocks[-0:] is all of them"),
        Mutant(a_word_on_the_module, "only writes a word on it"),
        Mutant(head_forgotten, "the head does not learn"),
        Mutant(first_blocks, "the first block learns"),
        Mutant(input_still_learns, "below the frozen blocks"),
        Mutant(norm_forgotten, "the last norm does not learn"),
        Mutant(one_block_more, "the other way round"),
        Mutant(norm_always, "0 is the head alone"),
        Mutant(nothing_learns, "not even the head"),
    ],
}
