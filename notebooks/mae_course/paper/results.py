"""Our small-scale records beside the paper's rows, arm by arm."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mae_course.paper.tables import load_table
from mae_lite.cli.records import last_of, load_records
from mae_lite.weights.assets import asset_path

METRICS = {
    "linear": "linear probe",
    "knn": "kNN",
    "finetune": "fine-tuned",
    "mse": "masked MSE",
    "loss": "training loss",
}
"""What our records hold: accuracies on held-out images (in %), error on their pixels at 75 % random, last loss."""
ACCURACIES = ("linear", "knn", "finetune")
IN_PAPER = {"linear": "lin", "finetune": "ft"}
"""The paper's column for a metric of ours."""
COMMAND = "python -m mae_course.studies.ablations --data TRAIN --test TEST --arms"
"""What makes the records of the arms named after it; TRAIN and TEST are labelled pictures, such as tar shards."""


class Group(NamedTuple):
    """Arms of our ablation that change one thing, and the rows of the paper that do the same."""

    name: str
    table: str
    default_row: str
    """The paper's row for what our default arm does."""
    default_is: str
    """The default's value, as the names of the other arms write theirs."""
    rows: dict[str, str | None]
    """The paper's row for each arm; None where it has none."""
    same: str
    besides: str = ""
    """What differs in this group besides data, size and budget."""


GROUPS = (
    Group("mask ratio", "Figure 5", "75", "75", {f"ratio-{r}": f"{r}" for r in (10, 20, 30, 40, 50, 60, 70, 80, 90)},
          "the share hidden"),
    Group("decoder depth", "Table 1a", "2", "2", {"depth-1": "1", "depth-4": "4", "depth-8": "8"},
          "the number of blocks", "the paper's default has 8 blocks, ours 2, so differences are to 2"),
    Group("decoder width", "Table 1b", "512", "128", {"width-64": "256", "width-256": "1024"},
          "half and twice the default's width"),
    Group("mask token", "Table 1c", "without mask tokens", "without",
          {"encoder-mask-tokens": "with mask tokens"}, "mask tokens go through the encoder"),
    Group("target", "Table 1d", "pixels without norm", "pixels",
          {"target-norm-pix": "pixels with norm", "target-pca": "PCA"}, "the target in kind"),
    Group("augmentation", "Table 1e", "crop, random size", "random crop",
          {"augment-none": "none", "augment-fixed": "crop, fixed size", "augment-colour": "crop and colour jitter"},
          "the augmentation in kind"),
    Group("mask sampling", "Table 1f", "random 75 %", "random",
          {"mask-block-50": "block 50 %", "mask-block-75": "block 75 %", "mask-grid-75": "grid 75 %"},
          "the kind of mask", "a grid of 8 x 8 patches, not 14 x 14"),
    Group("schedule", "Figure 7", "800", "100", {"schedule-25": "200", "schedule-50": "400", "schedule-200": "1600"},
          "the length relative to the default's"),
    Group("loss", "Footnote 1", "hidden pixels", "hidden", {"loss-all-patches": "all pixels"}, "the loss",
          "the paper does not say which accuracy falls"),
    Group("control", "Section 4", "MAE", "MAE",
          {"control-scratch": "scratch, authors' recipe", "control-random": None, "control-pixels": None},
          "training from scratch", "here with no more budget than fine-tuning has"),
)  # fmt: skip
"""What `python -m mae_course.studies.ablations` runs beside "default"."""


NEVER_THE_SAME = (
    "Not the same in any row: data and number of classes, sizes of image and model, budget, optimiser, solver of the "
    "probe."
)
"""What differs between every row of the paper and ours."""


class Spread(NamedTuple):
    """Mean over the seeds of an arm, in the units of `METRICS`."""

    mean: float
    std: float | None
    """Sample standard deviation (n - 1), None with one seed."""
    n: int

    def __str__(self) -> str:
        if self.std is None:
            return f"{self.mean:.2f} (one seed)"
        return f"mean {self.mean:.2f}, deviation {self.std:.3f} ({self.n} seeds)"


class Comparison(NamedTuple):
    """An arm: the paper's row, ours, both against their defaults, and what may be compared."""

    arm: str
    group: str
    table: str
    row: str | None
    paper: dict[str, float | int | str | None]
    paper_change: dict[str, float]
    """The row minus the row of our default."""
    ours: dict[str, Spread | None]
    change: dict[str, float]
    """Our mean minus the default's mean, for metrics that both have."""
    comparable: str
    command: str | None
    """What to run if there is no record of the arm."""


