"""Figures of notebook 11: the race, features of a masked photo by depth, masking beside other noises."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from mae_course.studies.fillers import CELL, KINDS, Filler
from mae_course.studies.indicator_answers import BASE, CONTROLS, MASK_ARM, left_over, values
from mae_course.studies.indicators import TASK
from mae_lite.images import normalize, to_picture
from mae_lite.measure.reconstruct import GREY
from mae_lite.measure.representations import pca_colours
from mae_lite.show.flipbook import Flipbook, flipbook, side_by_side
from mae_lite.show.style import LINES, STYLE, AltFigure, open_axes

SEEN, REACHED, EMPTY = (86, 180, 233), (240, 228, 66), (20, 20, 20)
"""Colours of cells: visible, hidden with something arrived, hidden with nothing; they differ in brightness as well."""
PIXELS = 10
"""Of a cell in the flipbook."""
ARMS = {
    MASK_ARM: "MAE",
    "dropped-patches": "dropped patches",
    "dropped-pixels": "dropped pixels",
    "gaussian": "Gaussian noise",
    "control-random": "never trained",
    "control-pixels": "raw pixels",
}
"""What stands side by side in `show_denoising`."""


def show_race(records: Sequence[Mapping[str, Any]]) -> AltFigure:
    """Error on hidden patches of every kind that has a record, the least on top: a dot a seed, a bar at their mean.

    Raises:
        ValueError: if there is no record.
    """
    found = {kind: values(records, kind, "mse") for kind in KINDS if values(records, kind, "mse")}
    if not found:
        raise ValueError("show_race got no record; run python -m mae_course.studies.indicators first.")
    order = sorted(found, key=lambda kind: mean(found[kind]), reverse=True)
    fig = AltFigure(figsize=(8.4, 0.36 * len(order) + 1.2), layout="constrained")
    ax = fig.subplots()
    for y, kind in enumerate(order):
        colour, marker, _ = LINES[0] if kind != BASE else LINES[1]
        ax.plot(found[kind], [y] * len(found[kind]), marker, color=colour, alpha=0.6)
        ax.plot([mean(found[kind])], [y], "|", color=colour, markersize=18, markeredgewidth=2.5)
        ax.text(1.01, y, f"{mean(found[kind]):.3f}", transform=ax.get_yaxis_transform(), va="center", **STYLE)
    film = mean(r["harmonic_mse"] for r in records)
    ax.axvline(film, color="0.4", linestyle=(0, (1, 2)), zorder=0)
    ax.text(film, 1.01, f"soap film {film:.3f}", transform=ax.get_xaxis_transform(), ha="center", color="0.3", **STYLE)
    ax.set_yticks(range(len(order)), order, **STYLE)
    ax.set_xlabel("error on hidden patches (less is better)")
    open_axes(ax)
    said = ", ".join(f"{kind} {mean(found[kind]):.3f}" for kind in reversed(order))
    fig.alt = f"Error on hidden patches, from the least: {said}. The soap film: {film:.3f}."
    return fig


def depth_flipbook(
    nets: Mapping[str, Filler], photo: UInt8[Tensor, "1 3 h w"], hidden: Bool[Tensor, "1 1 h w"]
) -> Flipbook:
    """A slider over the blocks of several networks with one masked photo.

    Above: which cells are visible, which hidden ones something visible has reached, and which are empty, that is, as in
    an image that is hidden altogether. Below: the features, their three main directions as colours.

    Args:
        nets: by name.
        photo: bytes.
        hidden: pixels, True = hidden.
    """
    x = normalize(photo, TASK)
    with torch.inference_mode():
        inside = {name: (net.features(x, hidden), net.features(x, hidden | True)) for name, net in nets.items()}
    cells = hidden[0, 0, ::CELL, ::CELL]
    left = np.concatenate([_shown(torch.where(hidden, GREY, photo)[0]), _gap(), _shown(photo[0])])
    frames, labels, alts = [], [], []
    for depth in range(len(next(iter(inside.values()))[0])):
        columns, shares = [left], []
        for name, (features, bare) in inside.items():
            empty = _untouched(features[depth], bare[depth]) & cells
            colours = pca_colours(features[depth].flatten(2).transpose(1, 2))[0].reshape(*cells.shape, 3)
            below = (colours * 255).round().byte().permute(2, 0, 1)
            columns.append(np.concatenate([_shown(_states(cells, empty)), _gap(), _shown(below)]))
            shares.append(f"{name} {empty.sum() / cells.sum():.0%}")
        frames.append(side_by_side(columns, width=columns[0].shape[1]))
        where = "after the stem" if depth == 0 else f"after block {depth}"
        labels.append(f"{where}; hidden cells that nothing has reached: {', '.join(shares)}")
        alts.append(f"Cells of a masked photo and their features {where}. Hidden and empty: {', '.join(shares)}.")
    return flipbook(frames, labels, alts, name="block", titles=("photo", *inside), stills=(0, 1, 2, len(frames) - 1))


def _untouched(features: Float[Tensor, "1 d r c"], bare: Float[Tensor, "1 d r c"]) -> Bool[Tensor, "r c"]:
    return ((features - bare).abs().amax(dim=1) < 1e-4)[0]


def _states(hidden: Bool[Tensor, "r c"], empty: Bool[Tensor, "r c"]) -> UInt8[Tensor, "3 r c"]:
    colours = torch.tensor([SEEN, REACHED, EMPTY], dtype=torch.uint8)
    return colours[hidden.long() + empty.long()].permute(2, 0, 1)


def _shown(picture: UInt8[Tensor, "3 h w"]) -> UInt8[np.ndarray, "s s 3"]:
    """Enlarged without smoothing to the size of all parts of a frame."""
    side = PIXELS * TASK.img_size[0] // CELL
    rows, columns = (torch.arange(side) * n // side for n in picture.shape[1:])
    return to_picture(picture[:, rows][:, :, columns])


def _gap() -> UInt8[np.ndarray, "h w 3"]:
    return np.full((6, PIXELS * TASK.img_size[0] // CELL, 3), 255, np.uint8)


def show_denoising(records: Sequence[Mapping[str, Any]]) -> AltFigure:
    """Masking beside other noises: what is left of the arm's own damage, and what features are worth by two probes.

    Raises:
        ValueError: if no arm has a record.
    """
    names = {arm: name for arm, name in ARMS.items() if values(records, arm, "linear")}
    if not names:
        raise ValueError("show_denoising got no record; run python -m mae_course.studies.denoising first.")
    fig = AltFigure(figsize=(9.6, 0.44 * len(names) + 1.3), layout="constrained")
    panels = {
        "error left of its own damage": {arm: left_over(records, arm) for arm in names},
        "linear probe": {arm: values(records, arm, "linear") for arm in names},
        "nearest neighbours": {arm: values(records, arm, "knn") for arm in names},
    }
    for ax, (title, found) in zip(fig.subplots(1, 3, sharey=True), panels.items(), strict=True):
        _bars(ax, found)
        ax.set_title(title, **STYLE)
        ax.set_xlabel("of doing nothing" if ax is fig.axes[0] else "photos told right")
    fig.axes[0].set_yticks(range(len(names)), names.values(), **STYLE)
    fig.axes[0].invert_yaxis()
    said = [
        f"{name}: " + ", ".join(f"{title} {mean(found[arm]):.1%}" for title, found in panels.items() if found[arm])
        for arm, name in names.items()
    ]
    fig.alt = f"Masking beside other noises. {'; '.join(said)}."
    return fig


def _bars(ax, found: Mapping[str, Sequence[float]]) -> None:
    """A bar an arm at the mean of its seeds, a dot each; controls are hatched."""
    for y, (arm, each) in enumerate(found.items()):
        if each:
            control = arm in CONTROLS
            ax.barh(y, mean(each), color="0.85" if control else "#56B4E9", edgecolor="0.3", hatch="//" * control)
            ax.plot(each, [y] * len(each), ".", color="black", markersize=4)
            ax.text(max(each), y, f" {mean(each):.1%}", va="center", **STYLE)
    ax.set_xlim(0, 1.3 * max((max(each) for each in found.values() if each), default=1))
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.spines[["top", "right"]].set_visible(False)
