"""Figures with one style, alt text and no pyplot. The only file that imports matplotlib."""

import base64
import html
import io

from matplotlib.figure import Figure

from mae_lite.reconstruction import PANELS, Reconstruction

STYLE = {"fontsize": 10}


class AltFigure(Figure):
    """A matplotlib figure that carries alt text and shows itself in a notebook as an image with that text."""

    alt = ""

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110)
        data = base64.b64encode(file.getvalue()).decode()
        img = f'<img alt="{html.escape(self.alt)}" style="max-width:100%" src="data:image/png;base64,{data}">'
        return {"text/html": img, "text/plain": self.alt}


def show_reconstruction(shown: Reconstruction, panels: tuple[str, ...] = PANELS) -> AltFigure:
    """The pictures of a reconstruction side by side, with the metrics below.

    Args:
        shown: from `reconstruct`.
        panels: which pictures, in this order.
    """
    fig = AltFigure(figsize=(2.6 * len(panels), 3.2), layout="constrained")
    fig.alt = shown.alt
    for ax, name in zip(fig.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        ax.imshow(getattr(shown, name))
        ax.set_title(shown.titles[name], **STYLE)
        ax.set_axis_off()
    fig.supxlabel(metrics_line(shown), **STYLE)
    return fig


def metrics_line(shown: Reconstruction) -> str:
    """The metrics in a line."""
    if shown.mse is None:
        return "no patch is masked, so there is nothing to measure"
    line = f"on masked patches: MSE {shown.mse:.3f} (normalised units)"
    return line if shown.skill is None else f"{line}, PSNR {shown.psnr:.1f} dB, skill {shown.skill:+.2f}"
