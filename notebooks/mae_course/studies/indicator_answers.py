"""What the races found, in sentences made from the records, so that they are true whichever way the records fall."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mae_course.studies import ablations, denoising
from mae_course.studies.arms import MODEL
from mae_course.studies.fillers import KINDS
from mae_course.studies.indicators import RECORDS, SEEDS
from mae_lite.cli.records import last_of, load_records
from mae_lite.show.html import Html, table

BASE = "zeros"
"""What all others are compared with: nothing is told."""
MASK_ARM = "default"
"""The masked autoencoder of the ablations, which the denoising arms are compared with."""
CONTROLS = ("control-random", "control-pixels")
TRANSFORMER = "vit"
CONVOLUTIONS = tuple(kind for kind in KINDS if kind != TRANSFORMER)
COMMAND = "python -m mae_course.studies.indicators --data TRAIN --test TEST --kinds"
Records = Sequence[Mapping[str, Any]]


def race_records() -> list[dict[str, Any]]:
    """The bundled records of the race, of the same kind and seed the last; those of its kinds and seeds only."""
    known = {(r["kind"], r["seed"]): r for r in load_records(RECORDS)}
    return [known[kind, seed] for kind in KINDS for seed in SEEDS if (kind, seed) in known]


def denoising_records() -> list[dict[str, Any]]:
    """The bundled records of the denoising arms, and of the ablations' arms that were run just so: MAE and controls."""
    found = load_records(denoising.RECORDS)
    others = [r for r in load_records(ablations.RECORDS) if r["arm"] in (MASK_ARM, *CONTROLS)]
    shared = {(r["preset"], r["train_images"], r["test_images"]) for r in found or others[-1:]}
    rows = [r for r in others if (r["preset"], r["train_images"], r["test_images"]) in shared] + found
    return last_of(rows, "arm", "seed")


def describe_race(records: Records) -> str:
    """How many runs there are, how large and how long each was, and where they were made."""
    if not records:
        return f"No record of the race yet; run {COMMAND} and the kinds."
    planned, one = len(KINDS) * len(SEEDS), records[-1]
    weights = [r["parameters"] for r in records]
    return (
        f"{len(records)} of {planned} runs; {min(weights):,} to {max(weights):,} weights; {one['steps']} steps, "
        f"{one['images_seen']:,} crops\nof {one['train_images']:,} photos, measured on {one['test_images']:,} others; "
        f"{one['device']}, {one['threads']} thread(s), {one['date']}"
    )


def values(records: Records, name: str, key: str) -> list[Any]:
    """A measure of a kind or arm, seed by seed; without those that have none."""
    found = [r.get(key) for r in records if r.get("kind", r.get("arm")) == name]
    return [value for value in found if value is not None]


def pooled_deviation(groups: Iterable[Sequence[float]]) -> float | None:
    """The deviation of one run from the mean of its group, pooled over groups; None where each has one run."""
    groups = [group for group in groups if len(group) > 1]
    squares = sum(sum((value - mean(group)) ** 2 for value in group) for group in groups)
    return (squares / sum(len(group) - 1 for group in groups)) ** 0.5 if groups else None


def weigh(first: Sequence[float], other: Sequence[float], deviation: float | None) -> int:
    """+1 if the first has the larger mean, -1 if the smaller, 0 if seeds alone can make such a difference.

    A difference of means counts from twice its own deviation. Without a deviation nothing counts.
    """
    difference = mean(first) - mean(other)
    sure = deviation is not None and abs(difference) > 2 * deviation * (1 / len(first) + 1 / len(other)) ** 0.5
    return (difference > 0) - (difference < 0) if sure else 0


def noise(records: Records, key: str = "mse", names: Iterable[str] | None = None) -> float | None:
    """The deviation of a run, pooled over all kinds or arms with several seeds, or over some of them."""
    names = dict.fromkeys(r.get("kind", r.get("arm")) for r in records) if names is None else names
    return pooled_deviation(values(records, name, key) for name in names)


def noise_between(records: Records, kind: str, against: str) -> float | None:
    """The deviation by which two kinds are compared: that of all convolutions, if both are; else of the two alone.

    Pooling is for what varies alike, and a Transformer need not vary as the convolutions do.
    """
    return noise(records, names=(kind, against) if TRANSFORMER in (kind, against) else CONVOLUTIONS)


