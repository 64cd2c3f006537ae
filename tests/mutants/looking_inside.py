import torch

from mutants import Mutant


def places(grid_size):
    rows, columns = grid_size
    return torch.tensor([[i // columns, i % columns] for i in range(rows * columns)]).float()


def lengths(where):
    return (where[:, None] - where[None]).pow(2).sum(-1).sqrt()


def among_patches(weights):
    part = weights[..., 1:, 1:]
    return part / part.sum(-1, keepdim=True)


def averaged(part, apart):
    return (part * apart).sum(-1).mean(3).mean(1)


def rows_left_short(weights, grid_size):
    return averaged(weights[..., 1:, 1:], lengths(places(grid_size)))


def last_token_dropped(weights, grid_size):
    part = weights[..., :-1, :-1]
    return averaged(part / part.sum(-1, keepdim=True), lengths(places(grid_size)))


def no_root(weights, grid_size):
    return averaged(among_patches(weights), lengths(places(grid_size)) ** 2)


def city_blocks(weights, grid_size):
    where = places(grid_size)
    return averaged(among_patches(weights), (where[:, None] - where[None]).abs().sum(-1))


def rows_for_columns(weights, grid_size):
    return averaged(among_patches(weights), lengths(places(grid_size[::-1])))


def received(weights, grid_size):
    part = weights[..., 1:, 1:].mT
    return averaged(part / part.sum(-1, keepdim=True), lengths(places(grid_size)))


def heads_averaged(weights, grid_size):
    return averaged(among_patches(weights), lengths(places(grid_size))).mean(1)


def never_averaged(weights, grid_size):
    return (among_patches(weights) * lengths(places(grid_size))).sum(-1)


def attention_ignored(weights, grid_size):
    return lengths(places(grid_size)).mean().expand(weights.shape[0], weights.shape[2])


def class_token_kept(weights, grid_size):
    return averaged(weights, lengths(places(grid_size)))


def chain(layers):
    rolled = layers[0]
    for layer in layers[1:]:
        rolled = layer @ rolled
    return rolled


def halves(weights):
    mean = weights.mean(2)
    return 0.5 * mean + 0.5 * torch.eye(mean.shape[-1])


def no_identity(weights):
    return chain(weights.mean(2))


def wrong_order(weights):
    return chain(halves(weights).flip(0))


def not_renormalised(weights):
    return chain(weights.mean(2) + torch.eye(weights.shape[-1]))


def largest_head(weights):
    added = weights.amax(2) + torch.eye(weights.shape[-1])
    return chain(added / added.sum(-1, keepdim=True))


def neither(weights):
    return chain(weights.mean(2).flip(0))


def last_layer(weights):
    return halves(weights)[-1]


def layers_averaged(weights):
    return halves(weights).mean(0)


def identity_at_the_end(weights):
    return 0.5 * chain(weights.mean(2)) + 0.5 * torch.eye(weights.shape[-1])


def heads_kept(weights):
    return chain(0.5 * weights + 0.5 * torch.eye(weights.shape[-1]))


def with_ones(x):
    return torch.cat([x, torch.ones(len(x), 1)], dim=1)


def without_intercept(x, y, asked):
    return asked @ (torch.linalg.pinv(x) @ y)


def centred_by_itself(x, y, asked):
    weights = torch.linalg.pinv(x - x.mean(0)) @ (y - y.mean(0))
    return (asked - asked.mean(0)) @ weights + y.mean(0)


def nearest_token(x, y, asked):
    return y[torch.cdist(asked, x).argmin(1)]


def always_the_mean(x, y, asked):
    return y.mean(0).repeat(len(asked), 1)


def only_weights(x, y, asked):
    return torch.linalg.pinv(x) @ y


def column_first(x, y, asked):
    return (with_ones(asked) @ (torch.linalg.pinv(with_ones(x)) @ y)).flip(1)


def one_feature(x, y, asked):
    return with_ones(asked[:, :1]) @ (torch.linalg.pinv(with_ones(x[:, :1])) @ y)


def explained(one, causes):
    causes, one = with_ones(causes), one - one.mean(0)
    rest = one - causes @ (torch.linalg.pinv(causes) @ one)
    return 1 - rest.pow(2).sum() / one.pow(2).sum()


def by_position(maps, facts):
    return torch.stack([explained(one, fact[:, 4:]) for one, fact in zip(maps, facts, strict=True)])


def everything(maps, facts):
    return torch.ones(len(maps), dtype=torch.bool)


def nothing(maps, facts):
    return torch.zeros(len(maps), dtype=torch.bool)


def turned_round(maps, facts):
    return by_position(maps, facts) < 0.35


def by_contrast(maps, facts):
    spread = maps.std(dim=1).mean(dim=1)
    return spread > spread.median()


def numbers(maps, facts):
    return by_position(maps, facts)


def one_for_all(maps, facts):
    return by_position(maps, facts).mean() > 0.35


MUTANTS = {
    "attention_distance": [
        Mutant(rows_left_short, "so heads that look at the class token"),
        Mutant(last_token_dropped, "the class token is the first"),
        Mutant(no_root, "squared distances"),
        Mutant(city_blocks, "steps along rows and columns"),
        Mutant(rows_for_columns, "down and across are swapped"),
        Mutant(received, "what each patch receives"),
        Mutant(heads_averaged, "the heads were averaged too"),
        Mutant(never_averaged, "every patch of every image"),
        Mutant(attention_ignored, "whatever the attention"),
        Mutant(class_token_kept, "stopped at the line"),
    ],
    "attention_rollout": [
        Mutant(no_identity, "the identity is missing"),
        Mutant(wrong_order, "multiplied in the wrong order"),
        Mutant(not_renormalised, "the rows do not sum to one"),
        Mutant(largest_head, "the largest head"),
        Mutant(neither, "two slips"),
        Mutant(last_layer, "the last layer alone"),
        Mutant(layers_averaged, "the layers were averaged"),
        Mutant(identity_at_the_end, "added once, at the end"),
        Mutant(heads_kept, "has the shape"),
    ],
    "linear_readout": [
        Mutant(without_intercept, "there is no intercept"),
        Mutant(centred_by_itself, "centred or scaled by itself"),
        Mutant(nearest_token, "a look-up"),
        Mutant(always_the_mean, "the mean of y"),
        Mutant(only_weights, "the weights of the regression"),
        Mutant(column_first, "row and column are swapped"),
        Mutant(one_feature, "can be reached"),
    ],
    "from_trained": [
        Mutant(everything, "take every exhibit"),
        Mutant(nothing, "take no exhibit"),
        Mutant(turned_round, "the other way round"),
        Mutant(by_contrast, "are right; colours"),
        Mutant(numbers, "not numbers"),
        Mutant(one_for_all, "one for each exhibit"),
    ],
}
