"""Pages that need no kernel, widget or network: HTML with its words, the data of a script, tables, pictures."""

import base64
import html
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Page(ABC):
    """What a notebook shows as HTML, and as its words where HTML is not shown."""

    @property
    @abstractmethod
    def alt(self) -> str:
        """The whole in words."""

    @abstractmethod
    def to_html(self) -> str:
        """Everything as one piece of HTML."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.to_html(), "text/plain": self.alt}


@dataclass(frozen=True)
class Html(Page):
    """A page that is there already."""

    html: str
    text: str

    @property
    def alt(self) -> str:
        """Its words."""
        return self.text

    def to_html(self) -> str:
        """The page."""
        return self.html


def inline(script: str | Path, data: Any = None) -> str:
    """The script beside a module of Python as part of a page, behind html.js, and the data that it reads.

    Args:
        script: the module's `__file__`; the script has its name.
        data: what JSON can say; no text in it can end the script.
    """
    packed = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    code = "\n".join(Path(one).with_suffix(".js").read_text(encoding="utf-8") for one in (__file__, script))
    given = "" if data is None else f'<script type="application/json">{packed}</script>\n'
    return f"{given}<script>{{\n{code}}}</script>"


def source(data: bytes, format: str = "webp") -> str:
    """An encoded picture as the address of an image."""
    return f"data:image/{format};base64,{base64.b64encode(data).decode()}"


def img_html(data: bytes, alt: str, format: str = "png", width: int | None = None) -> str:
    """An encoded picture as an HTML image that carries it whole, with alt text, as wide as its pixels or `width`."""
    size = "" if width is None else f' width="{width}"'
    return f'<img alt="{html.escape(alt)}"{size} style="max-width:100%;height:auto" src="{source(data, format)}">'


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str = "",
    cell: str = "text-align:left",
    styles: Sequence[str] = (),
    bold: Collection[int] | None = None,
    rows_are: Sequence[str] = (),
    cells_are: Sequence[Sequence[str]] = (),
) -> str:
    """A table of texts; the first cell of a row is its heading.

    Args:
        heads: of the columns.
        rows: as many cells each.
        caption: above it; none if empty.
        cell: the style of every cell.
        styles: what is added to it, by column.
        bold: rows in bold; in the others the heading is not bold either. If left out, all headings are and no more.
        rows_are: attributes of each row.
        cells_are: attributes of each cell.
    """
    styles = [f"{cell}{style}" for style in styles or [""] * len(heads)]
    top = "".join(
        f'<th scope="col" style="{style}">{html.escape(head)}</th>' for style, head in zip(styles, heads, strict=True)
    )
    lines = []
    for i, row in enumerate(rows):
        cells, weight = [], "" if bold is None else f";font-weight:{'bold' if i in bold else 'normal'}"
        for k, (style, text) in enumerate(zip(styles, row, strict=True)):
            tag, more = "td" if k else "th", cells_are[i][k] if cells_are else ""
            scope = "" if k else ' scope="row"'
            cells.append(f'<{tag}{scope} style="{style}{weight}"{more}>{html.escape(text)}</{tag}>')
        lines.append(f"<tr{rows_are[i] if rows_are else ''}>{''.join(cells)}</tr>")
    look = "text-align:left;padding:4px 8px;caption-side:top;color:inherit"
    title = f'<caption style="{look}">{html.escape(caption)}</caption>' if caption else ""
    return (
        f'<table style="border-collapse:collapse;margin:0 0 4px 0">{title}<thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )
