"""Checks of notebook 07: object_or_background, ten_best, fewest_visible, beat_the_model.

Each is an experiment on the bundled model, so what is right is measured here with that model, and nowhere written down.
"""

import functools
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mae_course.exercises.check import call, compare_numbers, exercise, expect, number, parts
from mae_course.exercises.limits import beat_the_model, fewest_visible
from mae_course.exercises.searches import errors_when_shown, trained_and
from mae_lite.measure.reconstruct import Reconstruction, reconstruct
from mae_lite.measure.sweeps import guess

__all__ = ["beat_the_model", "fewest_visible", "object_or_background", "ten_best"]

CANDIDATES = torch.arange(196).reshape(14, 14)[::2, ::2].flatten().tolist()
"""Every second patch of every second row."""
DRAWS = 100
MARGIN = 0.3
"""By how much ten well chosen patches must beat ten random ones on average; a greedy search halves the error."""


def _fig() -> Bool[Tensor, "rows columns"]:
    """The patches of the photo that the fig fills for the most part."""
    grid = torch.zeros(14, 14, dtype=torch.bool)
    grid[5:10, 7:11] = grid[6:9, 6] = True
    return grid


@exercise
def object_or_background(mine: Any) -> str:
    """`mine(model, image)` gives a mask over the fig, the same hole elsewhere, and the quotient of their errors."""
    model, image = trained_and("fig")
    with torch.no_grad():
        got = call(mine, model, image, hint="ml.mask_from_grid makes a mask of a grid of 14 x 14 zeros and ones.")
    three = "return three things: the mask over the fig, the mask elsewhere, and the factor."
    fruit, elsewhere, factor = parts(got, 3, three)
    fruit, elsewhere = _grid(fruit, "first"), _grid(elsewhere, "second")
    _expect_over_the_fig(fruit)
    box = torch.zeros(14, 14, dtype=torch.bool)
    box[5:11, 6:11] = True
    expect(not (elsewhere & box).any().item(), "the second hole hides a part of the fig as well; move it away.")
    counts = f"the two masks hide {int(fruit.sum())} and {int(elsewhere.sum())} patches"
    expect(
        int(fruit.sum()) == int(elsewhere.sum()), f"{counts}; hide equally many, or you compare how much and not what."
    )
    expect(
        torch.equal(_moved_to_corner(fruit), _moved_to_corner(elsewhere)),
        "the two holes have the same area and another shape. What is scattered or thin lies near something visible and "
        "costs less for that alone; move the first hole as it is.",
    )
    shown = [reconstruct(model, image, mask.reshape(1, -1)) for mask in (fruit, elsewhere)]
    return _factor(number(factor, "factor"), shown)


def _grid(mask: Any, name: str) -> Bool[Tensor, "rows columns"]:
    """A reader's mask as a grid, once it is one."""
    good = isinstance(mask, Tensor) and mask.shape == (1, 196) and mask.dtype == torch.bool
    found = f"has the shape {tuple(mask.shape)} and holds {mask.dtype}" if isinstance(mask, Tensor) else "is no tensor"
    expect(good, f"the {name} mask {found}; ml.mask_from_grid(grid) makes it booleans of the shape (1, 196).")
    return mask.reshape(14, 14)


def _expect_over_the_fig(fruit: Bool[Tensor, "rows columns"]) -> None:
    fig = _fig()
    missed = int((fig & ~fruit).sum())
    size = int(fruit.sum())
    inverted = size > 98 and missed > int(fig.sum()) / 2
    expect(not inverted, "the first mask hides everything but the fig; in a mask 1, or True, means hidden.")
    turned = missed > 0 and fruit.T[fig].all().item()
    expect(not turned, "the first hole lies turned over the diagonal: a grid is indexed [rows, columns], down first.")
    expect(missed == 0, f"{missed} of the {int(fig.sum())} patches that the fig fills are visible in the first mask.")
    expect(size <= 48, f"the first mask hides {size} patches, far more than the fig; 48 at most.")


def _moved_to_corner(grid: Bool[Tensor, "rows columns"]) -> Int[Tensor, "k 2"]:
    """Rows and columns of what is hidden, counted from its own upper and left end."""
    places = grid.nonzero()
    return places - places.min(dim=0).values


