"""Checks of notebook 10: attention_distance, attention_rollout, linear_readout, from_trained.

Layers, images, heads and tokens differ in number, grids are not square, and rows of attention are not symmetric.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mae_course.exercises.check import call, compare, exercise, expect, random_tensor, tensor
from mae_lite.images import load_image
from mae_lite.measure import inspection
from mae_lite.measure.attention import untrained
from mae_lite.measure.representations import layer_features, pca_colours, plain_facts, r_squared
from mae_lite.weights.assets import list_photos
from mae_lite.weights.checkpoints import load_model

ENOUGH = 0.95
"""R2 that a read-out must reach where a linear function says nearly all."""
SHOWN = 6
"""The layer after which the maps of exercise 4 are made."""
FIRST_CONTROL = 10
"""Seed of the first control in the check of exercise 4; the notebook shows others."""


@exercise
def attention_distance(mine: Any) -> str:
    """`mine(weights, grid_size)` equals `mae_lite.measure.inspection.attention_distance`, (layers, heads)."""
    grid, n = (3, 5), 15
    weights = (2 * random_tensor(3, 2, 4, 1 + n, 1 + n)).softmax(dim=4)
    got = call(mine, weights, grid, hint="16 tokens are the class token and the patches of a grid of 3 x 5.")
    apart, among = inspection.patch_distances(grid), weights[..., 1:, 1:]
    rows = among / among.sum(dim=4, keepdim=True)
    where = torch.cartesian_prod(torch.arange(3.0), torch.arange(5.0))
    steps = (where[:, None] - where[None]).abs().sum(dim=2)
    wrong = inspection.patch_distances((5, 3))
    last = weights[..., :-1, :-1]

    def mean(part: Tensor, lengths: Tensor) -> Tensor:
        return (part * lengths).sum(dim=4).mean(dim=(1, 3))

    slips = {
        "what the class token gets is left out, as it should be, but the rest of each row was not brought back to a "
        "sum of one, so heads that look at the class token seem to look near.": mean(among, apart),
        "the last token was left out; the class token is the first.": mean(last / last.sum(dim=4, keepdim=True), apart),
        "these are squared distances; take the root.": mean(rows, apart.square()),
        "these are steps along rows and columns; the distance is the straight line, root of the sum of squares.":
            mean(rows, steps),
        "down and across are swapped: grid_size is (rows, columns) and patches go row by row, so patch i is in row "
        "i // columns.": mean(rows, wrong),
        "the distances are weighted by what each patch receives; a row of the weights is what one patch gives.":
            mean(among.transpose(3, 4) / among.transpose(3, 4).sum(dim=4, keepdim=True), apart),
        "the heads were averaged too; that hides that some look near and others far. Keep them apart, (layers, heads).":
            mean(rows, apart).mean(dim=1),
        "these are the distances of every patch of every image; take their mean.": (rows * apart).sum(dim=4),
        "the straight mean of all distances, whatever the attention; weigh them by it.":
            torch.full((3, 4), apart.mean().item()),
    }  # fmt: skip
    want = inspection.attention_distance(weights, grid)
    compare(got, want, slips=slips, otherwise="weights among patches, each row brought to a sum of 1, times distances.")
    return "a mean over patches and images, for each head of each layer."


@exercise
def attention_rollout(mine: Any) -> str:
    """`mine(weights)` equals `mae_lite.measure.inspection.attention_rollout`, (b, t, t)."""
    weights = (2 * random_tensor(3, 2, 4, 5, 5)).softmax(dim=4)
    got = call(mine, weights, hint="weights are (layers, b, heads, t, t); the result is (b, t, t).")
    mean, same = weights.mean(dim=2), torch.eye(5)
    a, b, c = (mean + same) / 2
    most = weights.max(dim=2).values + same
    d, e, f = most / most.sum(dim=3, keepdim=True)
    slips = {
        "the identity is missing: half of what leaves a layer is what came in, by the residual connection. Use "
        "(A + I) / 2.": mean[2] @ mean[1] @ mean[0],
        "the layers are multiplied in the wrong order; a later one stands on the left of an earlier one.": a @ b @ c,
        "the rows do not sum to one: after A + I divide by 2, at every layer.":
            (mean[2] + same) @ (mean[1] + same) @ (mean[0] + same),
        "this is the largest head in place of their mean.": f @ e @ d,
        "two slips, no identity and the wrong order; see hint 2.": mean[0] @ mean[1] @ mean[2],
        "this is the last layer alone; multiply all of them.": c,
        "the layers were averaged; information goes through one after the other, so multiply.": (a + b + c) / 3,
        "the identity was added once, at the end; every layer has a residual connection of its own.":
            (mean[2] @ mean[1] @ mean[0] + same) / 2,
    }  # fmt: skip
    want = inspection.attention_rollout(weights)
    compare(got, want, slips=slips, otherwise="mean over heads, (A + I) / 2, and each layer times what came before.")
    eye = torch.eye(4).expand(2, 1, 3, 4, 4)
    compare(call(mine, eye), torch.eye(4)[None], otherwise="where each token attends to itself alone, nothing moves.")
    return f"every row sums to one, and after {len(weights)} layers a token still holds most of itself."


@exercise
def linear_readout(mine: Any) -> str:
    """`mine(x, y, asked)` predicts (row, column) by linear regression with an intercept."""
    x, asked, law = random_tensor(90, 12), random_tensor(30, 12, seed=1) + 0.5, random_tensor(12, 2, seed=2)
    offset = torch.tensor([40.0, -25.0])
    y = x @ law + offset + 0.05 * random_tensor(90, 2, seed=3)
    truth = asked @ law + offset
    got = call(mine, x, y, asked, hint="x is (m, d), y (m, 2), asked (m2, d); the result is (m2, 2).")
    expect(tuple(tensor(got).shape) != (12, 2), "these are the weights of the regression; multiply `asked` by them.")
    shapes = f"the result has the shape {tuple(got.shape)}, it should be (30, 2)"
    expect(got.shape == truth.shape, f"{shapes}: a row and a column for each token of `asked`.")
    got, mean = got.float(), y.mean(dim=0).expand_as(truth)
    expect(not torch.allclose(got, mean, atol=1e-3), "this is the mean of y, whatever is asked; it has an R2 of 0.")
    copied = (got[:, None] - y).abs().sum(dim=2).min(dim=1).values.max() < 1e-4
    expect(not bool(copied), "every guess is one of the known positions: a look-up, not a regression.")
    alone = call(mine, x, y, asked[:1], hint="Here one token alone is asked for.")
    same = isinstance(alone, Tensor) and torch.allclose(alone.float(), got[:1], rtol=1e-2, atol=1e-2)
    hint = "the guess for a token changes with the others that are asked: is `asked` centred or scaled by itself? Use "
    expect(bool(same), hint + "the statistics of x for both.")
    bare = asked @ torch.linalg.lstsq(x, y).solution
    expect(not torch.allclose(got, bare, rtol=1e-2, atol=1e-2), "there is no intercept: add a column of ones to both.")
    found = r_squared(got, truth)
    turned = r_squared(got.flip(1), truth)
    expect(turned.min().item() < ENOUGH, "row and column are swapped; y has the row first.")
    told = f"R2 is {found[0]:.2f} for the row and {found[1]:.2f} for the column, and {ENOUGH} can be reached."
    expect(found.min().item() >= ENOUGH, f"{told} Solve for the weights that fit y best, with a column of ones in x.")
    return f"R2 is {found.min():.3f} or more for both, on tokens that were not in the fit."


@exercise
def from_trained(mine: Any) -> str:
    """`mine(maps, facts)` says of each exhibit, three maps (m, 3), if it comes from the trained model."""
    maps, facts, truth = _exhibits()
    got = call(mine, maps, facts, hint=f"maps is {tuple(maps.shape)}, facts {tuple(facts.shape)}.")
    got = torch.tensor(got) if isinstance(got, list | tuple) else got
    expect(isinstance(got, Tensor) and got.dtype == torch.bool, "give True or False for each exhibit, not numbers.")
    shapes = f"the answer has the shape {tuple(got.shape)}, it should be {tuple(truth.shape)}"
    expect(got.shape == truth.shape, f"{shapes}: one for each exhibit.")
    expect(not got.all(), "you take every exhibit for the trained model's; half are pretty maps of random weights.")
    expect(bool(got.any()), "you take no exhibit for the trained model's; half of them are.")
    expect(bool((got == truth).any()), "every answer is the other way round. Which map follows position more closely?")
    right = int((got == truth).sum())
    hint = "Position says it: regress each map on row and column, and look how much of the map they explain."
    expect(right == len(truth), f"{right} of {len(truth)} are right; colours and contrasts are in both kinds. {hint}")
    return f"all {right}, on photos and random weights that you had not seen. A number decided, not an impression."


def _exhibits() -> tuple[Float[Tensor, "k m 3"], Float[Tensor, "k m p"], Bool[Tensor, " k"]]:
    """PCA maps of three photos each, from the trained model and from controls, in a fixed mixed order."""
    model = load_model(device="cpu")
    imgs = torch.cat([load_image(path, model) for path in list_photos()])
    order = random_tensor(len(imgs), seed=7).argsort()
    maps, facts, truth = [], [], []
    for k, trained in enumerate([True, False, False, True, False, True, True, False]):
        photos = imgs[order[(3 * (k // 2) + torch.arange(3)) % len(imgs)]]
        maker = model if trained else untrained(model, FIRST_CONTROL + k)
        maps.append(pca_colours(layer_features(maker, photos)[SHOWN]).flatten(0, 1))
        facts.append(plain_facts(photos, model.cfg.patch_size).flatten(0, 1))
        truth.append(trained)
    return torch.stack(maps), torch.stack(facts), torch.tensor(truth)
