"""Tables as HTML that need no kernel: the paper's, and ours beside it, to filter and sort where scripts run."""

import html
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from mae_course.paper.claims import NOISE, NOT_SEEN, OPEN, SEEN, SURE, Finding
from mae_course.paper.results import NEVER_THE_SAME, Comparison, Spread, compare_arms, missing_arms
from mae_course.paper.tables import PaperTable
from mae_lite.measure.table import text_table
from mae_lite.show.html import Html, inline, table

LINE = "1px solid rgba(128,128,128,0.45)"
"""A colour that shows on light and dark pages."""
CELL = f"padding:3px 6px;border-bottom:{LINE};vertical-align:top;white-space:normal"
LAST, WIDE = "comparable?", ";min-width:11em"
"""The column of words, and what keeps it readable beside many numbers."""
SIGN = {SEEN: "✓", NOT_SEEN: "✗", NOISE: "≈", OPEN: "○"}
"""Beside the words, never instead of them."""


class Cell(NamedTuple):
    """What a cell shows, and what it sorts by."""

    text: str
    key: float | int | str | None = None
    """A number or a word; None goes to the end, whichever way one sorts."""


def show_paper_table(paper: PaperTable) -> Html:
    """A table of the paper with its number, units, setting, notes and where it was read; the default row is marked."""
    heads = [paper.rows_are, *(f"{c.title}, {c.unit}" if c.unit else c.title for c in paper.columns)]
    rows = [
        [f"{row.label} (default)" if row.default else row.label, *(_shown(v) for v in row.values.values())]
        for row in paper.rows
    ]
    caption = f"{paper.id}. {paper.title}: {paper.caption}"
    notes = [f"Setting: {paper.setting}.", *paper.notes, f"Source: {paper.source}."]
    body = _table(
        caption,
        heads,
        [[Cell(text) for text in row] for row in rows],
        bold={i for i, r in enumerate(paper.rows) if r.default},
    )
    small = f'<div style="font-size:0.85em;max-width:60em">{html.escape(" ".join(notes))}</div>'
    return Html(f'<div style="line-height:1.4">{body}{small}</div>', _plain(caption, heads, rows))


def show_paper_tables(tables: Sequence[PaperTable]) -> Html:
    """Several of the paper's tables, each folded under its number and title: a click or Enter opens it."""
    parts = [(f"{one.id}: {one.title}", show_paper_table(one)) for one in tables]
    folded = "".join(
        f'<details style="margin:2px 0"><summary>{html.escape(title)}</summary>{one.html}</details>'
        for title, one in parts
    )
    return Html(f"<div>{folded}</div>", "\n\n".join(one.alt for _, one in parts))


def show_arms(records: Sequence[dict]) -> Html:
    """Every arm: the paper's row and ours, each with its difference to the default, and what may be compared.

    Where scripts run, buttons choose a group and the headings sort. Without, it is a plain table.
    """
    arms = compare_arms(records)
    tuned = any(one.ours["finetune"] for one in arms)
    heads = ["arm", "in the paper", "paper: linear, %", "paper: change", "ours: linear, %", "ours: change"]
    heads += ["ours: kNN, %", "kNN: change", "masked MSE"] + ["paper: fine-tuned, %", "ours: fine-tuned, %"] * tuned
    heads += [LAST]
    noise = arms[0].ours
    rows = [_arm_row(one, noise, tuned) for one in arms]
    lacks = len(missing_arms(records))
    caption = f"{len(arms)} arms, {len(arms) - lacks} of them run. ± is the standard deviation over as many seeds; "
    caption += f"~ marks a change smaller than {SURE} standard deviations of the default's seeds. {NEVER_THE_SAME}"
    groups = {one.group: None for one in arms}
    body = _table(caption, heads, rows, bold={0}, rows_are=[f' data-group="{html.escape(one.group)}"' for one in arms])
    look = "overflow:auto;max-height:36em;font-size:0.86em"
    page = (
        f'<div class="mae-lite-table" data-groups="{html.escape("|".join(groups))}" style="line-height:1.4">'
        f'<div role="region" aria-label="Table of arms" tabindex="0" style="{look}">{body}</div>'
        f"{inline(__file__)}</div>"
    )
    return Html(page, _plain(caption, heads, [[cell.text for cell in row] for row in rows]))


