"""Figures of masks: how a shuffle keeps and restores patches, and how well what is hidden can be filled in."""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.images import to_picture, to_uint8
from mae_lite.masking import pixel_mask
from mae_lite.measure.quality import masked_mse
from mae_lite.measure.reconstruct import GREY
from mae_lite.show.flipbook import Flipbook, flipbook, side_by_side
from mae_lite.show.style import LINES, STYLE, AltFigure, by_ratio, open_axes, plain_axes

CURVES = (*LINES, ("#000000", "x", (0, (6, 2))))
"""One style more than `LINES` has, for five ways to fill."""
VISIBLE, HIDDEN = "#56B4E9", "0.85"
"""Colours of boxes; hidden ones are also written as such."""


def show_shuffle(noise: Float[Tensor, " n"], num_keep: int) -> AltFigure:
    """Patches as lettered boxes: as they lie with their noise, sorted by noise and cut off, and put back.

    Args:
        noise: a number for each patch; at most 26.
        num_keep: how many patches of the lowest noise are kept.
    """
    n = len(noise)
    order, names = noise.argsort().tolist(), [chr(ord("A") + k) for k in range(n)]
    fig = AltFigure(figsize=(1.0 * n + 2.2, 4.3), layout="constrained")
    ax = fig.subplots()
    for place, k in enumerate(order):
        kept = place < num_keep
        colour, width = ("#0072B2", 2) if kept else ("0.7", 1)
        ax.plot([k, place, k], [0.32, 2, 3.68], color=colour, linewidth=width, zorder=0)
        _box(ax, k, 0, f"{names[k]}\n{noise[k]:.2f}", visible=True)
        _box(ax, place, 2, names[k], visible=kept)
        _box(ax, k, 4, names[k] if kept else "mask\ntoken", visible=kept)
    ax.axvline(num_keep - 0.5, 0.36, 0.64, color="#D55E00", linestyle="--")
    rows = (
        "the patches, each\nwith a random number",
        "sorted by that number;\nthe first are kept",
        "put back, mask tokens\nfor what was cut off",
    )
    for y, words in zip((0, 2, 4), rows, strict=True):
        ax.text(-0.7, y, words, ha="right", va="center", **STYLE)
    ax.set(xlim=(-2.9, n - 0.5), ylim=(4.5, -0.5))
    ax.axis("off")
    row = [names[k] if k in order[:num_keep] else "mask token" for k in range(n)]
    fig.alt = (
        f"{n} patches {', '.join(f'{a} with noise {v:.2f}' for a, v in zip(names, noise.tolist(), strict=True))}. "
        f"Sorted by noise: {' '.join(names[k] for k in order)}; the first {num_keep} are kept. "
        f"Put back: {', '.join(row)}."
    )
    return fig


def _box(ax, x: int, y: int, text: str, visible: bool) -> None:
    corners = [(x - 0.36, y - 0.32), (x + 0.36, y - 0.32), (x + 0.36, y + 0.32), (x - 0.36, y + 0.32)]
    ax.fill(*zip(*corners, strict=True), facecolor=VISIBLE if visible else HIDDEN, edgecolor="0.2")
    ax.text(x, y, text, ha="center", va="center", fontsize=10, color="black" if visible else "0.35")


