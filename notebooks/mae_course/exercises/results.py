"""Checks of notebook 08, Results and ablations: read_curves, ablate, seeds_needed, speed_ups."""

import math
from collections.abc import Callable
from typing import Any

from mae_course.exercises.check import call, compare_numbers, exercise, expect, numbers
from mae_course.paper.tables import load_table

CURVES = [(50.0, 81.0, 70.5), (90.0, 79.5, 52.0), (10.0, 78.0, 48.0), (70.0, 80.0, 73.0), (30.0, 82.5, 60.0)]
"""Rows of a plot that nobody sorted: ratio, fine-tuned, linear probe."""


@exercise
def read_curves(mine: Any) -> str:
    """`mine(rows)` is (ratio of the best ft, ratio of the best lin, best - worst ft, best - worst lin)."""
    figure = [(float(row.label), row.values["ft"], row.values["lin"]) for row in load_table("Figure 5").rows]
    hint = "Each row is (ratio, ft, lin)."
    for rows in (CURVES, figure):
        got = numbers(call(mine, list(rows), hint=hint), 4)
        says = f"for {len(rows)} rows from {rows[0][0]:g} % to {rows[-1][0]:g} % it says "
        says += f"{', '.join(f'{x:.4g}' for x in got)}; look at each of the four numbers by itself."
        compare_numbers(got, _reading(rows), slips=_misreadings(rows), otherwise=says)
    ft, lin, fall_ft, fall_lin = _reading(figure)
    return (
        f"in Figure 5 fine-tuning peaks at {ft:g} % and linear probing at {lin:g} %; between best and worst ratio lie "
        f"{fall_ft:.1f} and {fall_lin:.1f} points."
    )


def _reading(rows: list, pick: Callable = max) -> tuple[float, ...]:
    ft, lin = ([(row[k], row[0]) for row in rows] for k in (1, 2))
    return pick(ft)[1], pick(lin)[1], max(ft)[0] - min(ft)[0], max(lin)[0] - min(lin)[0]


def _misreadings(rows: list) -> dict[str, tuple[float | int, ...]]:
    """Usual slips with their hints; each is told apart on the rows that are not sorted."""
    ft, lin = [row[1] for row in rows], [row[2] for row in rows]
    a, b, c, d = _reading(rows)
    best = [values.index(max(values)) for values in (ft, lin)]
    return {
        "the first two numbers are places in the list; asked is the ratio that stands there, row[0].": (*best, c, d),
        "these are the ratios of the worst accuracies; take max in place of min.": (*_reading(rows, min)[:2], c, d),
        "the two curves are exchanged: ft comes first, as in the rows.": (b, a, d, c),
        "the last two numbers are in per cent of the best accuracy; points are a plain difference.":
            (a, b, 100 * c / max(ft), 100 * d / max(lin)),
        "the last two numbers compare the first and the last row of the list; the worst can stand anywhere.":
            (a, b, abs(ft[-1] - ft[0]), abs(lin[-1] - lin[0])),
        "the first two numbers are the accuracies at the peak, not the ratios at which they are reached.":
            (max(ft), max(lin), c, d),
    }  # fmt: skip


@exercise
def ablate(mine: Any) -> str:
    """`mine(train, error, ratios, seeds)` is, for each ratio, the mean over the seeds of the error at 75 %."""
    ratios, seeds, trained = (0.25, 0.5, 0.75), (4, 3, 8), []

    def train(mask_ratio: float, seed: int) -> tuple[float, int]:
        trained.append((mask_ratio, seed))
        return mask_ratio, seed

    got = call(
        mine, train, _error, ratios, seeds,
        hint="train(mask_ratio, seed) gives a model, error(model, mask_ratio) its error on held-out photos.",
    )  # fmt: skip
    expect(isinstance(got, dict), f"return a dict of an error for each ratio, not a {type(got).__name__}.")
    expect(set(got) == set(ratios), f"the keys are {list(got)}; they should be the ratios {list(ratios)}.")
    values = numbers([got[ratio] for ratio in ratios], 3)
    every = {ratio: [_error((ratio, seed), 0.75) for seed in seeds] for ratio in ratios}
    mean = [sum(errors) / len(seeds) for errors in every.values()]
    slips = {
        "each arm is measured at its own ratio, so every arm sat another exam. Measure all at 0.75.":
            [sum(_error((r, s), r) for s in seeds) / len(seeds) for r in ratios],
        "only one seed counts; with one seed nobody knows what is luck.": [errors[0] for errors in every.values()],
        "this is the last seed alone: the dict is overwritten by each seed.": [errors[-1] for errors in every.values()],
        "this is the best of the seeds. Who may pick the luckiest run wins with noise alone; take the mean.":
            [min(errors) for errors in every.values()],
        "this is the sum over seeds; divide by how many there are.": [sum(errors) for errors in every.values()],
        "every arm has seeds of its own, so two things change at once. Use the same seeds for all.":
            [sum(_error((r, s + k), 0.75) for s in seeds) / len(seeds) for k, r in enumerate(ratios)],
        "all arms have the same model: train anew for each ratio.": [mean[0]] * 3,
    }  # fmt: skip
    rule = "take, for each ratio, the mean over the seeds of error(train(ratio, seed), 0.75)."
    compare_numbers(values, mean, slips=slips, otherwise=rule)
    expect(len(trained) == 9, f"it trains {len(trained)} models; 3 ratios with 3 seeds each take 9.")
    return "one thing changes between arms, the exam is the same for all, and luck is averaged. Now run it on photos."


