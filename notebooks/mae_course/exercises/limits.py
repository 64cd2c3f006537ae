"""Checks of notebook 07 on where the model stops: fewest_visible, beat_the_model."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mae_course.exercises.check import call, exercise, expect, tensor
from mae_course.exercises.searches import bisect, scan, trained_and, visible_psnr
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.baselines import harmonic_fill
from mae_lite.measure.sweeps import guess
from mae_lite.weights.checkpoints import load_model

PHOTOS = ("mountains", "dogs", "coffee", "cat", "fig", "nuthatch", "pagoda", "astronaut")
TARGETS = [round(14 + 0.1 * k, 1) for k in range(70)]
"""What to try until a pair is found where the usual slips show: each gives another number of patches."""
LEAD = 0.2
"""By how much the harmonic fill must beat the model."""
CONTRAST = 0.1
"""Deviation of the pixels of a picture that is not flat, where black is 0 and white 1."""


@functools.cache
def _psnr(name: str) -> Callable[[int], float]:
    """The PSNR of a photo by how many patches are visible."""
    return visible_psnr(*trained_and(name))


@functools.cache
def _slips(name: str) -> dict[str, Callable[[float], int | None]]:
    """For usual mistakes the hint, and a function from the target to what comes out."""
    drawn_anew, pasted = (visible_psnr(*trained_and(name), **how) for how in ({"seed": None}, {"whole": True}))
    return {
        "The PSNR was taken over the whole picture, where visible patches are right for free; count hidden ones only.":
            functools.partial(scan, pasted),
        "Each count had a mask of another seed, so luck decides; keep the seed 0, and every mask holds the one before.":
            functools.partial(scan, drawn_anew),
        "This is what a binary search finds. It takes for granted that more visible patches never lower the PSNR.":
            functools.partial(bisect, _psnr(name)),
    }  # fmt: skip


@functools.cache
def _case() -> tuple[str, float]:
    """A photo and a PSNR for which each usual slip finds another number of patches than the fewest."""
    for name in PHOTOS:
        for target in TARGETS:
            first = scan(_psnr(name), target, most=45)
            if first and first > 8:
                found = [first, first - 1, *(slip(target) for slip in _slips(name).values())]
                if len(set(found)) == len(found):
                    return name, target
    return PHOTOS[0], TARGETS[0]


@exercise
def fewest_visible(mine: Any) -> str:
    """`mine(model, image, target)` is the smallest number of visible patches with a PSNR of at least `target`."""
    name, target = _case()
    first = scan(_psnr(name), target)
    with torch.no_grad():
        got = call(mine, *trained_and(name), target, hint="ml.reconstruct(model, image, mask).psnr is the PSNR.")
    _expect_count(got, first)
    if got != first:
        _explain_count(int(got), name, target, first)
    searched = bisect(_psnr(name), target)
    other = f" A binary search says {searched}, since one more visible patch can make the PSNR of the others fall."
    return f"with {first} of 196 patches visible the {name} first reach {target:g}.{other if searched != first else ''}"


def _expect_count(got: Any, first: int) -> None:
    """Go on if the reader's answer is a number of visible patches."""
    whole = isinstance(got, int) or (isinstance(got, Tensor) and got.numel() == 1 and not got.is_floating_point())
    expect(whole or not isinstance(got, float), "this is a share or a PSNR; return how many patches are visible.")
    expect(whole and 1 <= int(got) <= 195, f"return a whole number of patches from 1 to 195, not {got}.")
    expect(int(got) != 196 - first, f"{int(got)} is how many are hidden; return how many are visible.")


def _explain_count(got: int, name: str, target: float, first: int) -> None:
    """The verdict on another count than the first one that is enough."""
    reached = _psnr(name)(got)
    measured = f"with {got} visible the PSNR is {reached:.2f}, the target {target:g}"
    for hint, slip in _slips(name).items():
        expect(got != slip(target), f"{measured}. {hint}")
    before = "This is the number before it; the first one that reaches the target is asked for."
    expect(got != first - 1, f"{measured}. {before}")
    expect(reached < target, f"{measured}, but fewer do as well. Look at every count, from 1 up.")
    expect(False, f"{measured}, so that is not enough.")


@exercise
def beat_the_model(mine: Any) -> str:
    """`mine(height, width)` is a picture with contrast that the harmonic fill restores better than the model."""
    model = load_model(device="cpu")
    height, width = model.cfg.img_size
    got = call(mine, height, width, hint="A picture is a tensor (3, height, width) of values from 0 to 1.")
    _expect_picture(got, height, width)
    mean, std = (torch.tensor(values)[:, None, None] for values in (model.cfg.mean, model.cfg.std))
    image = ((got.float() - mean) / std)[None]
    masks = torch.cat([random_mask(model.num_patches, 0.75, seed=seed) for seed in range(3)])
    with torch.no_grad():
        found = guess(model, image, masks)
    hidden = pixel_mask(masks, model.cfg.grid_size, model.cfg.patch_size)
    film = harmonic_fill(image.expand(3, -1, -1, -1), hidden) - image
    film_error = film.square()[hidden.expand_as(film)].mean().item()
    error = (found.preds - found.patches).square()[masks].mean().item()
    said = f"under three masks the squared error of the model is {error:.3f} and that of the fill {film_error:.3f}"
    if film_error > (1 - LEAD) * error:
        _expect_what_a_film_can_do(got.float(), said, error, film_error)
    return f"{said}: skill {1 - error / film_error:+.2f}."


def _expect_picture(got: Any, height: int, width: int) -> None:
    """Go on if this is a picture with some contrast."""
    tensor(got, "picture")
    last = "; the channels come first here" if got.shape == (height, width, 3) else ""
    expect(
        got.shape == (3, height, width),
        f"the picture has the shape {tuple(got.shape)}, it should be {(3, height, width)}{last}.",
    )
    bytes_ = not got.is_floating_point() or got.max().item() > 2
    expect(not bytes_, f"values run up to {got.max():g}; divide bytes by 255, black is 0 and white 1.")
    expect(bool(got.isfinite().all()), "some values are not a number.")
    low, high = got.min().item(), got.max().item()
    expect(low >= -1e-4 and high <= 1 + 1e-4, f"values run from {low:.2f} to {high:.2f}; a screen has 0 to 1 only.")
    contrast = got.flatten(1).std(dim=1).max().item()
    expect(
        contrast >= CONTRAST,
        f"the picture is almost flat, its deviation {contrast:.2f} at most in a channel; at least {CONTRAST} is asked "
        "for. On a flat picture nobody has anything to guess.",
    )


def _expect_what_a_film_can_do(picture: Float[Tensor, "3 h w"], said: str, error: float, film_error: float) -> None:
    """The verdict on a picture on which the fill does not lead, by what kind of picture it is."""
    steps = (picture[:, :, 1:] - picture[:, :, :-1]).square().mean()
    rough = (steps > picture.flatten(1).var(dim=1).mean()).item()
    wins = "is not far enough ahead" if film_error < error else "loses"
    asked = f"{said}, so the fill {wins}; it should be at least {LEAD:.0%} lower."
    expect(not rough, f"{asked} Here neighbouring pixels have little to do with each other. A soap film is smooth.")
    grey = (picture - picture.mean(dim=0)).abs().max().item() < 0.02
    expect(not grey, f"{asked} The model has seen many skies and walls in shades of one colour. And in several?")
    expect(False, f"{asked} Make it smooth, so that the film is good, and unlike any photo.")
