"""Figures of what a forward pass costs: time against the mask ratio, the size of the image, the size of a patch."""

import json
from collections.abc import Mapping, Sequence

from mae_lite.show.style import LINES, STYLE, AltFigure, by_ratio, plain_axes
from mae_lite.weights.assets import asset_path

SWEEPS = {
    "mask ratio": "share of patches hidden",
    "image size": "side of the image, pixels",
    "patch size": "side of a patch, pixels",
}
"""What `benchmarks/scaling.py` changes, and the words below the axis."""


def show_times(mask_ratios: Sequence[float], times: Mapping[str, Sequence[float]], title: str = "") -> AltFigure:
    """Milliseconds against mask ratio, a labelled line for each name.

    Args:
        mask_ratios: share of patches hidden, ascending.
        times: for each name the milliseconds at each ratio.
        title: what was timed.

    Raises:
        ValueError: if a line has not one time for each ratio, or there are more lines than distinct styles.
    """
    fig = by_ratio("show_times", mask_ratios, times, "times")
    (ax,) = fig.axes
    plain_axes(ax, xlabel="share of patches hidden", ylabel="milliseconds", title=title)
    words = [f"{name} from {line[0]:,.0f} to {line[-1]:,.0f}" for name, line in times.items()]
    span = f"{mask_ratios[0]:.0%} to {mask_ratios[-1]:.0%}"
    fig.alt = f"Milliseconds as the share of hidden patches goes from {span}: {'; '.join(words)}."
    return fig


def show_scaling(record: Mapping | None = None) -> AltFigure:
    """Measured time beside the formula's line, for the encoder and the whole model, against what makes it cost more.

    Args:
        record: as `benchmarks/scaling.py --json` writes it; the one in assets/results if left out.
    """
    record = record or json.loads((asset_path("results") / "bench-scaling.json").read_text())
    fig, words = AltFigure(figsize=(10, 3.4), layout="constrained"), []
    for ax, (sweep, label) in zip(fig.subplots(1, len(SWEEPS)), SWEEPS.items(), strict=True):
        for part, (colour, marker, _) in zip(("whole model", "encoder"), LINES, strict=False):
            rows = [row for name, row in record["rows"].items() if name.startswith(sweep) and name.endswith(part)]
            rows = sorted(rows, key=lambda row: row["value"])
            x, measured = [row["value"] for row in rows], [row["median_ms"] for row in rows]
            spread = [[abs(row[end] - row["median_ms"]) for row in rows] for end in ("low_ms", "high_ms")]
            ax.errorbar(x, measured, spread, color=colour, marker=marker, linestyle="", label=f"{part}, measured")
            ax.plot(x, [row["formula_ms"] for row in rows], color=colour, linestyle="--", label=f"{part}, formula")
            words.append(f"{part}, {sweep} {x[0]:g} to {x[-1]:g}: {measured[0]:.0f} to {measured[-1]:.0f}")
        plain_axes(ax, xlabel=label, ylabel="milliseconds")
        ax.get_legend().remove()
    fig.axes[0].xaxis.set_major_formatter("{x:.0%}")
    fig.legend(*fig.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False, **STYLE)
    where = f"{record['machine']}, torch {record['torch']}, {record['date']}"
    settings = "ViT-B/16, one image of 224 pixels, 75 % hidden, but for what varies"
    fig.supxlabel(f"{settings}; {where}", fontsize=8, color="0.4")
    fig.alt = f"Milliseconds for one image, measured beside the formula. {'; '.join(words)}."
    return fig
