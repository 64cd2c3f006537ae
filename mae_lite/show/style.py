"""The one look of all figures: a figure with alt text, the styles of lines, pictures without axes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from mae_lite.show.html import Page, img_html

STYLE: dict[str, Any] = {"fontsize": 10}
DPI = 110
"""Pixels an inch of what a notebook shows."""
LINES = (("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", "-."), ("#CC79A7", "D", ":"))
"""Colour, marker and dash of each line of a plot: Okabe and Ito's palette, and never the colour alone."""


class AltFigure(Page, Figure):
    """A matplotlib figure that carries alt text and shows itself in a notebook as an image with that text."""

    alt = ""
    format = "png"
    """How a notebook gets it: "png" for plots; "jpeg" for photographs, at a fifth of the size."""

    def to_picture(self, dpi: int = DPI) -> UInt8[np.ndarray, "h w 3"]:
        """The figure as pixels, such as for a frame of a flipbook."""
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=dpi)
        return np.asarray(Image.open(file).convert("RGB"))

    def to_html(self) -> str:
        """The figure as an HTML image with its alt text."""
        file = io.BytesIO()
        options = {"quality": 90, "subsampling": 0} if self.format == "jpeg" else {}
        self.savefig(file, format=self.format, dpi=DPI, pil_kwargs=options)
        return img_html(file.getvalue(), self.alt, self.format)


def show_picture(ax: Axes, picture: np.ndarray) -> None:
    """A picture without axes, but with room for a label below."""
    ax.imshow(picture)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def by_ratio(
    caller: str,
    mask_ratios: Sequence[float],
    lines: Mapping[str, Sequence[float | None]],
    what: str,
    styles: Sequence[tuple] = LINES,
    size: tuple[float, float] = (7, 3.8),
) -> AltFigure:
    """A figure with a labelled line for each name against the mask ratio; where it has None there is no point.

    Raises:
        ValueError: if a line has not one value for each ratio, or there are no lines, or more than distinct styles.
    """
    wrong = [name for name, line in lines.items() if len(line) != len(mask_ratios)]
    if wrong or not 1 <= len(lines) <= len(styles):
        raise ValueError(
            f"{caller} takes 1 to {len(styles)} lines with {len(mask_ratios)} {what} each, one for each mask ratio; it "
            f"got { ({name: len(line) for name, line in lines.items()}) }."
        )
    fig = AltFigure(figsize=size, layout="constrained")
    ax = fig.subplots()
    for (name, line), (colour, marker, dash) in zip(lines.items(), styles, strict=False):
        points = [(x, y) for x, y in zip(mask_ratios, line, strict=True) if y is not None]
        ax.plot(*zip(*points, strict=True), color=colour, marker=marker, linestyle=dash, label=name)
    ax.xaxis.set_major_formatter("{x:.0%}")
    return fig


def plain_axes(ax: Axes, **settings: Any) -> None:
    """The look of every plot of lines: from 0, a faint grid, a legend without a box."""
    ax.set(**settings, ylim=(0, None))
    ax.legend(frameon=False, **STYLE)
    open_axes(ax)


def open_axes(ax: Axes) -> None:
    """A faint grid, and no frame at the top and at the right."""
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
