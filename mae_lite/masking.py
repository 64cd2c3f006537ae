"""Which patches to hide (section 3, "Masking"; Table 1f; Figure 6).

A mask is a boolean tensor (b, n), **True = masked (hidden)**. Every mask here hides an exact number of patches and is
*nested*: for one seed, raising the ratio hides more patches and never uncovers one.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

STRATEGIES = ("random", "block", "grid", "centre", "half")
"""The names that `draw_mask` knows."""


def num_masked(num_patches: int, mask_ratio: float) -> int:
    """Patches to hide: the ratio rounded to a whole patch, with at least one patch left visible.

    Raises:
        ValueError: if the ratio is not at least 0 and below 1.
    """
    if not 0 <= mask_ratio < 1:
        raise ValueError(f"mask_ratio is {mask_ratio}; it must be at least 0 and below 1, 0.75 hides 3 of 4 patches.")
    return min(round(num_patches * mask_ratio), num_patches - 1)


def random_mask(
    num_patches: int,
    mask_ratio: float = 0.75,
    *,
    batch_size: int = 1,
    seed: int = 0,
    generator: torch.Generator | None = None,
) -> Bool[Tensor, "b n"]:
    """Hide patches uniformly at random without replacement, a fresh draw for each image of the batch (section 3).

    Args:
        num_patches: patches in an image, n.
        mask_ratio: share of patches to hide.
        batch_size: images, b.
        seed: fixes the draw on every device, since it is made on the CPU.
        generator: used instead of `seed` where many masks are drawn in a row; the mask lies on its device.

    Returns:
        The mask, True = hidden.

    Raises:
        ValueError: if the ratio is not at least 0 and below 1.
    """
    generator = generator or torch.Generator().manual_seed(seed)
    noise = torch.rand(batch_size, num_patches, generator=generator, device=generator.device)
    return _hide_highest(noise, mask_ratio)


def block_mask(
    grid_size: tuple[int, int], mask_ratio: float = 0.75, *, batch_size: int = 1, seed: int = 0
) -> Bool[Tensor, "b n"]:
    """Hide large rectangles, one after the other, until the count is reached (BEiT's block-wise masking; Table 1f).

    Args:
        grid_size: patches down and across.
        mask_ratio: share of patches to hide; the last rectangle is cut so that the count is exact.
        batch_size: images, b.
        seed: fixes the rectangles.

    Returns:
        The mask (b, rows x columns), True = hidden.

    Raises:
        ValueError: if the ratio is not at least 0 and below 1.
    """
    return draw_mask("block", grid_size, mask_ratio, batch_size=batch_size, seed=seed)


def _block_score(grid_size: tuple[int, int], generator: torch.Generator) -> Float[Tensor, " n"]:
    """A score for each patch, the higher the earlier a sequence of random rectangles covered it."""
    rows, columns = grid_size
    reached: dict[tuple[int, int], None] = {}  # in the order of first cover
    while len(reached) < rows * columns:
        u = torch.rand(4, generator=generator).tolist()
        area = (0.08 + 0.17 * u[0]) * rows * columns  # BEiT: at least 16 of 196 patches
        aspect = 0.3 ** (1 - 2 * u[1])  # BEiT: 0.3 to 1 / 0.3
        height = min(max(round((area * aspect) ** 0.5), 1), rows)
        width = min(max(round((area / aspect) ** 0.5), 1), columns)
        top, left = int(u[2] * (rows - height + 1)), int(u[3] * (columns - width + 1))
        block = itertools.product(range(top, top + height), range(left, left + width))
        reached.update(dict.fromkeys(block))
    score = torch.zeros(rows * columns)
    score[[y * columns + x for y, x in reached]] = torch.arange(rows * columns, 0, -1.0)
    return score


def grid_mask(
    grid_size: tuple[int, int], mask_ratio: float = 0.75, *, batch_size: int = 1, seed: int = 0
) -> Bool[Tensor, "b n"]:
    """Keep a regular lattice; at 75 % exactly one patch of each 2 x 2 (grid-wise sampling; Table 1f).

    Other ratios keep the first patches of an ordered-dither (Bayer) matrix, so that what is visible stays evenly
    spread and nested.

    Takes and raises the same as `block_mask`; all images get the same lattice, which the seed shifts: 0 keeps the upper
    left patch.
    """
    return draw_mask("grid", grid_size, mask_ratio, batch_size=batch_size, seed=seed)


def _grid_score(grid_size: tuple[int, int], seed: int) -> Float[Tensor, " n"]:
    """A score for each patch, higher where the lattice is finer."""
    rows, columns = grid_size
    row = (torch.arange(rows) + seed // 2 % 2)[:, None]
    column = (torch.arange(columns) + seed % 2)[None, :]
    rank = torch.zeros(rows, columns)
    for level in range(max(rows, columns).bit_length() + 1):  # coarse bits decide last, fine bits first
        r, c = row >> level & 1, column >> level & 1
        rank += (2 * (r ^ c) + r) * 0.25**level
    return rank.flatten()


def _centre_score(grid_size: tuple[int, int], generator: torch.Generator) -> Float[Tensor, " n"]:
    """A score for each patch, higher nearer the centre; the seed decides between patches that are equally near."""
    rows, columns = (torch.arange(size) - (size - 1) / 2 for size in grid_size)
    distance = (rows.square()[:, None] + columns.square()[None, :]).flatten()  # equal, or at least 1 apart
    return torch.rand(len(distance), generator=generator) / 2 - distance


def _half_score(grid_size: tuple[int, int], seed: int) -> Float[Tensor, " n"]:
    """A score for each patch, higher nearer one side: left for seed 0, top for 1, right for 2, bottom for 3."""
    rows, columns = grid_size
    across, down = torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy")
    far, along = (across, down) if seed % 2 == 0 else (down, across)
    if seed % 4 >= 2:
        far = far.max() - far
    return -(far * max(rows, columns) + along).flatten().float()


def _score(strategy: str, grid_size: tuple[int, int], batch_size: int, seed: int) -> Float[Tensor, "b n"]:
    """A score for each patch: a strategy hides the highest first."""
    generator = torch.Generator().manual_seed(seed)
    if strategy == "random":
        return torch.rand(batch_size, grid_size[0] * grid_size[1], generator=generator)
    draws = {
        "block": lambda: _block_score(grid_size, generator),
        "grid": lambda: _grid_score(grid_size, seed),
        "centre": lambda: _centre_score(grid_size, generator),
        "half": lambda: _half_score(grid_size, seed),
    }
    if strategy not in draws:
        raise ValueError(f'There is no mask strategy "{strategy}"; use one of {", ".join(STRATEGIES)}.')
    return torch.stack([draws[strategy]() for _ in range(batch_size)])


def draw_mask(
    strategy: str, grid_size: tuple[int, int], mask_ratio: float = 0.75, *, batch_size: int = 1, seed: int = 0
) -> Bool[Tensor, "b n"]:
    """A mask by the name of its strategy, for a menu or a command line.

    "random", "block" and "grid" are `random_mask`, `block_mask` and `grid_mask`. "centre" hides the patches nearest the
    centre: what the picture is of. "half" hides from one side on: left, top, right, bottom for seed 0 to 3.

    Raises:
        ValueError: if the strategy is not one of STRATEGIES, or the ratio does not fit.
    """
    return _hide_highest(_score(strategy, grid_size, batch_size, seed), mask_ratio)


def draw_order(strategy: str, grid_size: tuple[int, int], *, seed: int = 0) -> Int[Tensor, " n"]:
    """For each patch, how many the strategy hides before it: `order < k` is its mask that hides k patches.

    Raises:
        ValueError: if the strategy is not one of STRATEGIES.
    """
    rank = _rank(_score(strategy, grid_size, 1, seed))[0]
    return len(rank) - 1 - rank


def mask_from_grid(
    grid: Tensor | np.ndarray | Sequence, grid_size: tuple[int, int] | None = None
) -> Bool[Tensor, "1 n"]:
    """A mask from a drawn grid of 0 and 1, or False and True, or nested lists of them (1 or True = hidden).

    Args:
        grid: a row for each row of patches.
        grid_size: the patches down and across that the model has, if the grid shall be checked against it: a mask no
            longer tells 7 x 28 from 14 x 14.

    Raises:
        ValueError: if the grid has not two axes, holds other values, has another size, or hides every patch.
    """
    rule = "A mask grid has two axes (patches down, patches across) and holds only 0 and 1 (1 = hidden)"
    try:
        grid = torch.as_tensor(grid)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{rule}, its rows equally long; this one is no table of numbers.") from error
    if grid.ndim != 2 or grid.numel() == 0 or not ((grid == 0) | (grid == 1)).all():
        raise ValueError(f"{rule}; this one has the shape {tuple(grid.shape)} and values {grid.unique()[:5].tolist()}.")
    if grid_size is not None and tuple(grid.shape) != tuple(grid_size):
        raise ValueError(
            f"This mask has {grid.shape[0]}x{grid.shape[1]} patches, the model {grid_size[0]}x{grid_size[1]} patches; "
            "draw one of that size."
        )
    mask = grid.bool().reshape(1, -1)
    if mask.all():
        raise ValueError("This mask hides every patch; leave at least one visible for the encoder to see.")
    return mask


def _hide_highest(score: Float[Tensor, "b n"], mask_ratio: float) -> Bool[Tensor, "b n"]:
    """Hide the patches of the highest scores. The ratio only moves the cut, so masks are nested."""
    n = score.shape[1]
    return _rank(score) >= n - num_masked(n, mask_ratio)


def _rank(score: Float[Tensor, "b n"]) -> Int[Tensor, "b n"]:
    """The place of each score, from 0 for the lowest."""
    return score.argsort(dim=1, stable=True).argsort(dim=1)


def ids_from_mask(mask: Bool[Tensor, "b n"]) -> tuple[Int[Tensor, "b n_keep"], Int[Tensor, "b n"]]:
    """The shuffle of section 3, read off a mask: which patches the encoder gets, and how to undo it.

    A stable sort puts visible patches first, in raster order. Their order does not matter to the model, since every
    token carries its position.

    Returns:
        ids_keep: indices of the visible patches.
        ids_restore: for each patch its place in (visible patches, then mask tokens).

    Raises:
        ValueError: if the images of the batch hide different numbers of patches, or the mask is not boolean.
    """
    if mask.dtype != torch.bool:
        raise ValueError(f"A mask is boolean, True = hidden, not {mask.dtype}; mask_from_grid takes 0 and 1.")
    ids_shuffle = mask.to(torch.uint8).argsort(dim=1, stable=True)
    ids_restore = ids_shuffle.argsort(dim=1)
    n_keep = (~mask).sum(dim=1)
    if not (n_keep == n_keep[0]).all():
        raise ValueError(
            f"Every image of a batch must hide equally many patches; these leave {n_keep.unique().tolist()} visible."
        )
    return ids_shuffle[:, : int(n_keep[0])], ids_restore


def pixel_mask(mask: Bool[Tensor, "b n"], grid_size: tuple[int, int], patch_size: int) -> Bool[Tensor, "b 1 h w"]:
    """A mask of patches as a mask of pixels, True = hidden."""
    grid = mask.reshape(len(mask), 1, *grid_size)
    return grid.repeat_interleave(patch_size, dim=2).repeat_interleave(patch_size, dim=3)
