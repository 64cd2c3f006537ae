"""Figures for experiments on a trained model: a photo with numbered patches, and quality against what is visible."""

from collections.abc import Mapping, Sequence

from jaxtyping import UInt8
from torch import Tensor

from mae_lite.images import to_picture
from mae_lite.show.style import LINES, STYLE, AltFigure, open_axes, show_picture


def show_grid(picture: UInt8[Tensor, "3 h w"], patch_size: int) -> AltFigure:
    """A picture cut into patches, with the numbers of rows and columns at its sides: to draw a mask by.

    Args:
        picture: bytes, as `to_uint8` gives them.
        patch_size: side of a patch in pixels.

    Raises:
        ValueError: if the patches do not divide the picture.
    """
    _, h, w = picture.shape
    if h % patch_size or w % patch_size:
        raise ValueError(f"Patches of {patch_size} pixels do not divide a picture of {h}x{w}; use one that does.")
    rows, columns = h // patch_size, w // patch_size
    fig = AltFigure(figsize=(3.6, 3.6 * h / w), layout="constrained")
    fig.format, ax = "jpeg", fig.subplots()
    show_picture(ax, to_picture(picture))
    centres = [[(k + 0.5) * patch_size - 0.5 for k in range(size)] for size in (columns, rows)]
    ax.set_xticks(centres[0], range(columns), fontsize=8)
    ax.set_yticks(centres[1], range(rows), fontsize=8)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for k in range(1, rows):
        ax.axhline(k * patch_size - 0.5, color="white", linewidth=0.6)
    for k in range(1, columns):
        ax.axvline(k * patch_size - 0.5, color="white", linewidth=0.6)
    fig.alt = (
        f"A photo cut into patches, the rows numbered from 0 to {rows - 1} at the left and the columns from 0 to "
        f"{columns - 1} at the top."
    )
    return fig


def show_psnr_by_visible(psnr: Mapping[str, Sequence[float]], target: float) -> AltFigure:
    """PSNR on hidden patches against the number of visible ones, a line for each name, and where each reaches a target.

    Args:
        psnr: for each name the PSNR with 1, 2, 3, ... patches visible, in dB.
        target: drawn as a level; the first point of each line at or above it is ringed.

    Raises:
        ValueError: if there is no line, or there are more than distinct styles.
    """
    if not 1 <= len(psnr) <= len(LINES):
        raise ValueError(f"show_psnr_by_visible takes 1 to {len(LINES)} lines; it got {len(psnr)}.")
    fig = AltFigure(figsize=(7, 3.6), layout="constrained")
    ax, words = fig.subplots(), []
    for (name, line), (colour, marker, dash) in zip(psnr.items(), LINES, strict=False):
        counts = range(1, len(line) + 1)
        ax.plot(counts, line, color=colour, marker=marker, markersize=3, linewidth=1.2, linestyle=dash, label=name)
        first = next((k for k, value in zip(counts, line, strict=True) if value >= target), None)
        falls = sum(after < before for before, after in zip(line, line[1:], strict=False))
        if first:
            ax.plot(first, line[first - 1], "o", color="black", markersize=11, fillstyle="none", markeredgewidth=1.5)
        reached = f"reaches {target:g} first with {first} visible" if first else f"does not reach {target:g}"
        words.append(f"{name} goes from {line[0]:.1f} to {line[-1]:.1f} dB, falls {falls} times and {reached}")
    ax.axhline(target, color="0.4", linewidth=1)
    ax.text(0.995, target, "target", color="0.3", ha="right", va="bottom", transform=ax.get_yaxis_transform(), **STYLE)
    ax.set(xlabel="visible patches", ylabel="PSNR on hidden patches (dB)")
    ax.legend(frameon=False, loc="lower right", **STYLE)
    open_axes(ax)
    fig.alt = f"PSNR against the number of visible patches, up to {max(map(len, psnr.values()))}: {'; '.join(words)}."
    return fig
