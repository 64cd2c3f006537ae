"""Figures of results: the paper's curves beside ours, all arms at once, seed noise, robustness, how long it takes."""

import math
from collections.abc import Mapping, Sequence

from mae_course.paper.claims import SURE
from mae_course.paper.results import GROUPS, METRICS, Group, compare_arms, spread
from mae_course.paper.tables import PaperTable, load_table
from mae_lite.show.style import LINES, STYLE, AltFigure, open_axes

BOX = {"facecolor": "white", "linewidth": 0, "pad": 1}
"""Behind words that stand on a line."""
NAMES = {"ft": "fine-tuned", "lin": "linear probe"}


def show_curves(group: str, records: Sequence[dict]) -> AltFigure:
    """How the paper's accuracies follow one setting, and how ours do: accuracies, then the masked error.

    Args:
        group: a group of `GROUPS` whose values are numbers, such as "mask ratio" or "schedule".
        records: ours; where there are none the panel says so.

    Raises:
        ValueError: if there is no such group, or its values are no numbers.
    """
    one = _numeric_group(group)
    table = load_table(one.table)
    fig, words = AltFigure(figsize=(9.5, 3.4), layout="constrained"), []
    axes = fig.subplots(1, 3)
    x = [float(row.label) for row in table.rows]
    for (name, title), (colour, marker, dash) in zip(NAMES.items(), LINES, strict=False):
        axes[0].plot(x, table.column(name), color=colour, marker=marker, linestyle=dash, label=title)
        words.append(f"{title} {_in_words(dict(zip(x, table.column(name), strict=True)), '.1f')}")
    axes[0].set(title=f"paper ({table.id})", xlabel=table.rows_are, ylabel="accuracy, %")
    ours = [
        _our_line(axes[1], one, records, metric, LINES[k]) for metric, k in (("finetune", 0), ("linear", 1), ("knn", 2))
    ]
    ours.append(_our_line(axes[2], one, records, "mse", LINES[3]))
    axes[1].set(title="ours", xlabel=_our_axis(one), ylabel="accuracy, %")
    axes[2].set(title="ours, pixels", xlabel=_our_axis(one), ylabel="MSE at 75 % random")
    for ax in axes:
        _dress(ax, log=group == "schedule")
    fig.alt = f"{one.name.capitalize()}. Paper, {table.id}: {'; '.join(words)}. Ours: {'; '.join(ours)}."
    return fig


def _numeric_group(name: str) -> Group:
    found = [
        one for one in GROUPS if all(arm.rsplit("-", 1)[1].isdigit() for arm in one.rows) and one.default_is.isdigit()
    ]
    for one in found:
        if one.name == name:
            return one
    raise ValueError(f'"{name}" is no group with numbers to draw; use one of {", ".join(one.name for one in found)}.')


def _our_axis(group: Group) -> str:
    return {"schedule": "% of the default's steps"}.get(group.name, load_table(group.table).rows_are)


def _our_line(ax, group: Group, records: Sequence[dict], metric: str, look: tuple) -> str:
    """Draw a metric over a group's arms with the default's noise as a band; returns it in words."""
    arms = {float(arm.rsplit("-", 1)[1]): arm for arm in group.rows} | {float(group.default_is): "default"}
    points = {x: spread(records, arm, metric) for x, arm in sorted(arms.items())}
    points = {x: value for x, value in points.items() if value}
    if not points:
        return f"{METRICS[metric]} was not run"
    colour, marker, dash = look
    shown = ".3f" if metric == "mse" else ".1f"
    means = [p.mean for p in points.values()]
    ax.plot(list(points), means, color=colour, marker=marker, linestyle=dash, label=METRICS[metric])
    default = points.get(float(group.default_is))
    if default and default.std is not None:
        low, high = default.mean - SURE * default.std, default.mean + SURE * default.std
        ax.axhspan(low, high, color=colour, alpha=0.15, linewidth=0)
    return f"{METRICS[metric]} {_in_words({x: p.mean for x, p in points.items()}, shown)}"


def _in_words(points: Mapping[float, float], shown: str) -> str:
    return ", ".join(f"{y:{shown}} at {x:g}" for x, y in points.items())