def fill_flipbook(
    photo: Float[Tensor, "1 c h w"],
    masks: Bool[Tensor, "k n"],
    fills: Mapping[str, Sequence[Float[Tensor, "1 c h w"]]],
    cfg: MAEConfig,
) -> Flipbook:
    """A slider over masks of one photo: what is given, each way to fill the rest with its error, and the photo.

    Args:
        photo: normalised.
        masks: True = hidden, a row a frame; each hides something.
        fills: for each way a picture for each mask; visible pixels are taken from the photo.
        cfg: of the model, for patches and colours.

    Raises:
        ValueError: if a way has not one picture for each mask.
    """
    wrong = {name: len(pictures) for name, pictures in fills.items() if len(pictures) != len(masks)}
    if wrong:
        raise ValueError(f"fill_flipbook got {len(masks)} masks and {wrong} pictures; give one for each mask.")
    frames, labels, alts = [], [], []
    for i, mask in enumerate(masks):
        hidden = pixel_mask(mask[None], cfg.grid_size, cfg.patch_size)
        given = torch.where(hidden, GREY, to_uint8(photo, cfg))
        whole = {name: torch.where(hidden, pictures[i], photo) for name, pictures in fills.items()}
        errors = [f"{name} {masked_mse(picture, photo, hidden).item():.3f}" for name, picture in whole.items()]
        shown = [given, *(to_uint8(picture, cfg) for picture in whole.values()), to_uint8(photo, cfg)]
        frames.append(side_by_side(to_picture(torch.cat(shown)), width=224))
        count, n = int(mask.sum()), len(mask)
        labels.append(f"{count / n:.0%} hidden ({count} of {n} patches), MSE: {', '.join(errors)}")
        alts.append(f"A photo with {count} of {n} patches hidden, and filled in. MSE: {', '.join(errors)}.")
    share = masks.float().mean(dim=1)
    start = (share - 0.75).abs().argmin().item()
    titles = ("given", *fills, "original")
    return flipbook(frames, labels, alts, name="share hidden", titles=titles, start=start, max_bytes=600_000)


def show_fill_curves(
    mask_ratios: Sequence[float], errors: Mapping[str, Sequence[float | None]], trained_at: float | None = None
) -> AltFigure:
    """Error against the share hidden, up to five labelled lines; a line may have gaps.

    Args:
        mask_ratios: shares of patches hidden, ascending.
        errors: for each name the mean squared error on hidden patches at each ratio, None where it was not computed.
        trained_at: the ratio the model was trained at, marked by an upright line.

    Raises:
        ValueError: if a line has not one entry for each ratio, or there are more than five lines.
    """
    fig = by_ratio("show_fill_curves", mask_ratios, errors, "entries", CURVES, (7.5, 4.2))
    (ax,), words = fig.axes, []
    for line in ax.lines:
        (first, low), (last, high) = line.get_xydata()[[0, -1]]
        words.append(f"{line.get_label()} from {low:.3f} at {first:.0%} to {high:.3f} at {last:.0%}")
    if trained_at is not None:
        ax.axvline(trained_at, color="0.4", linewidth=1)
        place = {"ha": "right", "transform": ax.get_xaxis_transform()}
        ax.text(trained_at, 0.02, f"trained at {trained_at:.0%} ", color="0.3", **place, **STYLE)
    plain_axes(ax, xlabel="share of patches hidden", ylabel="MSE on hidden patches")
    fig.alt = f"Mean squared error on hidden patches against the share hidden: {'; '.join(words)}."
    return fig


def show_spectrum(frequency: Int[Tensor, " k"], power: Float[Tensor, " k"], slope: float = -2.0) -> AltFigure:
    """Power against spatial frequency on logarithmic axes, beside a straight line frequency^slope through the middle.

    Args:
        frequency: in cycles a picture, above 0.
        power: of each.
        slope: of the line to compare with.
    """
    fig = AltFigure(figsize=(6, 3.8), layout="constrained")
    ax, middle = fig.subplots(), len(frequency) // 3
    line = power[middle] * (frequency / frequency[middle]) ** slope
    ax.plot(frequency, power, color=LINES[0][0], marker="o", markersize=3, label="photos, measured")
    ax.plot(frequency, line, color=LINES[1][0], linestyle="--", label=f"1 / frequency$^{{{-slope:g}}}$")
    ax.set(xscale="log", yscale="log", xlabel="waves across the photo", ylabel="power")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.legend(frameon=False, **STYLE)
    open_axes(ax)
    fall = math.log(power[-1] / power[0]) / math.log(frequency[-1] / frequency[0])
    fig.alt = (
        f"Power of photos against frequency from {frequency[0]} to {frequency[-1]} waves across, on logarithmic axes: "
        f"nearly a straight line that falls with a slope of {fall:.1f}, beside one of {slope:g}."
    )
    return fig
