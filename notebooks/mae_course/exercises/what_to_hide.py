"""Checks of notebook 03, How much and what to hide: random_mask, num_masked, block_mask, linear_fill."""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mae_course.exercises.check import call, compare, exercise, expect, random_tensor, tensor
from mae_lite import masking

STRIP = torch.tensor([False, True, False, False, True, True, False])
"""Which of seven pixels in a row the last exercise hides: a gap of one, and a gap of two."""
SOAP_FILM = torch.tensor([[3, 0, 0], [3, 0, 0], [0, 4, 2], [0, 2, 4]]) / 6
"""From its four visible to its three hidden pixels: straight lines between neighbours."""
BLOCKY = 0.42
"""Share of neighbours that are both hidden, between what scattered patches (0.31) and rectangles (0.48) give."""


@exercise
def random_mask(mine: Any) -> str:
    """`mine(noise, count)` hides the `count` patches of the highest noise in each image."""
    b, n, count = 4000, 10, 7
    noise = torch.rand(b, n, generator=torch.Generator().manual_seed(0))
    got = call(mine, noise, count, hint="noise is (b, n), and so is the mask.")
    want = noise.argsort(dim=1).argsort(dim=1) >= n - count
    slips = {
        "the patches of the lowest noise are hidden; those are the ones to keep.":
            noise.argsort(dim=1).argsort(dim=1) < count,
        "True stands for visible here, it should stand for hidden.": ~want,
        "the count is exact, but the wrong patches are hidden. Sorted once, the list says which patch comes at each "
        "place; the mask needs the place of each patch, so sort the list again.": noise.argsort(dim=1) >= n - count,
        "every image hides its last patches: the cut was made in the sorted order, and the mask not put back into the "
        "order of the patches.": (torch.arange(n) >= n - count).expand(b, n),
        "all images got the mask of the first one; each row of noise makes its own.": want[:1].expand(b, n),
    }  # fmt: skip
    compare(got, want, slips=slips, otherwise=_count_hint(got, count))
    share = got.float().mean(dim=0)
    return (
        f"{count} of {n} in every mask, and no patch is favoured: over {b:,} masks each is hidden in "
        f"{share.min():.0%} to {share.max():.0%}."
    )


def _count_hint(got: Any, count: int) -> str:
    """What is wrong with the number of patches that masks hide."""
    if isinstance(got, Tensor) and got.ndim == 2 and got.dtype == torch.bool:
        low, high = got.sum(dim=1).aminmax()
        says = f"the masks hide {low} to {high} patches, and each should hide {count}; "
        if low < high <= count:
            return says + "a patch that is drawn twice is hidden once. Sorting draws none twice."
        if low < high:
            return says + "a threshold hides whatever lies above it, be it much or little. Compare places, not noise."
    return "hide those of the highest noise, row by row."


@exercise
def num_masked(mine: Any) -> str:
    """`mine(num_patches, mask_ratio)` equals `mae_lite.masking.num_masked`, halves either way."""
    cases = [(n, k / 100) for n in (9, 50, 100, 196) for k in range(91) if n * k % 100 != 50]
    got = [call(mine, *case, hint="It takes two numbers and returns one.") for case in cases]
    odd = next((value for value in got if isinstance(value, bool) or not isinstance(value, int)), None)
    expect(odd is None, f"a count is a whole number, an int; {odd!r} is a {type(odd).__name__}.")
    want = [masking.num_masked(*case) for case in cases]
    usual = {
        "this is how many stay visible; the number of hidden ones is wanted.":
            lambda n, r: n - masking.num_masked(n, r),
        "int cuts off what is behind the point: 100 * (1 - 0.9) is a hair below 10, so int keeps 9 and hides 91. "
        "Round.": lambda n, r: n - int(n * (1 - r)),
        "int cuts off what is behind the point: 100 * 0.29 is a hair below 29, so int hides 28. Round.":
            lambda n, r: int(n * r),
        "this always rounds up: of 196 patches at 90 % it hides 177 for 176.4. Take the nearest.":
            lambda n, r: math.ceil(n * r),
        "the class token was counted as a patch: at 75 % of 196 it hides 148 and not 147. It is never hidden.":
            lambda n, r: round((n + 1) * r),
    }  # fmt: skip
    for hint, wrong in usual.items():
        expect(got != [wrong(*case) for case in cases], hint)
    bad = [(case, a, b) for case, a, b in zip(cases, got, want, strict=True) if a != b]
    if bad:
        (n, ratio), found, right = bad[0]
        expect(False, f"of {n} patches at {ratio:.0%} you hide {found}; it should be {right}.")
    most = call(mine, 9, 0.99, hint="Here nearly all is to be hidden.")
    expect(most == 8, f"at 99 % of 9 patches you hide {most}; one has to stay visible, or there is nothing to go by.")
    return f"exact for {len(cases)} pairs of a count and a ratio, and one patch always stays visible."


