"""Figures of transfer: accuracies side by side, by share of labels, by blocks tuned, and which classes are mixed up."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from mae_course.paper.tables import load_table
from mae_lite.show.flipbook import Flipbook, flipbook
from mae_lite.show.style import LINES, STYLE, AltFigure, open_axes, plain_axes

HATCHES = ("", "//", "..", "xx")
"""A pattern for each bar, beside its colour."""


def show_accuracies(table: Mapping[str, Mapping[str, float]], chance: float) -> AltFigure:
    """A bar for each kind of features in each group, in per cent.

    Args:
        table: for each group, such as a protocol, the accuracy (0 to 1) of each kind of features, the same kinds.
        chance: what guessing gets, 0 to 1; drawn as a level.

    Raises:
        ValueError: if there are more kinds of features than distinct styles, or groups differ in them.
    """
    kinds = list(next(iter(table.values()), {}))
    if not 1 <= len(kinds) <= len(LINES) or any(list(row) != kinds for row in table.values()):
        raise ValueError(f"show_accuracies takes groups of the same 1 to {len(LINES)} kinds of features.")
    fig = AltFigure(figsize=(7, 3.2), layout="constrained")
    ax, width = fig.subplots(), 0.8 / len(kinds)
    for k, kind in enumerate(kinds):
        places = [x + (k - (len(kinds) - 1) / 2) * width for x in range(len(table))]
        heights = [100 * row[kind] for row in table.values()]
        bars = ax.bar(places, heights, width * 0.92, color=LINES[k][0], hatch=HATCHES[k], edgecolor="white", label=kind)
        ax.bar_label(bars, fmt="%.0f", fontsize=9)
    ax.axhline(100 * chance, color="0.4", linewidth=1, linestyle=":")
    ax.text(1.01, 100 * chance, "chance", va="center", transform=ax.get_yaxis_transform(), color="0.3", **STYLE)
    plain_axes(ax, ylabel="accuracy (%)")
    ax.set_ylim(0, 100)
    ax.set_axisbelow(True)
    ax.grid(visible=False, axis="x")
    ax.set_xticks(range(len(table)), table)
    ax.legend(frameon=False, loc="upper left", ncols=len(kinds), **STYLE)
    said = "; ".join(f"{name}: {_row(row)}" for name, row in table.items())
    fig.alt = f"Accuracy on held-out images. {said}. Chance is {100 * chance:.0f} %."
    return fig


def _row(row: Mapping[str, float]) -> str:
    return ", ".join(f"{kind} {100 * value:.0f} %" for kind, value in row.items())


def fraction_flipbook(
    tables: Mapping[float, Mapping[str, Mapping[str, float]]], images: int, chance: float
) -> Flipbook:
    """`show_accuracies` for each share of labels, with a slider.

    Args:
        tables: for each share of labels (0 to 1) what `show_accuracies` takes.
        images: training images, all labels.
        chance: what guessing gets, 0 to 1.
    """
    figures = [show_accuracies(table, chance) for table in tables.values()]
    labels = [f"{100 * share:g} % of the labels: {round(share * images):,} images" for share in tables]
    alts = [f"{label}. {fig.alt}" for label, fig in zip(labels, figures, strict=True)]
    frames = [fig.to_picture(dpi=100) for fig in figures]
    return flipbook(frames, labels, alts, name="share of labels", max_bytes=600_000)


def show_confusion(predicted: Int[Tensor, " m"], labels: Int[Tensor, " m"], classes: Sequence[str]) -> AltFigure:
    """How often images of each class (rows) are taken for each class (columns), in per cent of the row.

    Args:
        predicted: the predicted classes.
        labels: the true ones.
        classes: their names.
    """
    counts = torch.zeros(len(classes), len(classes))
    counts.index_put_((labels, predicted), torch.ones(len(labels)), accumulate=True)
    share = 100 * counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    fig = AltFigure(figsize=(6.4, 4.6), layout="constrained")
    ax = fig.subplots()
    ax.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=100)
    for y, row in enumerate(share.tolist()):
        for x, value in enumerate(row):
            ax.text(x, y, f"{value:.0f}", ha="center", va="center", fontsize=8, color="white" if value > 55 else "0.1")
    ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=8)
    ax.set_yticks(range(len(classes)), classes, fontsize=8)
    ax.set_xlabel("taken for (% of the row)", **STYLE)
    ax.set_ylabel("is", **STYLE)
    wrong = share.clone().fill_diagonal_(0)
    y, x = divmod(int(wrong.argmax()), len(classes))
    best, worst = int(share.diagonal().argmax()), int(share.diagonal().argmin())
    fig.alt = (
        f"Confusion of {len(classes)} classes. Most often right: {classes[best]}, {share[best, best]:.0f} %; least "
        f"often: {classes[worst]}, {share[worst, worst]:.0f} %. The most common mistake: {classes[y]} taken for "
        f"{classes[x]}, {wrong[y, x]:.0f} %."
    )
    return fig


def blocks_flipbook(ours: Sequence[Mapping], depth: int, scratch: float | None = None) -> Flipbook:
    """Figure 9 of the paper beside our own partial fine-tuning, with a slider over the blocks that are tuned.

    Args:
        ours: records with "blocks", "accuracy" (0 to 1) and "tuned", the number of weights that are trained.
        depth: blocks of our encoder.
        scratch: accuracy of supervised training from scratch with the same budget, drawn as a level; None for none.
    """
    figure_9, ours = load_table("Figure 9"), sorted(ours, key=lambda record: record["blocks"])
    paper = [float(row.label) for row in figure_9.rows], figure_9.column("mae")
    mine = [record["blocks"] for record in ours], [100 * record["accuracy"] for record in ours]
    frames, labels, alts = [], [], []
    for k, record in enumerate(ours):
        fig = AltFigure(figsize=(7.6, 3.3), layout="constrained")
        left, right = fig.subplots(1, 2)
        _curve(left, *paper, "Figure 9 of the paper: ViT-L, 24 blocks")
        _curve(right, *mine, f"ours: {depth} blocks, a few epochs", ringed=k, level=scratch)
        frames.append(fig.to_picture(dpi=100))
        labels.append(
            f"{_blocks(record['blocks'], depth)}: {record['tuned']:,} weights learn, {mine[1][k]:.1f} % (ours)"
        )
        alts.append(
            f"Left, the paper's Figure 9: accuracy rises from {paper[1][0]} % with 0 blocks tuned over {paper[1][2]} % "
            f"with 1 to {paper[1][-1]} % with all 24. Right, ours, with this point ringed: {labels[-1]}."
        )
    return flipbook(frames, labels, alts, name="blocks tuned", max_bytes=600_000)


def _blocks(blocks: int | float, depth: int) -> str:
    named = {0: "the head alone", 0.5: "the last MLP", 1: "the last block", depth: f"all {depth} blocks"}
    return named.get(blocks, f"the last {blocks:g} blocks")


def _curve(ax, blocks, values, title: str, ringed: int | None = None, level: float | None = None) -> None:
    """Accuracy against blocks; the axis counts points, since most happens between 0 and 1."""
    places, (colour, marker, dash) = range(len(blocks)), LINES[0]
    ax.plot(places, values, color=colour, marker=marker, linestyle=dash, markersize=5)
    for x, value in zip(places, values, strict=True):
        above = (0, 10 if x == ringed else 7)
        ax.annotate(f"{value:.1f}", (x, value), xytext=above, textcoords="offset points", ha="center", fontsize=8)
    if ringed is not None:
        ax.plot(ringed, values[ringed], "o", color="black", markersize=12, fillstyle="none", markeredgewidth=1.8)
    ax.set_xticks(places, [f"{b:g}" for b in blocks])
    ax.set_title(title, fontsize=10)
    ax.set_xlabel("blocks tuned", **STYLE)
    ax.set_ylabel("accuracy (%)", **STYLE)
    low, high = min(values), max(values)
    if level is not None:
        low = min(low, 100 * level)
        ax.axhline(100 * level, color=LINES[1][0], linestyle="--", linewidth=1.2)
        ax.text(len(blocks) - 1, 100 * level, "from scratch", ha="right", va="bottom", color=LINES[1][0], **STYLE)
    ax.set_ylim(low - 0.25 * (high - low + 1), high + 0.2 * (high - low + 1))
    open_axes(ax)
