"""The paper's tables and figures as data: every number with its table, units and caption."""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from mae_lite.weights.assets import asset_path


class Column(NamedTuple):
    """A column of a paper's table."""

    name: str
    title: str
    unit: str
    better: str | None
    """ "higher", "lower", or None where neither is better."""


class PaperRow(NamedTuple):
    """A row of a paper's table."""

    label: str
    values: dict[str, float | int | str | None]
    """By the name of the column; None where the paper has a dash."""
    default: bool
    """Whether the paper uses it where it says nothing else."""


@dataclass(frozen=True)
class PaperTable:
    """A table or figure of the paper as numbers, with where they were read."""

    id: str
    """Its number, such as "Table 1a" or "Figure 5"."""
    title: str
    caption: str
    setting: str
    source: str
    rows_are: str
    columns: tuple[Column, ...]
    rows: tuple[PaperRow, ...]
    notes: tuple[str, ...]
    """Doubts and what else the paper says about these numbers."""

    def row(self, label: str) -> PaperRow:
        """The row of that label.

        Raises:
            ValueError: if there is none.
        """
        for row in self.rows:
            if row.label == label:
                return row
        raise ValueError(f'{self.id} has no row "{label}"; it has {", ".join(row.label for row in self.rows)}.')

    def column(self, name: str) -> list[float | int | str | None]:
        """The values of a column from top to bottom.

        Raises:
            ValueError: if there is none.
        """
        if name not in [column.name for column in self.columns]:
            have = ", ".join(column.name for column in self.columns)
            raise ValueError(f'{self.id} has no column "{name}"; it has {have}.')
        return [row.values[name] for row in self.rows]


def list_tables() -> list[str]:
    """What `load_table` knows, in reading order: Section 4, Footnote 1, Table 1a, ..., Figure 9, Seeds."""
    kinds = ("Section", "Footnote", "Table", "Figure", "Seeds")
    names = [json.loads(file.read_text(encoding="utf-8"))["id"] for file in asset_path("paper").glob("*.json")]
    return sorted(
        names, key=lambda name: (kinds.index(name.split()[0]), int((re.findall(r"\d+", name) or [0])[0]), name)
    )


@cache
def load_table(name: str) -> PaperTable:
    """A table or figure of arXiv 2111.06377 by its number; "Seeds" is from the official code's page.

    Raises:
        ValueError: if there is none of that name.
    """
    path = asset_path("paper") / f"{name.lower().replace(' ', '-')}.json"
    if not path.exists():
        raise ValueError(f'There is no "{name}" of the paper here; there are {", ".join(list_tables())}.')
    data = json.loads(path.read_text(encoding="utf-8"))
    columns = tuple(Column(**column) for column in data["columns"])
    rows = tuple(
        PaperRow(row["label"], {c.name: row[c.name] for c in columns}, row.get("default", False))
        for row in data["rows"]
    )
    return PaperTable(**data | {"columns": columns, "rows": rows, "notes": tuple(data["notes"])})
