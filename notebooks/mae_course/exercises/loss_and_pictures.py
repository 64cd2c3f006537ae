"""Checks of notebook 05: mae_loss, normalize_patches, visible_statistics, which_checkpoint.

Images hide different numbers of patches, one patch is nearly flat, grids are not square.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mae_course.exercises.check import call, compare, exercise, expect, given, parts, random_tensor, tensor
from mae_course.figures.loss_and_pictures import SUSPECTS
from mae_lite import loss, patches
from mae_lite.config import MAEConfig
from mae_lite.images import load_image
from mae_lite.masking import random_mask
from mae_lite.measure.baselines import visible_mean_fill
from mae_lite.weights.assets import list_photos

WIDE = MAEConfig(img_size=(112, 168), patch_size=8)
"""Photos of 14 x 21 patches, so that rows and columns cannot be confused."""
BEAT = {"mean": 0.6, "deviation": 0.8}
"""Share of the constant's error that a guess may have; a soap film has about 0.3 and 0.6."""


@exercise
def mae_loss(mine: Any) -> str:
    """`mine(pred, patches, mask)` equals `mae_lite.mae_loss`, also where images hide different numbers of patches."""
    pred, truth = random_tensor(3, 5, 7), random_tensor(3, 5, 7, seed=1)
    mask = torch.tensor([[1, 0, 0, 0, 0], [1, 1, 1, 0, 1], [0, 1, 0, 0, 1]]).bool()
    got = call(mine, pred, truth, mask, hint="The result is one number.")
    errors = (pred - truth).square().mean(dim=2)
    slips = {
        "this is the mean over all patches, the visible ones included; only hidden ones count.": errors.mean(),
        "the visible patches became 0 but were counted: after multiplying by the mask divide by the number of hidden "
        "patches, not by all.": (errors * mask).mean(),
        "the errors of the hidden patches were added up; divide by how many there are.": (errors * mask).sum(),
        "each image was averaged by itself and then the images, so a patch of an image with few hidden ones counts "
        "more; divide once, by all hidden patches of the batch.":
            ((errors * mask).sum(dim=1) / mask.sum(dim=1)).mean(),
        "this is the error of the visible patches: True means hidden.": errors[~mask].mean(),
        "the differences are not squared.": (pred - truth).abs().mean(dim=2)[mask].mean(),
        "the squares of a patch were added up; take the mean over its pixels.":
            (pred - truth).square().sum(dim=2)[mask].mean(),
        "these are the errors of the hidden patches; the loss is their mean, one number.": errors[mask],
    }  # fmt: skip
    want = loss.mae_loss(pred, truth, mask)
    compare(got, want, slips=slips, otherwise="a mean over each patch's pixels, then over the hidden patches.")
    got = call(mine, pred, truth, torch.zeros_like(mask), hint="Here nothing is hidden.")
    compare(got, torch.zeros(()), otherwise="here nothing is hidden, and 0 / 0 is no loss; return 0.")
    return f"the mean over the {int(mask.sum())} hidden patches of the batch, and 0 where nothing is hidden."


