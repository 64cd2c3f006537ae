"""Figures with one style, alt text and no pyplot. The only file that imports matplotlib."""

import base64
import html
import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mae_lite.reconstruction import PANELS, Reconstruction

STYLE = {"fontsize": 10}
LINES = (("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", "-."), ("#CC79A7", "D", ":"))
"""Colour, marker and dash of each line of a plot: Okabe and Ito's palette, and never the colour alone."""


def img_html(data: bytes, alt: str, format: str = "png") -> str:
    """An encoded picture as an HTML image that carries it whole, with alt text."""
    source = f"data:image/{format};base64,{base64.b64encode(data).decode()}"
    return f'<img alt="{html.escape(alt)}" style="max-width:100%" src="{source}">'


class AltFigure(Figure):
    """A matplotlib figure that carries alt text and shows itself in a notebook as an image with that text."""

    alt = ""
    format = "png"
    """How a notebook gets it: "png" for plots; "jpeg" for photographs, at a fifth of the size."""

    def to_html(self) -> str:
        """The figure as an HTML image with its alt text."""
        file = io.BytesIO()
        options = {"quality": 90, "subsampling": 0} if self.format == "jpeg" else {}
        self.savefig(file, format=self.format, dpi=110, pil_kwargs=options)
        return img_html(file.getvalue(), self.alt, self.format)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.to_html(), "text/plain": self.alt}


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
    heights = [2.1 * h / w + (0.6 if i == 0 else 0.35) for i in range(len(rows))]  # the first has titles
    fig = AltFigure(figsize=(2.1 * len(panels), sum(heights)), layout="constrained")
    parts = fig.subfigures(len(rows), squeeze=False, height_ratios=heights)[:, 0]
    fig.alt, fig.format = " ".join(row.alt for row in rows), "jpeg"
    for i, (part, row) in enumerate(zip(parts, rows, strict=True)):
        for ax, name in zip(part.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _picture(ax, getattr(row, name))
            if i == 0:
                ax.set_title(row.titles[name], fontsize=9)
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
            _picture(ax, getattr(one, panel))
        column[0].set_title(name, **STYLE)
        column[-1].set_xlabel("\n".join(_measures(one)) or "nothing hidden", **STYLE)
    hidden = [f"{name}: {int(one.mask.sum())} of {one.mask.shape[1]} patches hidden" for name, one in shown.items()]
    measured = [", ".join([text, *_measures(one)]) for text, one in zip(hidden, shown.values(), strict=True)]
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
    wrong = [name for name, line in errors.items() if len(line) != len(mask_ratios)]
    if wrong or len(errors) > len(LINES):
        raise ValueError(
            f"show_errors takes 1 to {len(LINES)} lines with {len(mask_ratios)} errors each, one for each mask ratio; "
            f"it got { ({name: len(line) for name, line in errors.items()}) }."
        )
    fig = AltFigure(figsize=(7, 3.8), layout="constrained")
    ax = fig.subplots()
    for (name, line), (colour, marker, dash) in zip(errors.items(), LINES, strict=False):
        ax.plot(mask_ratios, line, color=colour, marker=marker, linestyle=dash, label=name)
    if trained_at is not None:
        ax.axvline(trained_at, color="0.4", linewidth=1)
        ax.text(
            trained_at, 0.02, f" trained at {trained_at:.0%}", transform=ax.get_xaxis_transform(), color="0.3", **STYLE
        )
    ax.set(xlabel="share of patches hidden", ylabel="MSE on hidden patches", ylim=(0, None))
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.legend(frameon=False, **STYLE)
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    fig.alt = _errors_alt(mask_ratios, errors)
    return fig


def metrics_line(shown: Reconstruction) -> str:
    """The metrics in a line."""
    if shown.mse is None:
        return "no patch is masked, so there is nothing to measure"
    line = f"on masked patches: MSE {shown.mse:.3f} (normalised units)"
    line += "" if shown.psnr is None else f", PSNR {shown.psnr:.1f} dB"
    return line if shown.skill is None else f"{line}, skill {shown.skill:+.2f}"


def _measures(shown: Reconstruction) -> list[str]:
    mse = [] if shown.mse is None else [f"MSE {shown.mse:.3f}"]
    return mse if shown.skill is None else [*mse, f"skill {shown.skill:+.2f}"]


def _errors_alt(mask_ratios: Sequence[float], errors: Mapping[str, Sequence[float]]) -> str:
    lines = [f"{name} from {line[0]:.3f} to {line[-1]:.3f}" for name, line in errors.items()]
    span = f"{mask_ratios[0]:.0%} to {mask_ratios[-1]:.0%}"
    return f"Mean squared error on hidden patches as the mask ratio goes from {span}: {'; '.join(lines)}."


def _picture(ax: Axes, picture: np.ndarray) -> None:
    """A picture without axes, but with room for a label below."""
    ax.imshow(picture)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
