"""The claim board: each claim of the paper with its evidence, our run and the doubt left; and what came after."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mae_course.pages.results_table import LINE, SIGN
from mae_course.paper.claims import CLAIMS, NOISE, OPEN, SEEN, judge
from mae_course.paper.results import METRICS
from mae_course.paper.tables import load_table
from mae_lite.show.html import Html, inline
from mae_lite.weights.assets import asset_path

UNTESTED = "not tested here"
"""No run of ours can speak to the claim; `BoardClaim.why` says why."""
SIGNS = SIGN | {UNTESTED: "–"}
JUDGED = {claim.name: claim for claim in CLAIMS}
"""The claims that our ablation can speak to."""
SPEED = "encoder, step of 64, with mask tokens"
"""The row of `benchmarks/studies.py` that says how many times longer a step takes with mask tokens."""


@dataclass(frozen=True)
class BoardClaim:
    """A claim of the paper as assets/reading/claims.json has it."""

    name: str
    topic: str
    says: str
    where: str
    """Section of the paper."""
    evidence: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Table, column and rows that the paper rests it on."""
    ours: str | None
    """Which of `JUDGED` speaks to it, "speed" for a benchmark, None for neither."""
    why: str
    """Why nothing here can test it, where `ours` is None."""
    doubt: str
    see: tuple[str, str]
    """Notebook and heading where one can look closer."""


@dataclass(frozen=True)
class Standing:
    """What our records say about a claim."""

    status: str
    """One of the statuses of `mae_course.paper.claims`, or UNTESTED."""
    sentence: str


def load_claims() -> list[BoardClaim]:
    """All claims of the board, by topic."""
    rows = json.loads((asset_path("reading") / "claims.json").read_text(encoding="utf-8"))
    return [
        BoardClaim(
            **row | {
                "evidence": tuple((e["table"], e["column"], tuple(e["rows"])) for e in row["evidence"]),
                "why": row.get("why", ""),
                "see": tuple(row["see"]),
            }
        )
        for row in rows
    ]  # fmt: skip


def evidence_in_words(claim: BoardClaim) -> list[str]:
    """The paper's numbers for a claim, a line for each table and column, read from the tables."""
    lines = []
    for name, column, rows in claim.evidence:
        table = load_table(name)
        (head,) = [c for c in table.columns if c.name == column]
        numbers = ", ".join(f"{table.row(row).values[column]} ({row})" for row in rows)
        lines.append(f"{name}, {head.title}{f', {head.unit}' if head.unit else ''} (by {table.rows_are}): {numbers}")
    return lines


def standing(claim: BoardClaim, records: Sequence[dict]) -> Standing:
    """What our records say about a claim of the board; OPEN where the run is missing."""
    if claim.ours is None:
        return Standing(UNTESTED, f"Not tested: {claim.why}.")
    if claim.ours == "speed":
        return _speed(asset_path("results") / "bench-studies.json")
    judged = JUDGED[claim.ours]
    if all(kind != "features" for kind, _, _ in judged.pairs):
        (found,) = judge(records, claims=[judged])
        return Standing(found.status, found.sentence)
    linear, knn = (judge(records, metric, [judged])[0] for metric in ("linear", "knn"))
    also = "" if linear.status == knn.status else f" By {METRICS['knn']} it is {knn.status}."
    return Standing(linear.status, linear.sentence + also)


def _speed(path: Path) -> Standing:
    """The speed-up that `benchmarks/studies.py` measured."""
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"rows": {}}
    row = record["rows"].get(SPEED)
    if row is None:
        return Standing(OPEN, "Run: python benchmarks/studies.py")
    low, high = row["times_low"], row["times_high"]
    words = f"Our small encoder, without decoder: a training step with mask tokens takes {row['times']:.1f} times as "
    words += f"long as without ({low:.1f} to {high:.1f}; {record['machine']})."
    return Standing(SEEN if low > 1 else NOISE, words)