def show_findings(findings: Mapping[str, Sequence[Finding]]) -> Html:
    """Claims as rows, with the verdict by each way to judge features, and the numbers of the first of them.

    Args:
        findings: from `judge`, by the name of the metric; the same claims in each.
    """
    first = next(iter(findings.values()))
    heads = ["the paper's claim", *findings, f"numbers ({next(iter(findings))})"]
    rows = [
        [one.claim.says, *(f"{SIGN[other[i].status]} {other[i].status}" for other in findings.values()), one.sentence]
        for i, one in enumerate(first)
    ]
    caption = f"Noise is a difference smaller than {SURE} standard deviations of the default arm's seeds."
    body = _table(caption, heads, [[Cell(text) for text in row] for row in rows])
    return Html(f'<div style="overflow:auto;line-height:1.4">{body}</div>', _plain(caption, heads, rows))


def _arm_row(one: Comparison, noise: Mapping[str, Spread | None], tuned: bool) -> list[Cell]:
    where = f"{one.table}: {one.row}" if one.row else "nowhere"
    cells = [Cell(one.arm, one.arm), Cell(where, where)]
    cells += [_number(one.paper.get("lin")), _change(one.paper_change.get("lin") if one.group != "default" else None)]
    for metric in ("linear", "knn"):
        cells += [_spread(one.ours[metric], one.command), _change(one.change.get(metric), noise[metric])]
    cells.append(_spread(one.ours["mse"], one.command, ".3f"))
    if tuned:
        cells += [_number(one.paper.get("ft")), _spread(one.ours["finetune"], one.command)]
    return [*cells, Cell(one.comparable, one.comparable)]


def _shown(value: float | int | str | None) -> str:
    """A value as the paper prints it: one decimal for accuracies, whole numbers whole."""
    return "–" if value is None else value if isinstance(value, str) else f"{value}"


def _number(value: float | None) -> Cell:
    return Cell(_shown(value), value)


def _spread(value: Spread | None, command: str | None, shown: str = ".1f") -> Cell:
    if value is None:
        return Cell("not run" if command else "–")
    text = f"{value.mean:{shown}}"
    return Cell(text if value.std is None else f"{text} ± {value.std:{shown}} ({value.n})", value.mean)


def _change(value: float | None, noise: Spread | None = None) -> Cell:
    if value is None:
        return Cell("–")
    quiet = noise is not None and noise.std is not None and abs(value) < SURE * noise.std
    return Cell(f"{value:+.1f}{' ~' if quiet else ''}", value)


def _table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    bold: Collection[int] = (),
    rows_are: Sequence[str] = (),
) -> str:
    """One table; numbers stand to the right."""
    sides = ["right" if all(_is_number(row[k].text) for row in rows) else "left" for k in range(len(heads))]
    styles = [f";text-align:{side}{WIDE if head == LAST else ''}" for head, side in zip(heads, sides, strict=True)]
    keys = [["" if c.key is None else f' data-key="{html.escape(str(c.key))}"' for c in row] for row in rows]
    texts = [[cell.text for cell in row] for row in rows]
    return table(heads, texts, caption=caption, cell=CELL, styles=styles, bold=bold, rows_are=rows_are, cells_are=keys)


def _is_number(text: str) -> bool:
    """Whether a cell belongs into a column of numbers."""
    return (
        text in ("–", "not run") or text.lstrip("+-−")[:1].isdigit() and not any(c in text for c in ",(") or "±" in text
    )


def _plain(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as lines of text."""
    return f"{caption}\n{text_table([heads, *rows], '<')}"