def _factor(factor: float, shown: list[Reconstruction]) -> str:
    """What the two holes cost, once the reader's factor is right."""
    fruit, elsewhere = shown
    want = fruit.mse / elsewhere.mse
    slips = {
        "the factor is upside down: by how much does the fig cost more than the other hole?": 1 / want,
        "this is the quotient of the two PSNRs, which are logarithms; divide the errors, .mse.":
            fruit.psnr / elsewhere.psnr,
        "this is the difference of the two errors; divide them.": fruit.mse - elsewhere.mse,
    }  # fmt: skip
    found = f"the masks are fine, but by them the factor is {want:.2f}, not {factor:.2f}."
    compare_numbers(factor, want, slips=slips, otherwise=found, rtol=1e-2)
    film = [one.mse / (1 - one.skill) for one in shown if one.skill is not None]
    beside = f" For the soap film it is {film[0] / film[1]:.1f}." if len(film) == 2 else ""
    return f"a hole over the fig costs the model {want:.1f} times as much as the same hole elsewhere.{beside}"


@exercise
def ten_best(mine: Any) -> str:
    """`mine(model, image, candidates)` finds ten patches to show that tell more than random ones."""
    model, image = trained_and("dahlia")
    with torch.no_grad():
        got = call(mine, model, image, list(CANDIDATES), hint="candidates is a list of 49 patch numbers.")
    chosen = _ten(got, CANDIDATES)
    error = errors_when_shown(model, image, torch.tensor([chosen])).item()
    mean, best = _random_choices()
    said = f"the error with your ten is {error / mean:.0%} of that with ten random ones"
    if error > (1 - MARGIN) * mean or error > best:
        for hint, ten in _ten_by_usual_slips().items():
            expect(set(chosen) != ten, f"{said}. {hint}")
        hint = "Try each candidate beside those chosen before, and keep the one with the smallest error."
        expect(
            False, f"{said}; {1 - MARGIN:.0%} and less than the best of {DRAWS} random choices are asked for. {hint}"
        )
    return f"{said}, and lower than with the best of {DRAWS} random choices."


@functools.cache
def _random_choices() -> tuple[float, float]:
    """Mean and smallest error over many choices of ten."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([torch.randperm(len(CANDIDATES), generator=generator)[:10] for _ in range(DRAWS)])
    errors = errors_when_shown(*trained_and("dahlia"), torch.tensor(CANDIDATES)[draws])
    return errors.mean().item(), errors.min().item()


def _ten(got: Any, candidates: list[int]) -> list[int]:
    """The reader's patches as ten different numbers of the list."""
    mask = isinstance(got, Tensor) and (got.dtype == torch.bool or got.numel() > 10)
    expect(not mask, "return the ten patch numbers themselves, not a mask and not all errors.")
    expect(isinstance(got, list | tuple | Tensor), "return a list of ten patch numbers.")
    chosen = [int(patch) for patch in got]
    expect(len(chosen) == 10, f"return ten patch numbers, not {len(chosen)}.")
    expect(len(set(chosen)) == 10, "some patch is in it twice; leave out those that are chosen already.")
    outside = [patch for patch in chosen if patch not in candidates]
    places = bool(outside) and max(chosen) < len(candidates)
    expect(not places, f"these look like places in the list of candidates; return candidates[i], not i ({chosen[:3]}).")
    expect(not outside, f"{outside[:3]} are not among the candidates.")
    return chosen


@functools.cache
def _ten_by_usual_slips() -> dict[str, set[int]]:
    """For usual mistakes the hint, and the ten patches that come out."""
    model, image = trained_and("dahlia")
    here = torch.tensor(CANDIDATES)
    single = errors_when_shown(model, image, here[:, None])
    one_hidden = guess(model, image, torch.nn.functional.one_hot(here, model.num_patches).bool())
    orders = {
        "These are the ten that tell most when shown alone, and they repeat each other. Choose the second with the "
        "first one shown, and so on.": single,
        "These are the ten that tell least when shown alone; take the smallest error.": -single,
        "These are the ten with the most contrast. What is hard to guess need not tell about the others; measure.":
            -one_hidden.patches.std(dim=1)[here],
        "These are the ten that are hardest to guess when hidden. The question is the other way round: which help to "
        "guess the rest?": -one_hidden.error[here],
        "These are the first ten candidates. The .loss of a batch is one number for all of its rows; each row needs an "
        "error of its own.": here,
    }  # fmt: skip
    return {hint: set(here[values.argsort()[:10]].tolist()) for hint, values in orders.items()}