def compare_kinds(records: Records, kind: str, against: str = BASE) -> int | None:
    """-1 if a kind has less error than another, +1 if more, 0 if that cannot be told; None if one has no record."""
    first, other = (values(records, name, "mse") for name in (kind, against))
    return weigh(first, other, noise_between(records, kind, against)) if first and other else None


def answer(records: Records, kind: str, against: str = BASE) -> str:
    """A question of the race answered in one sentence, with its numbers."""
    first, other = (values(records, name, "mse") for name in (kind, against))
    if not first or not other:
        missing = against if first else kind
        return f'No answer yet: "{missing}" has no record; run {COMMAND} "{missing}".'
    change = 100 * (mean(first) / mean(other) - 1)
    verdict = {-1: "it helps", 1: "it loses"} if against == BASE else {-1: "it is better", 1: "it is worse"}
    return (
        f'"{kind}": error {mean(first):.3f}, {abs(change):.1f} % {"more" if change > 0 else "less"} than '
        f'"{against}" ({mean(other):.3f}): {verdict.get(compare_kinds(records, kind, against), "within seed noise")}.'
    )


def by_depth(records: Records, key: str, kinds: Sequence[str]) -> dict[str, Float[Tensor, " layers"]]:
    """A measure after the stem and after each block, the mean over seeds, for kinds that have it."""
    found = {kind: values(records, kind, key) for kind in kinds}
    return {kind: torch.tensor(lists).mean(dim=0) for kind, lists in found.items() if lists}


def left_over(records: Records, arm: str) -> list[float]:
    """The error that an arm leaves of its own damage, as a share of the error of doing nothing, one a seed.

    For the arms that fill patches, MAE among them, both are of the hidden patches; else of all pixels.
    """
    nothing = values(records, "dropped-patches", "corrupted")  # 0 in place of hidden pixels; over all pixels
    if values(records, arm, "mse"):
        return [error / (mean(nothing) / MODEL.mask_ratio) for error in values(records, arm, "mse")] if nothing else []
    damage, rest = values(records, arm, "corrupted"), values(records, arm, "restored")
    return [after / before for before, after in zip(damage, rest, strict=True)]


HEAD = ("kind", "how it is told", "weights", "error", "seeds", "skill", 'against "zeros"')


def race_table(records: Records) -> Html:
    """Every kind with its records, the least error first, and those that have none."""
    done = sorted((k for k in KINDS if values(records, k, "mse")), key=lambda k: mean(values(records, k, "mse")))
    words = {-1: "less error", 1: "more error", 0: "within noise", None: ""}
    rows = []
    for kind in done:
        errors, skill = (values(records, kind, key) for key in ("mse", "skill"))
        judged = "" if kind == BASE else words[compare_kinds(records, kind)]
        each, weights = ", ".join(f"{e:.3f}" for e in errors), f"{values(records, kind, 'parameters')[0]:,}"
        rows.append((kind, KINDS[kind], weights, f"{mean(errors):.3f}", each, f"{mean(skill):+.1%}", judged))
    rows += [(kind, KINDS[kind], "", "no record", "", "", "") for kind in KINDS if kind not in done]
    deviation = noise(records, names=CONVOLUTIONS)
    about = "one seed only" if deviation is None else f"the deviation of a run is {deviation:.4f} among convolutions"
    film = mean(r["harmonic_mse"] for r in records) if records else float("nan")
    caption = f"Error on hidden patches; {about}. Skill 0 is the soap film, with error {film:.3f}."
    lines = [" | ".join(row) for row in (HEAD, *rows)]
    return Html(table(HEAD, rows, caption=caption), "\n".join([caption, *lines]))


def probe_answer(records: Records, arm: str, key: str = "linear") -> str:
    """One sentence: an arm's features against those of the masked autoencoder, in per cent of photos told right."""
    first, other = ([100 * v for v in values(records, name, key)] for name in (arm, MASK_ARM))
    if not first or not other:
        return (
            f'No answer yet: "{MASK_ARM if first else arm}" has no record; run python -m mae_course.studies.denoising.'
        )
    spread = noise(records, key)
    found = weigh(first, other, None if spread is None else 100 * spread)
    verdict = {-1: "MAE is ahead", 1: "MAE is behind", 0: "seeds alone differ as much"}[found]
    return f"{arm}: {mean(first):.1f} %, MAE {mean(other):.1f} %: {verdict}."