def ablation_records(path: str | Path | None = None, preset: str = "cpu") -> list[dict]:
    """Our ablation's records, one a run; of the same arm and seed the last. None if no file is there yet.

    Args:
        path: JSON lines as `mae_course.studies.ablations` writes them; the bundled ones by default.
        preset: which budget; only runs of one budget can be compared.

    Raises:
        ValueError: if a line is not a record.
    """
    path = asset_path("results") / "ablations.jsonl" if path is None else Path(path)
    records = load_records(path, "arm", "seed")
    return last_of((r for r in records if r.get("preset", preset) == preset), "arm", "seed")


def spread(records: Sequence[dict], arm: str, metric: str) -> Spread | None:
    """A metric of an arm over its seeds, accuracies in %; None where no record has it."""
    scale = 100 if metric in ACCURACIES else 1
    values = [scale * r[metric] for r in records if r["arm"] == arm and r.get(metric) is not None]
    if not values:
        return None
    return Spread(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def group_of(arm: str) -> Group | None:
    """The group an arm belongs to; None for "default" and what the paper has nothing of."""
    return next((group for group in GROUPS if arm in group.rows), None)


def compare_arms(records: Sequence[dict]) -> list[Comparison]:
    """Every arm that was planned, with or without a record, and every other arm that has one; the default first."""
    planned = ["default", *(arm for group in GROUPS for arm in group.rows)]
    others = [arm for arm in dict.fromkeys(r["arm"] for r in records) if arm not in planned]
    return [_compare_arm(records, arm) for arm in planned + others]


def _compare_arm(records: Sequence[dict], arm: str) -> Comparison:
    group = GROUPS[0] if arm == "default" else group_of(arm)
    label = group.default_row if arm == "default" else group and group.rows[arm]
    table = group and load_table(group.table)
    paper = table.row(label).values if label else {}
    base = table.row(group.default_row).values if label else {}
    numbers = [k for k in paper if isinstance(paper[k], float | int) and isinstance(base[k], float | int)]
    ours = {metric: spread(records, arm, metric) for metric in METRICS}
    default = {metric: spread(records, "default", metric) for metric in METRICS}
    return Comparison(
        arm,
        "default" if arm == "default" else group.name if group else "other",
        group.table if label else "",
        label,
        paper,
        {k: round(paper[k] - base[k], 6) for k in numbers},
        ours,
        {m: ours[m].mean - default[m].mean for m in METRICS if ours[m] and default[m] and arm != "default"},
        _in_words(group, label, arm),
        None if any(r["arm"] == arm for r in records) else f"{COMMAND} {arm}",
    )


def _in_words(group: Group | None, label: str | None, arm: str) -> str:
    """What is the same as in the paper's row; `NEVER_THE_SAME` has what is not."""
    if not label:
        return "Not: the paper has no such row."
    same = "the recipe in kind" if arm == "default" else group.same
    besides = f"; {group.besides}" if group.besides and arm != "default" else ""
    return f"Direction only; same: {same}{besides}."


def missing_arms(records: Sequence[dict]) -> dict[str, str]:
    """The planned arms without a record, and the command that makes it."""
    return {one.arm: one.command for one in compare_arms(records) if one.command}


def describe(records: Sequence[dict]) -> str:
    """What was run and measured, and what is missing, a sentence a line, from the records themselves."""
    default, missing = [r for r in records if r["arm"] == "default"], missing_arms(records)
    lines = [
        f"{len(records)} records of {len({r['arm'] for r in records})} arms; {len(missing)} planned arms are missing."
    ]
    if missing:
        lines.append(f"To make them: {COMMAND} {' '.join(missing)}")
    if default:
        one, minutes = default[0], statistics.median(r["seconds"] for r in default) / 60
        lines.append(
            f"The default arm: {one['steps']:,} steps, {one['images_seen']:,} images seen, {len(default)} seeds."
        )
        lines.append(f"It trained for {minutes:.1f} minutes on {one['device']}.")
    if default and "test_images" in one and (seen := spread(records, "default", "linear")):
        share, n = seen.mean / 100, one["test_images"]
        other = 100 * (share * (1 - share) / n) ** 0.5
        lines.append(f"Trained on {one['train_images']:,} images, measured on {n:,} others.")
        lines.append(f"With {n:,} other test images all accuracies would move together, by about {other:.1f} points.")
    return "\n".join(lines)