@exercise
def block_mask(mine: Any) -> str:
    """`mine(grid_size, count, generator)` hides rectangles, `count` patches in all; the mask is (n,)."""
    (rows, columns), count, draws = (6, 8), 27, 600
    drawn = _draw(mine, (rows, columns), count, draws)
    low, high = (int(end) for end in drawn.sum(dim=1).aminmax())
    says = f"the masks hide {low} to {high} patches, and each should hide {count}; "
    expect(high != rows * columns - count, "True stands for visible here, it should stand for hidden.")
    expect(low >= count, says + "where rectangles overlap, a patch was counted twice.")
    expect(high <= count, says + "the last rectangle goes beyond the count and has to be cut.")
    expect(len(drawn.unique(dim=0)) > 1, "every call gives the same mask; draw from the generator, and never seed it.")
    maps = drawn.reshape(draws, rows, columns).float()
    pairs = (maps[:, 1:] * maps[:, :-1]).sum() + (maps[:, :, 1:] * maps[:, :, :-1]).sum()
    both = pairs.item() / draws / (rows * (columns - 1) + columns * (rows - 1))
    expect(
        both > BLOCKY,
        f"the count is right, but the patches lie scattered: of two neighbours both are hidden in {both:.0%} of cases, "
        f"with rectangles in more than {BLOCKY:.0%}.",
    )
    top, bottom = maps[:, 0].mean().item(), maps[:, -1].mean().item()
    expect(
        abs(top - bottom) < 0.12,
        f"the top row is hidden in {top:.0%} of cases, the bottom row in {bottom:.0%}: the cut takes patches from one "
        "end of the picture, whichever rectangle they belong to. Take them from the last rectangle.",
    )
    return f"{count} patches in each of {draws} masks, in blocks, at the top about as often as at the bottom."


def _draw(mine: Any, grid_size: tuple[int, int], count: int, draws: int) -> Bool[Tensor, "draws n"]:
    """Many masks by the reader's function, one generator for all."""
    generator, n = torch.Generator().manual_seed(0), grid_size[0] * grid_size[1]
    masks = []
    for _ in range(draws):
        mask = call(mine, grid_size, count, generator, hint="grid_size is (down, across).")
        tensor(mask)
        expect(mask.shape == (n,), f"the mask has the shape {tuple(mask.shape)}; it should be ({n},), one a patch.")
        expect(mask.dtype == torch.bool, f"the mask holds {mask.dtype}, it should be torch.bool.")
        masks.append(mask)
    return torch.stack(masks)


@exercise
def linear_fill(mine: Any) -> str:
    """`mine(pixels, hidden, covariance)` fills hidden pixels with the best linear function of the visible ones."""
    v, h, n = ~STRIP, STRIP, len(STRIP)
    offset = (torch.arange(n)[:, None] - torch.arange(n)).abs()
    covariance = 0.7 * 0.95**offset + 0.3 * 0.5**offset
    pixels = random_tensor(500, n) @ torch.linalg.cholesky(covariance).T
    got = call(mine, pixels, h, covariance, hint="covariance[a][:, b] is the block of pixels a and pixels b.")
    across = covariance[v][:, h]
    want = _fill(pixels, torch.linalg.solve(covariance[v][:, v], across))
    means = pixels[:, v].mean(dim=1, keepdim=True).expand(-1, n).where(h, pixels)
    slips = {
        "the weights are the covariances as they are, so what visible pixels have in common counts several times. "
        "Solve C_vv w = C_vh.": _fill(pixels, across),
        "the weights were cut out of the inverse of the whole covariance; only the block of the visible pixels, C_vv, "
        "is to be inverted.": _fill(pixels, torch.linalg.inv(covariance)[v][:, h]),
        "this is a straight line from one visible neighbour to the next, a soap film: near, but the covariance says "
        "something else.": _fill(pixels, SOAP_FILM),
        "this is the mean of the visible pixels; near ones tell more than far ones.": means,
        "these are the hidden pixels alone; return whole strips, with the visible pixels as they were.": want[:, h],
    }  # fmt: skip
    compare(got, want, slips=slips, otherwise=f"the best linear guess has an MSE of {_mse(want, pixels):.3f} here.")
    film = _mse(_fill(pixels, SOAP_FILM), pixels)
    return f"MSE {_mse(got, pixels):.3f}; straight lines have {film:.3f}, the visible mean {_mse(means, pixels):.3f}."


def _fill(pixels: Float[Tensor, "b n"], weights: Float[Tensor, "v m"]) -> Float[Tensor, "b n"]:
    filled = pixels.clone()
    filled[:, STRIP] = pixels[:, ~STRIP] @ weights
    return filled


def _mse(filled: Tensor, pixels: Tensor) -> float:
    return (filled - pixels)[:, STRIP].square().mean().item()