def _error(model: tuple[float, int], mask_ratio: float) -> float:
    """A made-up error that depends on all there is, so that each slip shows."""
    ratio, seed = model
    return 1 + (ratio - 0.6) ** 2 + 0.013 * seed**2 * (1 + ratio) + mask_ratio * (1 - 0.4 * ratio)


@exercise
def seeds_needed(mine: Any) -> str:
    """`mine(std, gap)` is the smallest n >= 2 with gap >= 2 x std x sqrt(2 / n)."""
    cases = [(0.3, 0.5), (0.7, 0.5), (1.1, 0.5), (0.45, 1.3), (0.05, 0.5)]
    got = numbers([call(mine, *case, hint="It returns one whole number.") for case in cases], len(cases))
    expect(got[-1] != 1, "with one seed each there is no deviation to judge by; the answer is at least 2.")

    def rule(f: Callable[[float, float], int], least: int = 2) -> list[int]:
        return [max(least, f(std, gap)) for std, gap in cases]

    want = rule(lambda std, gap: math.ceil(8 * (std / gap) ** 2))
    slips = {
        "this is the noise of one arm. Both arms are noisy, and their variances add: std x sqrt(2 / n).":
            rule(lambda std, gap: math.ceil(4 * (std / gap) ** 2)),
        "the deviations of the two arms are added; variances add, which gives a factor sqrt(2), not 2.":
            rule(lambda std, gap: math.ceil(16 * (std / gap) ** 2)),
        "noise falls with the root of n, so n grows with the square of std / gap.":
            rule(lambda std, gap: math.ceil(8 * std / gap)),
        "this is for one standard error; asked are two of them.":
            rule(lambda std, gap: math.ceil(2 * (std / gap) ** 2)),
        "this is upside down: more noise needs more seeds.": rule(lambda std, gap: math.ceil(8 * (gap / std) ** 2)),
        "this rounds down, and then the gap is just too small for its noise; round up.":
            rule(lambda std, gap: math.floor(8 * (std / gap) ** 2)),
    }  # fmt: skip
    k = next((k for k in range(len(cases)) if got[k] != want[k]), 0)
    std, gap = cases[k]
    says = f"for std {std} and gap {gap} it says {got[k]:g}; two standard errors are 2 x {std} x sqrt(2 / n), which "
    compare_numbers(got, want, slips=slips, otherwise=f"{says}{gap} exceeds first at n = {want[k]}.")
    return "a gap as large as the deviation takes 8 seeds an arm, and half that gap four times as many."


@exercise
def speed_ups(mine: Any) -> str:
    """`mine(rows)` is {(encoder, depth): hours with mask tokens / hours} for the rows without mask tokens."""
    rows = [
        ("small", False, 2, 4.0), ("large", False, 6, 12.0), ("small", True, 6, 11.0), ("large", True, 6, 42.0),
        ("small", False, 6, 5.0), ("large", False, 2, 10.5),
    ]  # fmt: skip
    got = call(mine, list(rows), hint="Each row is (encoder, mask_tokens, depth, hours).")
    expect(isinstance(got, dict), f"return a dict, not a {type(got).__name__}.")
    keys = [(encoder, depth) for encoder, tokens, depth, _ in rows if not tokens]
    expect(
        set(got) != {row[0] for row in rows},
        "two rows of an encoder share a key, so one is lost; use (encoder, depth).",
    )
    expect(
        set(got) == set(keys), f"the keys are {list(got)}; there is one (encoder, depth) for each row without masks."
    )
    values = numbers([got[key] for key in keys], len(keys))
    hours = {(e, d): h for e, tokens, d, h in rows if not tokens}
    slow = {e: h for e, tokens, _, h in rows if tokens}
    slips = {
        "this is upside down: faster should be more than 1.": [hours[k] / slow[k[0]] for k in keys],
        "these are hours saved; a speed-up is a ratio.": [slow[k[0]] - hours[k] for k in keys],
        "this is the share of time saved; a speed-up is old time over new time.":
            [1 - hours[k] / slow[k[0]] for k in keys],
        "every row is compared with the same one; each encoder has its own row with mask tokens.":
            [next(iter(slow.values())) / hours[k] for k in keys],
        "this compares with the slowest row of all; compare like with like, within one encoder.":
            [max(slow.values()) / hours[k] for k in keys],
        "this compares with the first row of the list, whatever it is; look for mask_tokens.":
            [rows[0][3] / hours[k] for k in keys],
    }  # fmt: skip
    rule = "divide the hours with mask tokens by the hours without, for the same encoder."
    compare_numbers(values, [slow[k[0]] / hours[k] for k in keys], slips=slips, otherwise=rule)
    return "old time over new time, like with like. Below it meets the paper's own column."