def _dress(ax, log: bool = False) -> None:
    """Title, legend below, faint grid; a sentence where nothing was drawn."""
    ax.title.set_fontsize(10)
    open_axes(ax)
    if not ax.lines:
        ax.set(xticks=[], yticks=[])
        ax.text(0.5, 0.5, "no records yet", ha="center", transform=ax.transAxes, **STYLE)
        return
    if log:
        x = sorted({float(v) for line in ax.lines for v in line.get_xdata()})
        ax.set_xscale("log")
        ax.set_xticks(x, [f"{v:g}" for v in x])
        ax.minorticks_off()
    if len(ax.lines) > 1:
        ax.legend(frameon=False, fontsize=9)


def show_arms_plot(records: Sequence[dict]) -> AltFigure:
    """Each arm's change of accuracy against the default: the paper's linear probe, our linear probe, our kNN.

    The bands hold what is smaller than twice the default's seed deviation.
    """
    arms = [one for one in compare_arms(records) if one.arm != "default"]
    arms = [one for one in arms if "lin" in one.paper_change or {"linear", "knn"} & set(one.change)]
    noise = {m: spread(records, "default", m) for m in ("linear", "knn")}
    fig = AltFigure(figsize=(9, 0.235 * len(arms) + 1.1), layout="constrained")
    axes, words = fig.subplots(1, 2, sharey=True), []
    y = {one.arm: k + 0.6 * len({a.group for a in arms[: k + 1]}) for k, one in enumerate(arms)}
    changes = {
        ("paper", "lin"): {one.arm: one.paper_change["lin"] for one in arms if "lin" in one.paper_change},
        ("ours", "linear"): {one.arm: one.change["linear"] for one in arms if "linear" in one.change},
        ("ours", "knn"): {one.arm: one.change["knn"] for one in arms if "knn" in one.change},
    }
    for ((whose, metric), points), (colour, marker, _) in zip(
        changes.items(), (LINES[0], LINES[1], LINES[2]), strict=True
    ):
        ax, title = axes[int(whose == "ours")], "linear probe" if metric == "lin" else METRICS[metric]
        ax.plot(list(points.values()), [y[arm] for arm in points], marker, color=colour, label=title, markersize=6)
        if noise.get(metric) and noise[metric].std is not None:
            ax.axvspan(-SURE * noise[metric].std, SURE * noise[metric].std, color=colour, alpha=0.13, linewidth=0)
        words.append(f"{whose}, {title}: " + ", ".join(f"{arm} {v:+.1f}" for arm, v in points.items()))
    for ax, whose in zip(axes, ("paper", "ours"), strict=True):
        ax.axvline(0, color="0.4", linewidth=1)
        ax.set(xlabel="points against the default arm")
        _dress(ax)
        ax.set_title(whose, loc="left", **STYLE)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=9, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.99))
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(list(y.values()), list(y), fontsize=8.5)
    axes[0].set_ylim(max(y.values()) + 1, 0)
    fig.alt = f"Change of accuracy against the default arm in points. {'; '.join(words)}."
    return fig


def show_robustness(table: PaperTable) -> AltFigure:
    """Table 13 as MAE's gain over supervised training of the same encoder, a line for each test set; 0 is equal."""
    fig, words = AltFigure(figsize=(7, 3.4), layout="constrained"), []
    ax = fig.subplots()
    for row, (colour, marker, dash) in zip(table.rows, LINES, strict=True):
        sign = -1 if row.values["unit"] == "error" else 1
        gains = [sign * (row.values[size] - row.values[f"sup_{size}"]) for size in ("b", "l", "h")]
        ax.plot(range(3), gains, color=colour, marker=marker, linestyle=dash, label=row.label)
        words.append(f"{row.label} {', '.join(f'{gain:+.1f}' for gain in gains)}")
    ax.axhline(0, color="0.3", linewidth=1)
    ax.text(2.05, 0, "supervised", va="center", color="0.3", bbox=BOX, **STYLE)
    ax.set_xticks(range(3), ["ViT-B", "ViT-L", "ViT-H"])
    ax.set(ylabel="MAE's gain in points", xlim=(-0.1, 2.5))
    _dress(ax)
    fig.alt = f"{table.id}: gain of MAE over supervised training for ViT-B, ViT-L, ViT-H: {'; '.join(words)}."
    return fig


