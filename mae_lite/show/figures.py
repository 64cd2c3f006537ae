"""Figures of reconstructions, pictures, maps and losses, with one style, alt text and no pyplot."""

from collections.abc import Mapping, Sequence

from jaxtyping import Float, UInt8
from torch import Tensor

from mae_lite.images import to_picture
from mae_lite.measure.reconstruct import PANELS, Reconstruction, metric_words
from mae_lite.show.style import LINES, STYLE, AltFigure, plain_axes, show_picture

LOSSES = {"loss": "training (mean since the point before)", "val_loss": "validation"}
"""Columns of a history and what they are called."""


def show_reconstruction(shown: Reconstruction | Sequence[Reconstruction], panels: Sequence[str] = PANELS) -> AltFigure:
    """The pictures of a reconstruction side by side with the metrics below, or of several, a row each.

    Args:
        shown: from `reconstruct`, one or several.
        panels: which pictures, in this order.

    Raises:
        ValueError: if there is nothing to show.
    """
    rows = [shown] if isinstance(shown, Reconstruction) else list(shown)
    if not rows:
        raise ValueError("show_reconstruction got no reconstruction; give at least one.")
    h, w = rows[0].original.shape[:2]
    lines = max(rows[0].titles[name].count("\n") for name in panels) + 1
    labels = [0.43 + 0.17 * lines, *[0.35] * (len(rows) - 1)]  # only the first row has titles
    heights = [2.1 * h / w + label for label in labels]
    fig = AltFigure(figsize=(2.1 * len(panels), sum(heights)), layout="constrained")
    parts = fig.subfigures(len(rows), squeeze=False, height_ratios=heights)[:, 0]
    fig.alt, fig.format = " ".join(row.alt for row in rows), "jpeg"
    for i, (part, row) in enumerate(zip(parts, rows, strict=True)):
        for ax, name in zip(part.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            show_picture(ax, getattr(row, name))
            if i == 0:
                ax.set_title(row.titles[name], fontsize=8 if lines > 1 else 9)
        part.supxlabel(metrics_line(row), **STYLE)
    return fig


def show_comparison(shown: Mapping[str, Reconstruction], panels: Sequence[str] = ("masked", "pasted")) -> AltFigure:
    """Several reconstructions as columns, each under its name and over its error.

    Args:
        shown: reconstructions by the name to give them, such as `{"seed 0": ...}`.
        panels: which pictures of each, from top to bottom.

    Raises:
        ValueError: if there is nothing to compare.
    """
    if not shown:
        raise ValueError("show_comparison got no reconstruction; give at least one, by name.")
    h, w = next(iter(shown.values())).original.shape[:2]
    rows, columns = len(panels), len(shown)
    fig = AltFigure(figsize=(2.1 * columns, 2.1 * h / w * rows + 0.7), layout="constrained")
    fig.format = "jpeg"
    axes = fig.subplots(rows, columns, squeeze=False)
    for column, (name, one) in zip(axes.T, shown.items(), strict=True):
        for ax, panel in zip(column, panels, strict=True):
            show_picture(ax, getattr(one, panel))
        column[0].set_title(name, **STYLE)
        column[-1].set_xlabel("\n".join(metric_words(one)) or "nothing hidden", **STYLE)
    hidden = [f"{name}: {int(one.mask.sum())} of {one.mask.shape[1]} patches hidden" for name, one in shown.items()]
    measured = [", ".join([text, *metric_words(one)]) for text, one in zip(hidden, shown.values(), strict=True)]
    fig.alt = f"{columns} reconstructions side by side. {'; '.join(measured)}."
    return fig


def show_pictures(pictures: Mapping[str, UInt8[Tensor, "3 h w"]], alt: str) -> AltFigure:
    """Pictures side by side, each under its name.

    Args:
        pictures: bytes, as `to_uint8` gives them, by name; their sizes may differ.
        alt: what they show, for readers who cannot see them.

    Raises:
        ValueError: if there is no picture.
    """
    if not pictures:
        raise ValueError("show_pictures got no picture; give at least one, by name.")
    widths = [picture.shape[2] / picture.shape[1] for picture in pictures.values()]
    height = min(10 / sum(widths), 3.2)
    fig = AltFigure(figsize=(height * sum(widths), height + 0.4), layout="constrained")
    for ax, (name, picture) in zip(
        fig.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0], pictures.items(), strict=True
    ):
        ax.imshow(to_picture(picture))
        ax.set_title(name, **STYLE)
        ax.axis("off")
    fig.alt, fig.format = alt, "jpeg"
    return fig


def show_maps(maps: Mapping[str, Float[Tensor, "rows columns"]], alt: str, columns: int = 4) -> AltFigure:
    """A value for each patch as a map of the grid, several under their names, on one scale.

    Args:
        maps: by name, all of one size.
        alt: what they show, for readers who cannot see them.
        columns: maps in a row.

    Raises:
        ValueError: if there is no map.
    """
    if not maps:
        raise ValueError("show_maps got no map; give at least one, by name.")
    rows = -(-len(maps) // columns)
    low, high = min(m.min().item() for m in maps.values()), max(m.max().item() for m in maps.values())
    fig = AltFigure(figsize=(2.3 * columns + 0.8, 2.45 * rows), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[len(maps) :]:
        ax.set_visible(False)
    for ax, (name, one) in zip(axes.flat, maps.items(), strict=False):
        shown = ax.imshow(one.numpy(), cmap="cividis", vmin=low, vmax=high)
        ax.set_title(name, fontsize=9)
        ax.set(xticks=[], yticks=[])
    fig.colorbar(shown, ax=axes, shrink=0.8, pad=0.02)
    fig.alt = alt
    return fig


def show_history(history: Sequence[Mapping[str, float | None]], log_steps: bool = False) -> AltFigure:
    """Training and validation loss against the step.

    Args:
        history: rows as `load_history` gives them.
        log_steps: whether equal distances are equal factors, which spreads out the early steps.

    Raises:
        ValueError: if there are no rows.
    """
    if not history:
        raise ValueError("show_history got no rows; load_history gives those of a training that wrote some.")
    fig = AltFigure(figsize=(7, 3.8), layout="constrained")
    ax, words = fig.subplots(), []
    for (key, name), (colour, marker, dash) in zip(LOSSES.items(), LINES, strict=False):
        points = [(row["step"], row[key]) for row in history if row.get(key) is not None]
        if points:
            steps, values = zip(*points, strict=True)
            ax.plot(steps, values, color=colour, marker=marker, markevery=0.1, linestyle=dash, label=name)
            words.append(f"{name} from {values[0]:.3f} at step {steps[0]:,.0f} to {values[-1]:.3f} at {steps[-1]:,.0f}")
    plain_axes(ax, xlabel="training step", ylabel="MSE on hidden patches", xscale="log" if log_steps else "linear")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    fig.alt = f"Mean squared error on hidden patches while training: {'; '.join(words)}."
    return fig


def metrics_line(shown: Reconstruction) -> str:
    """The metrics in a line."""
    if shown.mse is None:
        return "no patch is masked, so there is nothing to measure"
    units = "units of normalised patches" if shown.leaks else "normalised units"
    line = f"on masked patches: MSE {shown.mse:.3f} ({units})"
    line += "" if shown.psnr is None else f", PSNR {shown.psnr:.1f} dB"
    return line if shown.skill is None else f"{line}, skill {shown.skill:+.2f}"