def count_standings(records: Sequence[dict]) -> dict[str, int]:
    """How many claims of the board have each status, those that occur."""
    found = [standing(claim, records).status for claim in load_claims()]
    return {status: found.count(status) for status in SIGNS if status in found}


def show_board(records: Sequence[dict]) -> Html:
    """Every claim as a card: the paper's numbers, our run, the doubt.

    Where scripts run, two rows of buttons choose by topic and by what our runs say. Without, all cards are there.

    Args:
        records: from `ablation_records`.
    """
    found = [(claim, standing(claim, records)) for claim in load_claims()]
    grid = "display:grid;grid-template-columns:repeat(auto-fill,minmax(19em,1fr));gap:8px"
    page = (
        f'<div class="mae-lite-board" style="line-height:1.4"><div role="region" aria-label="Claim board" tabindex="0" '
        f'style="overflow:auto;max-height:46em"><div style="{grid}">{"".join(_card(*one) for one in found)}</div></div>'
        f"{inline(__file__)}</div>"
    )
    return Html(page, "\n\n".join("\n".join(_lines(*one).values()) for one in found))


def _lines(claim: BoardClaim, ours: Standing) -> dict[str, str]:
    """What a card says, by the name of the line."""
    notebook, heading = claim.see
    return {
        "claim": f"{claim.name}: {claim.says}",
        "paper": f"{claim.where}. {'; '.join(evidence_in_words(claim)) or 'No numbers'}.",
        "our run": f"{SIGNS[ours.status]} {ours.status}. {ours.sentence}",
        "open doubt": claim.doubt,
        "look closer": f"notebook {notebook[:2]}, {heading}",
    }


def _card(claim: BoardClaim, ours: Standing) -> str:
    lines = _lines(claim, ours)
    del lines["claim"]
    told = "".join(
        f'<div style="margin-top:4px"><b>{name}</b> {html.escape(text)}</div>' for name, text in lines.items()
    )
    return (
        f'<div data-topic="{html.escape(claim.topic)}" data-status="{html.escape(ours.status)}" '
        f'style="border:{LINE};border-radius:3px;padding:6px 10px">'
        f"<b>{SIGNS[ours.status]} {html.escape(claim.name)}</b> <small>({html.escape(claim.topic)})</small>"
        f'<div style="margin-top:4px">{html.escape(claim.says)}</div>{told}</div>'
    )


class FollowUp(NamedTuple):
    """A later work and what it asks of MAE."""

    work: str
    venue: str
    arxiv: str
    asks: str
    line: str


def load_follow_ups() -> list[FollowUp]:
    """Works that came after or at the same time, by arXiv number, which is by date."""
    rows = json.loads((asset_path("reading") / "follow_ups.json").read_text(encoding="utf-8"))
    return sorted((FollowUp(**row) for row in rows), key=lambda one: one.arxiv)


def show_follow_ups(works: Sequence[FollowUp]) -> Html:
    """A line for each work, under what it asks about."""
    asked = dict.fromkeys(one.asks for one in works)
    parts, lines = [], []
    for name in asked:
        chosen = [one for one in works if one.asks == name]
        items = "".join(f"<li>{_cited(one)}: {html.escape(one.line)}</li>" for one in chosen)
        parts.append(
            f'<div style="margin-top:6px"><b>{html.escape(name)}</b><ul style="margin:2px 0">{items}</ul></div>'
        )
        lines += [name, *(f"  {one.work}, arXiv {one.arxiv}: {one.line}" for one in chosen)]
    return Html(f'<div style="line-height:1.4;max-width:60em">{"".join(parts)}</div>', "\n".join(lines))


def _cited(one: FollowUp) -> str:
    """Its name, where it appeared, and a link to it."""
    venue = f"{html.escape(one.venue)}, " if one.venue else ""
    link = f'<a href="https://arxiv.org/abs/{one.arxiv}">arXiv {one.arxiv}</a>'
    return f"<b>{html.escape(one.work)}</b> ({venue}{link})"
