"""Figures of patches and positions: how an image is cut, read as a sentence, embedded and numbered."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Num, UInt8
from torch import Tensor

from mae_lite.images import enlarge, to_picture
from mae_lite.patches import patchify, unpatchify
from mae_lite.show.flipbook import Flipbook, flipbook, side_by_side
from mae_lite.show.style import STYLE, AltFigure

TINTS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00", "#999999")
"""Okabe and Ito's palette; the number of a patch is always written beside its colour."""

PAIRS = (0, 114, 178)
"""The colour of the pairs of tokens: the same blue as in plots."""
LABEL = {"fontsize": 9, "bbox": {"facecolor": "white", "alpha": 0.75, "pad": 1, "linewidth": 0}}
"""How a number is written over a photo."""


def show_cut(image: Num[Tensor, "h w"], patch_size: int) -> AltFigure:
    """A small image as a table of numbers, its patches framed, and beside it the patches as rows.

    Args:
        image: few enough pixels to read.
        patch_size: side of a patch.
    """
    (h, w), p = image.shape, patch_size
    patches = patchify(image[None, None].float(), p)[0]
    n, length = patches.shape
    fig = AltFigure(figsize=(0.62 * (w + length) + 2.2, 0.62 * max(h, n) + 0.6), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=(w, length + 1.6))
    for k in range(n):
        top, start = divmod(k, w // p)
        _frame(left, start * p, top * p, p, p, k)
        _frame(right, 0, k, length, 1, k)
        right.text(-0.15, k + 0.5, f"patch {k}", ha="right", va="center", **STYLE)
    _numbers(left, image)
    _numbers(right, patches)
    left.set(xlim=(-0.05, w + 0.05), ylim=(h + 0.05, -0.05), title=f"image ({h}, {w})")
    right.set(xlim=(-1.6, length + 0.05), ylim=(n + 0.05, -0.05), title=f"sentence (n, p x p) = ({n}, {length})")
    for ax in (left, right):
        ax.set_aspect("equal")
        ax.axis("off")
    rows = "; ".join(f"patch {k}: {', '.join(f'{v:g}' for v in row)}" for k, row in enumerate(patches.tolist()))
    fig.alt = f"An image of {h} x {w} numbers cut into {n} patches of {p} x {p}, and the patches as rows: {rows}."
    return fig


def show_sentence(picture: UInt8[Tensor, "3 h w"], patch_size: int) -> AltFigure:
    """A photo, its patches numbered, and the patches in a row as one reads them.

    Args:
        picture: bytes, as `to_uint8` gives them.
        patch_size: side of a patch in pixels; large enough for a handful of patches.
    """
    (_, h, w), p = picture.shape, patch_size
    rows, columns = h // p, w // p
    gap = max(2, p // 10)
    apart = _spread(picture, p, (rows, columns), gap)
    strip = _spread(picture, p, (1, rows * columns), gap)
    fig = AltFigure(figsize=(10, 10 * h / w / 2 + 1.3), layout="constrained")
    fig.format = "jpeg"
    axes = fig.subplot_mosaic([["photo", "apart"], ["strip", "strip"]], height_ratios=(5 * h / w, 0.6))
    axes["photo"].imshow(to_picture(picture))
    axes["apart"].imshow(apart)
    axes["strip"].imshow(strip)
    step = p + gap
    for k in range(rows * columns):
        y, x = divmod(k, columns)
        axes["apart"].text(gap + x * step + 3, gap + y * step + 3, str(k), va="top", **LABEL)
        axes["strip"].text(k * step + gap + p / 2, p + 2 * gap, str(k), ha="center", va="top", fontsize=8)
    titles = {"photo": f"an image, {h} x {w} pixels", "apart": f"{rows} x {columns} patches of {p} x {p}"}
    titles["strip"] = f"the same as a sentence of {rows * columns} words"
    for name, ax in axes.items():
        ax.set_title(titles[name], **STYLE)
        ax.axis("off")
    fig.alt = (
        f"A photo of {h} x {w} pixels, the same cut into {rows} x {columns} numbered patches of {p} x {p} pixels, and "
        f"the {rows * columns} patches one after the other in a row, read from left to right and top to bottom."
    )
    return fig


def patch_size_flipbook(picture: UInt8[Tensor, "3 h w"], patch_sizes: Sequence[int]) -> Flipbook:
    """A slider over patch sizes: the picture with its patches, and all pairs of tokens as a square, on one scale.

    Args:
        picture: bytes, as `to_uint8` gives them.
        patch_sizes: sides of a patch in pixels, in the order to leaf through.

    Raises:
        ValueError: if one of them does not divide the picture.
    """
    _, h, w = picture.shape
    tokens = [patchify(picture[None].float(), p).shape[1] for p in patch_sizes]
    frames, labels, alts = [], [], []
    for p, n in zip(patch_sizes, tokens, strict=True):
        cut = _grid(picture, p)
        pairs = np.full_like(cut, 235)
        side = round(n / max(tokens) * min(cut.shape[:2]))
        pairs[:side, :side] = PAIRS
        frames.append(side_by_side([cut, pairs], cut.shape[1]))
        labels.append(f"p = {p}: {h // p} x {w // p} = {n:,} tokens of {p * p * 3:,} numbers, {n * n:,} pairs")
        alts.append(f"A photo with lines around patches of {p} x {p} pixels; {n:,} tokens make {n * n:,} pairs.")
    titles = ("the patches", "every token with every token, to scale")
    return flipbook(frames, labels, alts, name="patch size", titles=titles, max_bytes=500_000)


def _grid(picture: UInt8[Tensor, "3 h w"], p: int, times: int = 2) -> UInt8[np.ndarray, "H W 3"]:
    """The picture enlarged by whole pixels, with a white line between patches."""
    large = enlarge(to_picture(picture), times)
    large[p * times :: p * times] = 255
    large[:, p * times :: p * times] = 255
    return large


def _spread(picture: UInt8[Tensor, "3 h w"], p: int, grid_size: tuple[int, int], gap: int):
    """The patches of a picture in a grid with white gaps."""
    patches = patchify(picture[None].float(), p)[0].reshape(-1, p, p, 3)
    wide = torch.nn.functional.pad(patches, (0, 0, 0, gap, 0, gap), value=255)
    side = p + gap
    grid = unpatchify(wide.reshape(1, len(wide), -1), side, grid_size)[0]
    return to_picture(torch.nn.functional.pad(grid, (gap, 0, gap, 0), value=255).to(torch.uint8))


def _frame(ax, x: int, y: int, width: int, height: int, k: int) -> None:
    """A tinted rectangle with a frame."""
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    (area,) = ax.fill(*zip(*corners, strict=True), facecolor=TINTS[k % len(TINTS)], alpha=0.35)
    ax.plot(*zip(*corners, corners[0], strict=True), color="0.2", linewidth=1.5)
    area.set_linewidth(0)


def _numbers(ax, table: Num[Tensor, "rows columns"]) -> None:
    for y, row in enumerate(table.tolist()):
        for x, value in enumerate(row):
            ax.text(x + 0.5, y + 0.5, f"{value:g}", ha="center", va="center", fontsize=13)