def show_seed_noise(
    gaps: Mapping[int, Sequence[float]], truth: float, alike: Mapping[int, Sequence[float]]
) -> AltFigure:
    """What comparisons of two arms measure, by the number of seeds each: the middle 95 % of many simulated ones.

    Args:
        gaps: measured gaps by number of seeds, where the true gap is `truth`.
        truth: in points.
        alike: the same where the two arms do not differ at all.
    """
    fig, words = AltFigure(figsize=(7, 3.2), layout="constrained"), []
    ax = fig.subplots()
    for k, (name, many) in enumerate(((f"a true gap of {truth:g}", gaps), ("no gap at all", alike))):
        colour, marker, _ = LINES[k]
        spans = {n: sorted(values) for n, values in many.items()}
        ends = {n: (v[round(0.025 * len(v))], v[round(0.975 * len(v)) - 1]) for n, v in spans.items()}
        x = [i + 0.16 * (2 * k - 1) for i in range(len(ends))]
        middle = [(low + high) / 2 for low, high in ends.values()]
        half = [(high - low) / 2 for low, high in ends.values()]
        ax.errorbar(x, middle, half, color=colour, marker=marker, linestyle="", capsize=4, label=name)
        words.append(f"{name}: " + ", ".join(f"{n} seeds {low:+.2f} to {high:+.2f}" for n, (low, high) in ends.items()))
    ax.axhline(0, color="0.4", linewidth=1)
    ax.set_xticks(range(len(gaps)), [f"{n}" for n in gaps])
    ax.set(xlabel="seeds of each arm", ylabel="measured gap, points")
    ax.legend(frameon=False, fontsize=9)
    open_axes(ax)
    fig.alt = f"Middle 95 % of the measured gap between two arms. {'; '.join(words)}."
    return fig


def show_progress(steps: Sequence[int], errors: Sequence[float], levels: Mapping[str, float]) -> AltFigure:
    """Error against the training step, with steps in equal factors, and what it has to beat as levels.

    Args:
        steps: done at each point; step 0 is drawn left of 1.
        errors: of the model at each.
        levels: errors of other ways by name.

    Raises:
        ValueError: if there are not as many errors as steps.
    """
    if len(steps) != len(errors) or not steps:
        raise ValueError(
            f"show_progress got {len(steps)} steps and {len(errors)} errors; give one error for each step."
        )
    fig = AltFigure(figsize=(7, 3.4), layout="constrained")
    ax, (colour, marker, dash) = fig.subplots(), LINES[0]
    x = [math.log10(step) if step else -0.5 for step in steps]
    ax.plot(x, errors, color=colour, marker=marker, linestyle=dash, label="the model")
    for name, level in levels.items():
        ax.axhline(level, color="0.45", linewidth=1, linestyle="--")
        ax.text(x[-1] + 0.1, level, f"{name} {level:.2f}", va="center", color="0.3", bbox=BOX, **STYLE)
    ends = range(math.ceil(x[-1]))
    ax.set_xticks([-0.5, *ends], ["0", *(f"{10**k:,}" for k in ends)])
    ax.set(xlabel="training step", ylabel="MSE on hidden patches", ylim=(0, None), xlim=(-0.7, x[-1] + 1.2))
    open_axes(ax)
    below = {
        name: next((s for s, e in zip(steps, errors, strict=True) if e < level), None) for name, level in levels.items()
    }
    words = [
        f"{name} ({level:.2f}) {'from step ' + format(below[name], ',') if below[name] else 'never'}"
        for name, level in levels.items()
    ]
    fig.alt = (
        f"Error of a model while it trains, from {errors[0]:.2f} at step {steps[0]} to {errors[-1]:.2f} at step "
        f"{steps[-1]:,}. It is below {'; '.join(words)}."
    )
    return fig
