"""Checks for notebook 12: a review, an experiment that could refute a claim, and what a budget allows."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from numbers import Real
from typing import Any

from mae_course.exercises.check import call, compare_numbers, expect, numbers
from mae_course.exercises.check import exercise as exercise
from mae_course.pages.claim_board import JUDGED, load_claims
from mae_course.paper.claims import SURE, Claim
from mae_course.paper.results import ACCURACIES, ablation_records, spread
from mae_course.paper.tables import list_tables, load_table
from mae_course.studies.arms import ARMS, CONTROLS, MODEL, PLANS

WORDS = {"summary": 25, "strengths": 12, "weaknesses": 12, "questions": 8, "verdict": 8}
"""The least number of words in each part of a review that is text."""
JUDGEMENTS = ("holds", "doubtful", "refuted")
DESIGN = ("claim", "arms", "metric", "refuted_if", "by", "seeds")
OUTCOMES = ("first is higher", "second is higher")


@exercise
def review(mine: Any) -> str:
    """`mine()` is a review: every part filled, claims that are on the board, numbers that cite their table."""
    parts = call(mine, hint="It takes nothing and returns a dict.")
    expect(isinstance(parts, Mapping), f"return a dict of the parts, not a {type(parts).__name__}.")
    for name, least in WORDS.items():
        expect(name in parts, f'the part "{name}" is missing; a review has {", ".join(WORDS)}, claims and confidence.')
        words = len(re.findall(r"\w{2,}", _text(parts[name])))
        expect(words >= least, f'"{name}" has {words} words; write at least {least}, so that the authors can use it.')
    _expect_judged(parts.get("claims"))
    confidence = parts.get("confidence")
    expect(
        isinstance(confidence, int) and 1 <= confidence <= 5,
        f"confidence is {confidence!r}; give a whole number from 1, a guess, to 5, certain.",
    )
    cited = [table for name in WORDS for sentence in _sentences(parts[name]) for table in _expect_cited(sentence)]
    expect(bool(cited), "no sentence rests on a table. Give at least one that does.")
    return f"all parts are there, and you cite {', '.join(dict.fromkeys(cited))} rightly. The rest is your judgement."


def _expect_judged(claims: Any) -> None:
    """At least two claims of the board, each with a judgement."""
    expect(isinstance(claims, Mapping) and len(claims) >= 2, 'judge two claims or more: "claims" is {name: judgement}.')
    names = [claim.name for claim in load_claims()]
    for name, judgement in claims.items():
        expect(name in names, f'the board has no claim "{name}"; it has {", ".join(names)}.')
        expect(judgement in JUDGEMENTS, f'"{judgement}" is no judgement; use one of {", ".join(JUDGEMENTS)}.')


def _text(part: Any) -> str:
    """A part of a review as one text; a list becomes sentences."""
    return part if isinstance(part, str) else "\n".join(map(str, part)) if isinstance(part, Sequence) else ""


def _sentences(part: Any) -> list[str]:
    return re.split(r"(?<=[.!?])\s+|\n", _text(part))


def _expect_cited(sentence: str) -> list[str]:
    """The tables a sentence names, each of whose decimal numbers must be in one of them or be a difference of two."""
    bare = re.sub(r"[Ss]ections? [\d.]+", "", sentence)
    names = [name for name in list_tables() if re.search(rf"\b{name}\b", sentence)]
    for number in re.findall(r"\d+\.\d+", bare):
        expect(
            bool(names),
            f'the sentence with {number} names no table that is here ("{sentence.strip()[:60]}"); write for '
            'example "(Table 1f)".',
        )
        found = [_column_has(values, float(number)) for name in names for values in _columns(name)]
        expect(any(found), f"{number} is not in {' or '.join(names)}, nor the difference of two numbers of a column.")
    return names


def _columns(name: str) -> list[list[Real]]:
    table = load_table(name)
    columns = [table.column(column.name) for column in table.columns]
    return [[value for value in column if isinstance(value, Real)] for column in columns]


def _column_has(values: list[Real], number: float) -> bool:
    known = {*values, *(abs(a - b) for a in values for b in values)}
    return any(abs(value - number) < 1e-6 for value in known)


@exercise
def refute(mine: Any) -> str:
    """`mine(records)` designs a run whose result could refute a claim, with a gap that exceeds seed noise."""
    gaps = []
    for factor in (1.0, 2.0):
        records = _made_up(factor)
        design = call(mine, records, hint="It is given the records and returns a dict.")
        expect(isinstance(design, Mapping), f"return a dict, not a {type(design).__name__}.")
        lacks = [key for key in DESIGN if key not in design]
        expect(not lacks, f"the design lacks {', '.join(lacks)}.")
        claim = _expect_testable(design["claim"])
        higher = _expect_pair(claim, design["metric"], design["arms"])
        expect(design["refuted_if"] in OUTCOMES, f"refuted_if is one of {' and '.join(map(repr, OUTCOMES))}.")
        against = f"that outcome is what the claim predicts: {claim.says} What would it not survive?"
        expect(design["refuted_if"] != OUTCOMES[higher], against)
        gaps.append(_expect_gap(design, records))
    expect(gaps[0] != gaps[1], 'the records became twice as noisy and "by" did not change. Compute it from them.')
    return f"{_cost(2 * design['seeds'])}, or fewer where records exist. Write the design down before you run it."


def _made_up(factor: float) -> list[dict]:
    """Three seeds of the default arm whose deviations are 0.6, 0.9 and 0.3 points, and 0.01, times a factor."""
    shift = {"linear": 0.006, "knn": 0.009, "finetune": 0.003, "mse": 0.01, "loss": 0.02}
    return [
        {"arm": "default", "seed": seed, "seconds": 100} | {m: 0.5 + factor * d * (seed - 1) for m, d in shift.items()}
        for seed in range(3)
    ]


def _expect_testable(name: Any) -> Claim:
    board = {claim.name: claim for claim in load_claims()}
    expect(name in board, f'the board has no claim "{name}"; it has {", ".join(board)}.')
    testable = [claim.name for claim in board.values() if claim.ours in JUDGED]
    why = f"; {board[name].why}" if board[name].why else ""
    expect(name in testable, f'no arm of ours can speak to "{name}"{why}. Take one of {", ".join(testable)}.')
    return JUDGED[board[name].ours]


def _expect_pair(claim: Claim, metric: Any, arms: Any) -> int | None:
    """Which of the two arms the claim says is higher, 0 or 1."""
    kinds = {kind for kind, _, _ in claim.pairs}
    known = [m for kind in kinds for m in (ACCURACIES if kind == "features" else (kind,))]
    expect(metric in known, f'"{metric}" does not decide this claim; it is about {" or ".join(sorted(known))}.')
    expect(isinstance(arms, tuple | list) and len(arms) == 2, "arms is a pair: what is compared with what.")
    for arm in arms:
        _expect_valid(arm)
    for kind, *pair in claim.pairs:
        if metric in (ACCURACIES if kind == "features" else (kind,)):
            for higher in (0, 1):
                if _is_like(arms[higher], pair[0]) and _is_like(arms[1 - higher], pair[1]):
                    return higher
    pairs = "; or ".join(f"{high} against {low}" for _, high, low in claim.pairs)
    return expect(False, f"these two arms do not differ in what the claim is about. It is about {pairs}.")


def _expect_valid(arm: Any) -> None:
    """The name of an arm, or one changed field of the model's or the training's settings."""
    names = [*ARMS, *CONTROLS]
    if not isinstance(arm, Mapping):
        expect(arm in names, f"there is no arm {arm!r}; there are {', '.join(names)}, or give a dict of one change.")
        return
    expect(len(arm) == 1, f"{dict(arm)} changes {len(arm)} things; if the result differs, which of them was it?")
    fields = {**asdict(MODEL), **asdict(PLANS["cpu"])}
    for name, value in arm.items():
        expect(name in fields, f'neither MAEConfig nor PretrainConfig has a field "{name}".')
        expect(value != fields[name], f"{name} = {value} is what the default has; then nothing is compared.")
        try:
            replace(MODEL if name in asdict(MODEL) else PLANS["cpu"], **arm)
        except (ValueError, TypeError) as error:
            expect(False, f"{dict(arm)} is refused: {error}")


def _is_like(arm: str | Mapping, target: str) -> bool:
    """Whether an arm is `target`, or changes the same field to the same side of the default."""
    if not isinstance(arm, Mapping) or target not in ARMS:
        return arm == target
    changes = {**ARMS[target].model, **ARMS[target].train}
    (name, value), fields = next(iter(arm.items())), {**asdict(MODEL), **asdict(PLANS["cpu"])}
    if list(changes) != [name]:
        return False
    base = 1 if name == "epochs" else fields[name]  # an arm's epochs are a multiple
    return not isinstance(value, Real) or (value > fields[name]) == (changes[name] > base)


def noise_of_gap(std: float, seeds: int) -> float:
    """Two standard errors of the difference between the means of two arms with so many seeds each."""
    return SURE * std * math.sqrt(2 / seeds)


def _expect_gap(design: Mapping, records: Sequence[dict]) -> Real:
    """The gap, if it exceeds the noise of the difference of two means and is not far beyond it."""
    seeds, gap, metric = design["seeds"], design["by"], design["metric"]
    expect(isinstance(seeds, int) and 1 <= seeds <= 10, f"seeds is {seeds!r}; take a whole number from 1 to 10 an arm.")
    expect(isinstance(gap, Real) and gap > 0, f'"by" is {gap!r}; it is a positive number.')
    std = spread(records, "default", metric).std
    noise = noise_of_gap(std, seeds)
    seen = f"with a deviation of {std:.3g} and {seeds} seeds an arm"
    expect(gap > noise / 20, f"{gap:.3g} looks like a share; the records' spread is in points, {std:.3g} here.")
    one = "that is the noise of one arm. Both are noisy: their variances add, which gives √2 more"
    expect(abs(gap - noise / math.sqrt(2)) > 1e-6 * noise, f"{seen}, {one}: {noise:.3g}.")
    lucky = f"{seen} two equal arms differ by up to {noise:.3g} in nineteen of twenty cases; {gap:.3g} may be luck."
    expect(gap >= noise * (1 - 1e-6), lucky)
    expect(gap <= 3 * noise, f"{seen} {noise:.3g} is enough; asking for {gap:.3g} lets a wrong claim off.")
    return gap


def _cost(runs: int) -> str:
    """What so many runs take, by the bundled records."""
    took = [r["seconds"] for r in ablation_records() if r["arm"] == "default"]
    return f"{runs} runs" + (f", about {runs * sum(took) / len(took) / 60:.0f} minutes by the records" if took else "")


@exercise
def plan(mine: Any) -> str:
    """`mine(record, images, epochs, arms, hours)` is the hours of one run, and the seeds an arm that fit."""
    record = {"seconds": 130.0, "steps": 450, "images_seen": 28800, "train_images": 7200, "epochs": 4}
    cases = [(record, 9000, 12, 5, 4.0), (record, 13000, 30, 3, 20.0), (record | {"seconds": 95.0}, 8000, 7, 10, 2.0)]
    got = [call(mine, *case, hint="record is a dict, see above; the rest are numbers.") for case in cases]
    got = [numbers(one, 2) for one in got]
    run = _expect_hours([hours for hours, _ in got], cases)
    _expect_seeds([n for _, n in got], [case[4] / hours for case, hours in zip(cases, run, strict=True)], cases)
    return "now divide what you can pay for between arms and seeds. An arm with a single seed is the first to go."


def _expect_hours(got: list[Real], cases: Sequence[tuple]) -> list[float]:
    """The hours of one run of each case."""

    def rule(f: Callable[[dict, int, int], float]) -> list[float]:
        return [f(*case[:3]) / 3600 for case in cases]

    run = rule(lambda r, n, e: n * e * r["seconds"] / r["images_seen"])
    slips = {
        "that is in seconds; divide by 3600.": [3600 * x for x in run],
        "that is in minutes; hours are asked for.": [60 * x for x in run],
        "that is one epoch; each image is seen once an epoch.":
            rule(lambda r, n, e: n * r["seconds"] / r["images_seen"]),
        "seconds were divided by the size of the data set, but the record's run saw each image several times.":
            rule(lambda r, n, e: n * e * r["seconds"] / r["train_images"]),
        "the time of a step was taken for that of an image; a step has images_seen / steps of them.":
            rule(lambda r, n, e: n * e * r["seconds"] / r["steps"]),
    }  # fmt: skip
    said, rule = "the hours of one run: ", "images x epochs x seconds for one image, and 3600 s are an hour."
    slips = {said + hint: wrong for hint, wrong in slips.items()}
    compare_numbers(got, run, slips=slips, otherwise=said + rule)
    return run


def _expect_seeds(got: list[Real], runs: list[float], cases: Sequence[tuple]) -> None:
    """The seeds of each arm, from how many runs would fit."""
    fit = [x / case[3] for x, case in zip(runs, cases, strict=True)]
    all_runs = "the seeds: this is the number of runs; every arm needs its own, so divide by the arms."
    slips = {
        all_runs: runs,
        "the seeds: there is no part of a run; round to a whole number.": fit,
        "the seeds: rounded up, the last ones do not fit into the hours.": [math.ceil(x) for x in fit],
    }
    for rounded in (math.floor, math.ceil):
        expect(got != [rounded(x) for x in runs], all_runs)
    wanted = f"the seeds: for {cases[0][1:]} it says {got[0]:g}, and {int(fit[0])} fit."
    compare_numbers(got, [math.floor(x) for x in fit], slips=slips, otherwise=wanted)
