"""Figures of notebook 01: words and pixels on one scale, and who may look at what."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from mae_course.studies.redundancy import Curve
from mae_lite.show.style import STYLE, AltFigure, open_axes

LOOKS = ((":", "^"), ("--", "s"), ("-", "o"))
"""Dash and marker of a kind's lines, in their order."""


def show_redundancy(words: Sequence[Curve], pixels: Sequence[Curve]) -> AltFigure:
    """Scores of words and of pixels against the share hidden: 0 is the trivial guess, 1 is perfect.

    Args:
        words: up to three curves.
        pixels: up to three curves.
    """
    fig, said = AltFigure(figsize=(8.6, 4.6), layout="constrained"), []
    ax = fig.subplots()
    for kind, curves, colour in (("pixels", pixels, "#D55E00"), ("words", words, "#0072B2")):
        for curve, (dash, marker) in zip(curves, LOOKS, strict=False):
            label = f"{kind}: {curve.name}"
            ax.plot(curve.mask_ratios, curve.scores, dash, color=colour, marker=marker, markersize=5, label=label)
            low, high = (np.add(curve.scores, sign * np.array(curve.spread)) for sign in (-1, 1))
            ax.fill_between(curve.mask_ratios, low, high, color=colour, alpha=0.2, linewidth=0)
            ends = [f"{curve.scores[k]:.2f} at {curve.mask_ratios[k]:.0%}" for k in (0, -1)]
            said.append(f"{label} from {ends[0]} to {ends[1]}")
    for share, text in ((0.15, "BERT"), (0.75, "MAE")):
        ax.axvline(share, color="0.6", linewidth=1, zorder=0)
        ax.text(share, 1.0, f" {text} hides {share:.0%}", va="top", color="0.3", **STYLE)
    ax.axhline(0, color="0.2", linewidth=1)
    ax.set(xlim=(0, 1), ylim=(min(0, ax.get_ylim()[0]), 1), xlabel="share hidden")
    ax.set_ylabel("score\n(0 the trivial guess, 1 perfect)")
    ax.xaxis.set_major_formatter("{x:.0%}")
    open_axes(ax)
    fig.legend(loc="outside right center", frameon=False, **STYLE)
    fig.alt = f"Scores between the trivial guess, 0, and perfect, 1, by the share hidden: {'; '.join(said)}."
    return fig


def show_clues(tables: Mapping[str, Bool[Tensor, "n n"]], words: Sequence[str]) -> AltFigure:
    """Tables of clues side by side: a row for each word to predict, a dot in the columns it is predicted from."""
    n = len(words)
    fig, said = AltFigure(figsize=(0.42 * n * len(tables) + 1.6, 0.42 * n + 0.9), layout="constrained"), []
    for ax, (name, table) in zip(fig.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        asked = table.any(dim=1)
        ax.imshow(asked[:, None].expand(n, n).numpy(), cmap="Greys", vmin=0, vmax=6, aspect="equal")
        rows, columns = table.nonzero(as_tuple=True)
        ax.plot(columns, rows, "o", color="#0072B2", markersize=7)
        ax.set(title=name, xlabel="clue")
        ax.set_xticks(range(n), words, rotation=90, **STYLE)
        ax.set_yticks(range(n), words, **STYLE)
        ax.set_xticks(np.arange(0.5, n - 1), minor=True)
        ax.set_yticks(np.arange(0.5, n - 1), minor=True)
        ax.grid(which="minor", color="0.8")
        ax.tick_params(which="both", length=0)
        rows = [f"{words[i]} from {' '.join(words[j] for j in range(n) if table[i, j])}" for i in range(n) if asked[i]]
        said.append(f"{name}: {'; '.join(rows)}")
    fig.axes[0].set_ylabel("to predict")
    fig.alt = f"Tables of what each word is predicted from. {'. '.join(said)}."
    return fig
