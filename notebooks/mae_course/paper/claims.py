"""Claims of the paper, judged by our records: seen at our scale, not seen, or within seed noise."""

from collections.abc import Sequence
from textwrap import fill
from typing import NamedTuple

from mae_course.paper.results import ACCURACIES, COMMAND, IN_PAPER, METRICS, group_of, spread
from mae_course.paper.tables import load_table

SEEN, NOT_SEEN, NOISE, OPEN = "seen at our scale", "not seen", "within seed noise", "not measured"
SURE = 2
"""A difference counts from this many seed standard deviations of the default arm."""


class Claim(NamedTuple):
    """What the paper says, as pairs of arms of which the first should have the higher number."""

    name: str
    says: str
    pairs: tuple[tuple[str, str, str], ...]
    """Metric, the arm that should be higher, the arm that should be lower; "features" is the accuracy asked for."""


class Finding(NamedTuple):
    """A claim and what our records say about it."""

    claim: Claim
    status: str
    """SEEN, NOT_SEEN, NOISE or OPEN."""
    sentence: str
    missing: tuple[str, ...] = ()
    """Arms without the number that is needed."""
    smaller: bool = False
    """Whether ours is within noise though the paper's difference is larger than our noise."""


CLAIMS = (
    Claim("high ratio", "Hiding 75 % gives better features than hiding 10 % (Figure 5).",
          (("features", "default", "ratio-10"),)),
    Claim("not half", "Hiding 75 % gives better features than hiding 50 % (Figure 5).",
          (("features", "default", "ratio-50"),)),
    Claim("too high ratio", "Hiding 90 % is too much (Figure 5).", (("features", "default", "ratio-90"),)),
    Claim("decoder depth", "A deeper decoder helps linear probing (Table 1a).", (("features", "depth-8", "depth-1"),)),
    Claim("no mask tokens in the encoder", "Mask tokens in the encoder hurt (Table 1c).",
          (("features", "default", "encoder-mask-tokens"),)),
    Claim("norm-pix", "Normalised pixels are the better target (Table 1d).",
          (("features", "target-norm-pix", "default"),)),
    Claim("no PCA target", "Dropping the fine detail of the target hurts a little (Table 1d).",
          (("features", "default", "target-pca"),)),
    Claim("cropping is enough", "Colour jitter on top of crops does not help, it hurts (Table 1e).",
          (("features", "default", "augment-colour"),)),
    Claim("random masks", "Random masks are better than block and grid (Table 1f).",
          (("features", "default", "mask-block-75"), ("features", "default", "mask-grid-75"))),
    Claim("lower loss, worse features", "Grid masks have the lower training loss and the worse features (Table 1f).",
          (("loss", "default", "mask-grid-75"), ("features", "default", "mask-grid-75"))),
    Claim("longer schedule", "Twice the schedule still helps (Figure 7).",
          (("features", "schedule-200", "default"), ("features", "default", "schedule-25"))),
    Claim("loss on hidden patches", "A loss on all patches is slightly worse (footnote 1).",
          (("features", "default", "loss-all-patches"),)),
    Claim("pre-training", "MAE, then fine-tuned, is better than training from scratch (section 4).",
          (("finetune", "default", "control-scratch"),)),
    Claim("better than no training", "Ours alone: the features beat an untrained encoder and the raw pixels.",
          (("features", "default", "control-random"), ("features", "default", "control-pixels"))),
)  # fmt: skip


def judge(records: Sequence[dict], metric: str = "linear", claims: Sequence[Claim] = CLAIMS) -> list[Finding]:
    """Each claim against our records.

    A difference smaller than twice the standard deviation over the default arm's seeds is noise. A claim of several
    differences is seen if all are; it is not seen if one of them goes the other way by more than the noise.

    Args:
        records: from `ablation_records`.
        metric: which accuracy to judge features by: "linear", "knn" or "finetune".
        claims: which claims.

    Raises:
        ValueError: if the metric is none of these.
    """
    if metric not in ACCURACIES:
        raise ValueError(f'"{metric}" does not judge features; use one of {", ".join(ACCURACIES)}.')
    return [_judge(records, claim, metric) for claim in claims]


