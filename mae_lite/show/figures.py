"""Figures with one style, alt text and no pyplot. Only this file and style.py import matplotlib."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from torch import Tensor

from mae_lite.measure.reconstruct import PANELS, Reconstruction
from mae_lite.measure.sweeps import Guesses, measures
from mae_lite.show.film import FILM_PHOTOS, Film, film_row
from mae_lite.show.style import DPI, LINES, STYLE, AltFigure, by_ratio, plain_axes, show_picture

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
        column[-1].set_xlabel("\n".join(measures(one)) or "nothing hidden", **STYLE)
    hidden = [f"{name}: {int(one.mask.sum())} of {one.mask.shape[1]} patches hidden" for name, one in shown.items()]
    measured = [", ".join([text, *measures(one)]) for text, one in zip(hidden, shown.values(), strict=True)]
    fig.alt = f"{columns} reconstructions side by side. {'; '.join(measured)}."
    return fig


def show_errors(
    mask_ratios: Sequence[float], errors: Mapping[str, Sequence[float]], trained_at: float | None = None
) -> AltFigure:
    """Error against mask ratio, a labelled line for each name.

    Args:
        mask_ratios: share of patches hidden, ascending.
        errors: for each name the mean squared error on masked patches at each ratio, in normalised units.
        trained_at: the ratio the model was trained at, marked by an upright line.

    Raises:
        ValueError: if a line has not one error for each ratio, or there are more lines than distinct styles.
    """
    fig = by_ratio("show_errors", mask_ratios, errors, "errors")
    (ax,) = fig.axes
    if trained_at is not None:
        ax.axvline(trained_at, color="0.4", linewidth=1)
        ax.text(
            trained_at, 0.02, f" trained at {trained_at:.0%}", transform=ax.get_xaxis_transform(), color="0.3", **STYLE
        )
    plain_axes(ax, xlabel="share of patches hidden", ylabel="MSE on hidden patches")
    fig.alt = _errors_alt(mask_ratios, errors)
    return fig


def show_guesses(guesses: Guesses) -> AltFigure:
    """The photo, the first of several guesses, their mean, and where they disagree; from `ten_guesses`."""
    k, n = guesses.masks.shape
    first = guesses.picture(guesses.patches.where(~guesses.masks[0, :, None], guesses.preds[0]))
    pictures = {
        "original": guesses.picture(guesses.patches),
        f"guess 1 of {k}\n+ visible patches": first,
        "mean of the guesses\nfor each patch": guesses.picture(guesses.mean),
    }
    fig = _beside_a_map(guesses, pictures, guesses.spread, "disagreement", "standard deviation (normalised)")
    fig.supxlabel(
        f"on hidden patches: MSE of one guess {guesses.single_mse:.3f}, of their mean {guesses.mse:.3f}", **STYLE
    )
    fig.alt = (
        f"A photo, the model's guess under one of {k} random masks, the mean of all its guesses for each patch, and "
        f"how far they lie apart: {_span(guesses.spread)}. {int((guesses.times == 0).sum())} of {n} patches are in no "
        f"mask. Mean squared error of one guess {guesses.single_mse:.3f}, of the mean {guesses.mse:.3f}."
    )
    return fig


def show_unseen(guesses: Guesses) -> AltFigure:
    """The photo, its prediction patch by patch from masks that hid the patch, and the error; from `predict_unseen`."""
    k = len(guesses.masks)
    pictures = {
        "original": guesses.picture(guesses.patches),
        f"predicted: each patch from\nthe {k - 1} of {k} masks that hid it": guesses.picture(guesses.mean),
    }
    fig = _beside_a_map(guesses, pictures, guesses.error, "error of each patch", "MSE (normalised)")
    fig.supxlabel(f"all patches: MSE {guesses.mse:.3f}", **STYLE)
    fig.alt = (
        f"A photo, the same with every patch predicted from {k - 1} masks that hid it, and a map of the error: "
        f"{_span(guesses.error)}, mean {guesses.mse:.3f}."
    )
    return fig


def show_film(film: Film, frames: int = 6, photos: Sequence[str] = FILM_PHOTOS) -> AltFigure:
    """Some frames of a training's film as rows, between what the model is given and the originals.

    Args:
        film: from `load_film`.
        frames: how many at most, chosen as far apart in what they show.
        photos: which of `FILM_PHOTOS`; fewer are shown larger.

    Raises:
        ValueError: if a photo is not part of the film.
    """
    picked = film.picks(frames)
    rows = {f"step\n{film.steps[i]:,}": film.frame(i) for i in picked}
    rows = {"given": film.masked} | rows | {"original": film.originals}
    pictures = {name: film_row(row, photos) for name, row in rows.items()}
    h, w = next(iter(pictures.values())).shape[:2]
    width, n = w / DPI + 0.8, len(rows)  # inches: a pixel of a picture is one of the figure's
    fig = AltFigure(figsize=(width, n * (h + 8) / DPI))
    fig.format = "jpeg"
    for k, (name, picture) in enumerate(pictures.items()):
        ax = fig.add_axes((0.8 / width, 1 - (k + 1) / n, 1 - 0.8 / width, h / (h + 8) / n))
        show_picture(ax, picture)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", **STYLE)
    fig.alt = (
        f"{', '.join(photos)}: what the model is given, its output with the visible patches pasted over at "
        f"{'; '.join(film.label(i) for i in picked)}; and the originals."
    )
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


def _errors_alt(mask_ratios: Sequence[float], errors: Mapping[str, Sequence[float]]) -> str:
    lines = [f"{name} from {line[0]:.3f} to {line[-1]:.3f}" for name, line in errors.items()]
    span = f"{mask_ratios[0]:.0%} to {mask_ratios[-1]:.0%}"
    return f"Mean squared error on hidden patches as the mask ratio goes from {span}: {'; '.join(lines)}."


def _beside_a_map(
    guesses: Guesses, pictures: Mapping[str, np.ndarray], values: Float[Tensor, " n"], title: str, unit: str
) -> AltFigure:
    """Pictures in a row and after them a value for each patch as a heat map with its scale; grey where it has none."""
    (h, w), columns = guesses.cfg.img_size, len(pictures) + 1
    fig = AltFigure(figsize=(2.3 * columns + 0.6, 2.1 * h / w + 0.9), layout="constrained")
    fig.format, axes = "jpeg", fig.subplots(1, columns)
    for ax, (name, picture) in zip(axes, pictures.items(), strict=False):
        show_picture(ax, picture)
        ax.set_title(name, **STYLE)
    heat = colormaps["inferno"].with_extremes(bad="0.5")
    grid = values.reshape(guesses.cfg.grid_size).numpy()
    top = np.nanquantile(grid, 0.98)  # a few outliers would leave the rest black
    shown = axes[-1].imshow(np.ma.masked_invalid(grid), cmap=heat, vmin=0, vmax=top, extent=(0, w, h, 0))
    axes[-1].set(xticks=[], yticks=[])
    axes[-1].set_title(title, **STYLE)
    fig.colorbar(shown, ax=axes[-1], shrink=0.8, extend="max").set_label(unit, fontsize=8)
    return fig


def _span(values: Float[Tensor, " n"]) -> str:
    known = values[values.isfinite()]
    return f"{known.min():.3f} to {known.max():.3f} per patch"