@exercise
def normalize_patches(mine: Any) -> str:
    """`mine(patches)` equals `mae_lite.normalize_patches`."""
    b, n, p, c = 2, 3, 2, 3
    x = 2 * random_tensor(b, n, p * p * c) + random_tensor(b, n, 1, seed=1)
    x[0, 1] = 0.02 + 1e-3 * random_tensor(p * p * c, seed=2)  # nearly flat
    got = call(mine, x, hint="patches is (b, n, patch_dim).")
    parts(got, 3, "return three: the normalised patches, means, deviations.")
    off, by_channel = x - x.mean(dim=2, keepdim=True), x.reshape(b, n, p * p, c)
    var, biased = x.var(dim=2, keepdim=True), x.var(dim=2, keepdim=True, correction=0)
    colour = by_channel - by_channel.mean(dim=2, keepdim=True)
    slips = {
        "this is the biased variance, divided by n; the official model divides by n - 1.": off / (biased + 1e-6).sqrt(),
        "eps was added to the deviation, outside the root, so the noise of a nearly flat patch is blown up to full "
        "contrast; add it to the variance.": off / (var.sqrt() + 1e-6),
        "eps is missing; a flat patch would become 0 / 0.": off / var.sqrt(),
        "each colour channel has its own mean and variance here; all values of a patch share one.":
            (colour / (by_channel.var(dim=2, keepdim=True) + 1e-6).sqrt()).flatten(2),
        "two things: each colour has statistics of its own, where all values of a patch share one mean and variance; "
        "and eps stands outside the root.":
            (colour / (by_channel.std(dim=2, keepdim=True) + 1e-6)).flatten(2),
        "one mean and one variance for the whole image; each patch has its own.":
            (x - x.mean(dim=(1, 2), keepdim=True)) / (x.var(dim=(1, 2), keepdim=True) + 1e-6).sqrt(),
        "divided by the variance; take its root.": off / (var + 1e-6),
        "the mean is still in it; take it away before dividing.": x / (var + 1e-6).sqrt(),
    }  # fmt: skip
    want = patches.normalize_patches(x)
    compare(got[0], want[0], slips=slips, otherwise="take away the mean, divide by the root of variance + eps.")
    compare(got[1], want[1], otherwise="the first result is right; the second is the mean of each patch, (b, n, 1).")
    third = "the first two results are right; the third is what you divided by, (b, n, 1)."
    compare(got[2], want[2], slips={f"this is the variance; {third}": var}, otherwise=third)
    return "the official target, on a nearly flat patch as well."


@exercise
def visible_statistics(mine: Any) -> str:
    """`mine(patches, mask, grid_size)` guesses mean and deviation of hidden patches from the visible ones."""
    imgs = torch.cat([load_image(path, WIDE) for path in list_photos()])
    cut = patches.patchify(imgs, WIDE.patch_size)
    mask = random_mask(WIDE.num_patches, 0.75, batch_size=len(imgs), seed=5)
    got = _statistics(mine, cut, mask)
    truth = dict(zip(BEAT, patches.normalize_patches(cut)[1:], strict=True))
    error = {name: _error(got[name], truth[name], mask) for name in BEAT}
    constant = {name: _error(_constant(truth[name], mask), truth[name], mask) for name in BEAT}
    expect(error["mean"] > 1e-6, "these are the true statistics of the hidden patches: the leak itself.")
    swapped = _error(got["deviation"], truth["mean"], mask) < 0.5 * constant["mean"] < 0.5 * error["mean"]
    expect(not swapped, "the two are swapped: first the mean, then the deviation.")
    _expect_no_leak(mine, cut[:2], mask[:2])
    _expect_agreement(mine, mask[:2])
    return _beaten({name: error[name] / constant[name] for name in BEAT}) + ", without a look at hidden pixels."


def _beaten(share: dict[str, float]) -> str:
    """What the guesses achieve, once it is enough."""
    result = " and ".join(f"{one:.2f} for the {name}" for name, one in share.items())
    result = f"the error is {result}, as a share of the error of a constant"
    asked = f"{result}; at most {BEAT['mean']} and {BEAT['deviation']} are asked for."
    expect(
        min(abs(1 - one) for one in share.values()) > 1e-3,
        f"{asked} This is a constant for each photo. Near patches tell more than far ones.",
    )
    expect(share["mean"] < BEAT["mean"], f"{asked} Are the neighbours those above and below as well?")
    expect(
        share["deviation"] < BEAT["deviation"],
        f"{asked} One neighbour is a noisy guess of a deviation: average several, or let a soap film do it.",
    )
    return result