def _judge(records: Sequence[dict], claim: Claim, metric: str) -> Finding:
    pairs = [(metric if kind == "features" else kind, high, low) for kind, high, low in claim.pairs]
    lacks = [(arm, kind) for kind, *arms in pairs for arm in arms if spread(records, arm, kind) is None]
    if lacks:
        return Finding(claim, OPEN, *_to_run(records, list(dict.fromkeys(lacks))))
    if any(spread(records, "default", kind).std is None for kind, _, _ in pairs):
        words = f"The default arm has one seed, so its noise is unknown. Run: {COMMAND} default"
        return Finding(claim, OPEN, words, ("default",))
    gaps = [_gap(records, *pair) for pair in pairs]
    sigmas = [spread(records, "default", kind).std for kind, _, _ in pairs]
    against = [gap < 0 and abs(gap) >= SURE * sigma for gap, sigma in zip(gaps, sigmas, strict=True)]
    clear = [gap > 0 and gap >= SURE * sigma for gap, sigma in zip(gaps, sigmas, strict=True)]
    status = NOT_SEEN if any(against) else SEEN if all(clear) else NOISE
    large = [(paper_gap(*pair) or 0) >= SURE * sigma for pair, sigma in zip(pairs, sigmas, strict=True)]
    words = " ".join(_in_words(records, *pair) for pair in pairs)
    lost = any(paper and not ours for paper, ours in zip(large, clear, strict=True))
    return Finding(claim, status, words, smaller=status == NOISE and lost)


def _to_run(records: Sequence[dict], lacks: Sequence[tuple[str, str]]) -> tuple[str, tuple[str, ...]]:
    """What has no number, in a sentence with the command that would make it."""
    arms = tuple(dict.fromkeys(arm for arm, _ in lacks))
    absent = [arm for arm in arms if not any(r["arm"] == arm for r in records)]
    without = [f"{arm} (no {METRICS[kind]})" for arm, kind in lacks if arm not in absent]
    words = f"Missing: {', '.join([*absent, *without])}."
    return words + (f" Run: {COMMAND} {' '.join(absent)}" if absent else ""), arms


def _gap(records: Sequence[dict], metric: str, high: str, low: str) -> float:
    return spread(records, high, metric).mean - spread(records, low, metric).mean


def _in_words(records: Sequence[dict], metric: str, high: str, low: str) -> str:
    """The numbers of one pair of arms, and the paper's difference where it has one."""
    one, other, default = (spread(records, arm, metric) for arm in (high, low, "default"))
    points, gap = metric in ACCURACIES, one.mean - other.mean
    name, shown, unit, sign = METRICS[metric], ".1f" if points else ".3f", " points" if points else "", "%" * points
    name = name if metric == "knn" else name.capitalize()
    text = f"{name}: {high} {one.mean:{shown}}{sign}, {low} {other.mean:{shown}}{sign}, {gap:+{shown}}{unit} "
    text += f"(noise up to {SURE * default.std:{shown}})"
    paper = paper_gap(metric, high, low)
    return f"{text}; paper {paper:+.1f}." if paper is not None else f"{text}."


def paper_gap(metric: str, high: str, low: str) -> float | None:
    """The paper's difference between the rows of two arms of a group, in points; None where it has none."""
    group = group_of(low if high == "default" else high)
    labels = (
        [group.default_row if arm == "default" else group.rows.get(arm) for arm in (high, low)] if group else [None]
    )
    if None in labels:
        return None
    one, other = (load_table(group.table).row(label).values for label in labels)
    column = "change" if "change" in one and metric == "linear" else IN_PAPER.get(metric)
    if one.get(column) is None or other.get(column) is None:
        return None
    return round(one[column] - other[column], 6)


def disagreements(findings: Sequence[Finding]) -> str:
    """Where our records contradict the paper, a line each, after the counts."""
    count = {status: sum(one.status == status for one in findings) for status in (SEEN, NOT_SEEN, NOISE, OPEN)}
    totals = ", ".join(f"{n} {status}" for status, n in count.items())
    against = [f"- {f.claim.says} {f.sentence}" for f in findings if f.status == NOT_SEEN]
    smaller = [f"- {f.claim.says}" for f in findings if f.smaller]
    if count[OPEN] == len(findings):
        return f"{totals}. Nothing can be said yet."
    lines = [f"{totals}."]
    lines += (
        ["Our records contradict the paper here:", *against]
        if against
        else ["No claim that was tested is contradicted beyond seed noise."]
    )
    lines += ["An effect of the paper's size would show here, and does not:", *smaller] if smaller else []
    return "\n".join(fill(line, 90, subsequent_indent="  ", break_on_hyphens=False) for line in lines)
