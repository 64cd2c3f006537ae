"""One photo under many masks, as pictures: a flipbook over the mask ratio, where guesses differ, what is surprising."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from torch import Tensor

from mae_lite.measure.reconstruct import Reconstruction
from mae_lite.measure.sweeps import Guesses, sweep_label
from mae_lite.show.flipbook import Flipbook, flipbook, side_by_side
from mae_lite.show.style import STYLE, AltFigure, show_picture


def sweep_flipbook(
    shown: Sequence[Reconstruction], panels: Sequence[str] = ("masked", "pasted", "original"), *, name: str = "mask"
) -> Flipbook:
    """Reconstructions as a flipbook, opened near 75 % hidden, with the share hidden and the error below each.

    Args:
        shown: of one size, such as from `ratio_sweep`.
        panels: which pictures of each, from left to right.
        name: what the slider chooses.

    Raises:
        ValueError: if there is nothing to show.
    """
    if not shown:
        raise ValueError("sweep_flipbook got no reconstruction; give at least one.")
    share = [one.mask.float().mean().item() for one in shown]
    titles = {name: shown[0].titles[name] for name in panels} | {"masked": "given to the model"}
    return flipbook(
        [side_by_side([getattr(one, panel) for panel in panels], width=224) for one in shown],
        [sweep_label(one) for one in shown],
        [one.alt for one in shown],
        name=name,
        titles=[titles[panel] for panel in panels],
        start=min(range(len(shown)), key=lambda i: abs(share[i] - 0.75)),
    )


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