def _statistics(mine: Any, cut: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"]) -> dict[str, Tensor]:
    """The reader's two guesses, once they have the right form."""
    got = call(mine, cut, mask, WIDE.grid_size, hint=f"grid_size is {WIDE.grid_size}, down and across.")
    parts(got, 2, "return two things: the means and the deviations.")
    for name, one in zip(BEAT, got, strict=True):
        shapes = f"the {name} has the shape {tuple(tensor(one, name).shape)}, it should be {(*mask.shape, 1)}"
        expect(one.shape == (*mask.shape, 1), f"{shapes}, one number for each patch.")
        hint = f"the {name} of some patches is not a number: there, no visible neighbour was found to divide by."
        expect(bool(one.isfinite().all()), hint)
    return dict(zip(BEAT, got, strict=True))


def _expect_no_leak(mine: Any, cut: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"]) -> None:
    """Other hidden pixels must not change a guess for a hidden patch."""
    other = cut.where(~mask[..., None], random_tensor(*cut.shape))
    before, after = _statistics(mine, cut, mask), _statistics(mine, other, mask)
    same = all(torch.allclose(before[name][mask], after[name][mask], atol=1e-3) for name in BEAT)
    expect(same, "the guess changes when hidden pixels change, so it looks at them: a leak. Use visible ones.")


def _expect_agreement(mine: Any, mask: Bool[Tensor, "b n"]) -> None:
    """Where all patches are alike, there is but one thing to guess."""
    patch = random_tensor(WIDE.patch_dim) + 2
    _, mean, std = patches.normalize_patches(patch[None, None])
    got = _statistics(mine, patch.expand(*mask.shape, -1), mask)
    off = {name: (got[name] / one - 1)[mask] for name, one in zip(BEAT, (mean, std), strict=True)}
    dropped = {name: one.mean().item() for name, one in off.items()}
    expect(
        dropped["deviation"] > 2 * dropped["mean"] - 0.05,
        "of photos whose patches are all alike the means are about right, and the deviations too small. Do they come "
        "from pixels that were filled in? Those are smooth; fill in the deviations themselves.",
    )
    worst = max(one.abs().max().item() for one in off.values())
    expect(
        worst < 0.02,
        f"where all patches are alike the guess should be the same for all, and it is off by up to {worst:.0%}. Were "
        "hidden neighbours counted as 0? Divide by the number of visible ones.",
    )


def _constant(values: Float[Tensor, "b n 1"], mask: Bool[Tensor, "b n"]) -> Float[Tensor, "b n 1"]:
    """The mean over the visible patches of each photo in place of the hidden ones."""
    grid, hidden = (x.reshape(len(mask), 1, *WIDE.grid_size) for x in (values, mask))
    return visible_mean_fill(grid, hidden).reshape(values.shape)


def _error(guess: Tensor, truth: Tensor, mask: Tensor) -> float:
    return (guess - truth)[mask].square().mean().item()


@exercise
def which_checkpoint(mine: Any) -> str:
    """`mine` says what made pictures A to D."""
    words = ", ".join(f'"{word}"' for word in sorted(SUSPECTS))
    answer = given(mine)
    parts(answer, 4, "give a list of four words, for A, B, C and D.")
    expect(sorted(map(str, answer)) == sorted(SUSPECTS), f"use each of {words} once.")
    place = {word: "ABCD"[list(answer).index(word)] for word in SUSPECTS}
    right = dict(zip(SUSPECTS, "ABCD", strict=True))
    expect(
        place["no decoder"] == right["no decoder"],
        f"{place['no decoder']} is no work of a random decoder: something of the photo is in it. Look for the one in "
        "which nothing is.",
    )
    expect(
        place["leak"] == right["leak"],
        f"not {place['leak']}: it gets the brightness of far places wrong, as one must who saw 20 patches. One of the "
        "four has it right everywhere, which nobody could know.",
    )
    expect(
        place["raw"] == right["raw"],
        f"{place['norm-pix']} has light and shade that go on from patch to patch, so its maker was asked for "
        "brightness. In a norm-pix prediction every patch has the same brightness.",
    )
    return "and no error was raised for any of the four. Only C and D show what the model knows."
