"""Figures of what is inside: a measure by layer, shares of attention, maps of features.

Each takes several models by name, so that a trained one never stands without its control.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from mae_lite.images import to_picture
from mae_lite.show.style import LINES, STYLE, AltFigure, plain_axes, show_picture

BARS = {
    "visible": ("#0072B2", ""),
    "class": ("#009E73", ".."),
    "itself": ("#CC79A7", "xx"),
    "hidden": ("#E69F00", "//"),
}
"""Colour and hatch of each kind of token that attention goes to, from the bottom."""


def colour_picture(colours: Float[Tensor, "n 3"], grid_size: tuple[int, int], size: int = 8) -> UInt8[Tensor, "3 h w"]:
    """A colour for each patch, 0 to 1, as a picture with `size` pixels to a patch."""
    grid = (colours * 255).round().byte().reshape(*grid_size, 3).permute(2, 0, 1)
    return grid.repeat_interleave(size, dim=1).repeat_interleave(size, dim=2)


def show_by_layer(
    values: Mapping[str, Float[Tensor, "layers heads"] | Float[Tensor, " layers"]],
    ylabel: str,
    *,
    level: tuple[str, float] | None = None,
    first: int = 1,
) -> AltFigure:
    """A measure against the layer: a line for each model, and where it has heads a dot for each and their mean.

    Args:
        values: by model.
        ylabel: what is measured, and its unit.
        level: a name and a height, such as what chance would give, drawn as a line across.
        first: the number of the first layer, 0 if that is the embedding.

    Raises:
        ValueError: if there are no lines, or more than there are styles.
    """
    if not 1 <= len(values) <= len(LINES):
        raise ValueError(f"show_by_layer draws 1 to {len(LINES)} lines, not {len(values)}.")
    fig = AltFigure(figsize=(7, 3.6), layout="constrained")
    ax, words = fig.subplots(), []
    if level is not None:
        ax.axhline(level[1], color="0.4", linewidth=1, linestyle=(0, (1, 2)), label=level[0])
    for (name, one), (colour, marker, dash) in zip(values.items(), LINES, strict=False):
        mean = one.mean(dim=1) if one.ndim == 2 else one
        x = range(first, first + len(mean))
        if one.ndim == 2:
            for head in one.T.tolist():
                ax.plot(x, head, color=colour, marker=marker, linestyle="", alpha=0.45, markersize=5)
        ax.plot(x, mean.tolist(), color=colour, marker=marker, markersize=3, linestyle=dash, label=name)
        words.append(f"{name} " + ", ".join(f"{value:.2f}" for value in mean.tolist()))
    plain_axes(ax, xlabel="layer", ylabel=ylabel)
    ax.set_xticks(list(x))
    across = "" if level is None else f" {level[0]}: {level[1]:.2f}."
    fig.alt = f"{ylabel}, from layer {first} to {first + len(mean) - 1}: {'; '.join(words)}.{across}"
    return fig


def show_shares(shares: Mapping[str, Mapping[str, Float[Tensor, "layers heads"]]], title: str = "") -> AltFigure:
    """Where attention goes, as stacked bars: a panel for each model, a bar for each layer, the mean of its heads.

    Args:
        shares: by model, then by kind of token, as `attention_shares` gives them.
        title: whose attention it is.

    Raises:
        ValueError: if there is no model.
    """
    if not shares:
        raise ValueError("show_shares got no shares; give those of at least one model, by name.")
    fig = AltFigure(figsize=(3.1 * len(shares) + 1.2, 3.3), layout="constrained")
    axes = fig.subplots(1, len(shares), squeeze=False, sharey=True)[0]
    words = []
    for ax, (name, kinds) in zip(axes, shares.items(), strict=True):
        bottom = np.zeros(len(next(iter(kinds.values()))))
        for kind, (colour, hatch) in BARS.items():
            height = kinds[kind].mean(dim=1).numpy()
            ax.bar(np.arange(1, len(height) + 1), height, bottom=bottom, color=colour, hatch=hatch, edgecolor="white",
                   label=f"other {kind}" if kind == "hidden" else kind)  # fmt: skip
            bottom = bottom + height
        ax.set(title=name, xlabel="layer", xticks=range(1, len(height) + 1), ylim=(0, 1))
        ax.spines[["top", "right"]].set_visible(False)
        words.append(f"{name} " + ", ".join(f"{share:.0%}" for share in kinds["visible"].mean(dim=1).tolist()))
    axes[0].set_ylabel(title)
    axes[0].yaxis.set_major_formatter("{x:.0%}")
    entries, labels = axes[0].get_legend_handles_labels()
    fig.legend(entries[::-1], labels[::-1], loc="outside right center", frameon=False, **STYLE)
    fig.alt = f"{title}, by kind of token and layer. To visible patches, layer by layer: {'; '.join(words)}."
    return fig


def show_table(rows: Mapping[str, Mapping[str, UInt8[Tensor, "3 h w"]]], alt: str) -> AltFigure:
    """Pictures in rows and columns, such as photos down and models across.

    Args:
        rows: by the name of the row, then of the column; the same columns in each.
        alt: what they show, for readers who cannot see them.

    Raises:
        ValueError: if there is nothing to show.
    """
    columns = list(next(iter(rows.values()), {}))
    if not columns:
        raise ValueError("show_table got no pictures; give at least one row with one column.")
    _, h, w = rows[next(iter(rows))][columns[0]].shape
    side = min(1.5, 9.5 / len(columns))
    fig = AltFigure(figsize=(side * len(columns) + 0.3, side * h / w * len(rows) + 0.45), layout="constrained")
    axes = fig.subplots(len(rows), len(columns), squeeze=False)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for ax, column in zip(line, columns, strict=True):
            show_picture(ax, to_picture(pictures[column]))
            if ax in axes[0]:
                ax.set_title(column, **STYLE)
        line[0].set_ylabel(name, **STYLE)
    fig.alt, fig.format = alt, "jpeg"
    return fig
