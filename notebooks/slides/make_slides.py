"""Build the deck: `python notebooks/slides/make_slides.py [--out build/slides.html]`, one file that needs no network.

`deck.md` holds the text. Slides are separated by a line `---`; what follows a line `???` is for the presenter and
begins with the minutes. A line such as `{{ 02_image_as_sentence: show_cut( }}` is replaced by what the cell with this
text showed when the notebook was built. Exactly one code cell may hold the text, or the deck is not built: that is how
it notices that a notebook has changed. `| first` after the text opens a flipbook at its first frame, `| short` leaves
out the last column of a table. A slide about a notebook that does not exist (yet) is left out.
"""

import argparse
import html
import re
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
from markdown_it import MarkdownIt

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent
FIGURE = re.compile(r"^\{\{ *([\w-]+): *(.+?)(?: \| (first|short))? *\}\}$", re.MULTILINE)
MINUTES = re.compile(r"^\*\*(\d+) min\*\*")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
{css}</style></head>
<body><main>
{slides}
</main><script>{{
{js}}}</script></body></html>
"""


class Slide(NamedTuple):
    """One slide as it stands in deck.md."""

    text: str
    notes: str

    @property
    def minutes(self) -> int:
        """How long it takes, which the notes begin with."""
        found = MINUTES.match(self.notes)
        if not found:
            raise ValueError(f"The notes of a slide begin with its minutes, as in **2 min**: {self.text[:60]!r}.")
        return int(found[1])

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Notebook and text of the cell, for each output that it shows."""
        return [(name, text) for name, text, _ in FIGURE.findall(self.text)]


def read_deck(path: Path = HERE / "deck.md") -> list[Slide]:
    """All slides of a deck, in order."""
    slides = []
    for part in re.split(r"^---$", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        text, _, notes = part.partition("\n???\n")
        slides.append(Slide(text.strip(), notes.strip()))
    return slides


def exists(slide: Slide) -> bool:
    """Whether the notebooks of all its figures do."""
    return all((NOTEBOOKS / f"{name}.ipynb").exists() for name, _ in slide.figures)


def output_of(name: str, text: str) -> str:
    """What a cell showed, as HTML: the cell of a notebook that holds this text.

    Raises:
        ValueError: if no cell or several hold the text, or the cell showed nothing.
    """
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    found = [cell for cell in cells if cell.cell_type == "code" and text in cell.source]
    if len(found) != 1:
        raise ValueError(f"{len(found)} code cells of {name} hold {text!r}; name a text that only one has.")
    parts = [shown(output) for output in found[0].outputs]
    if not any(parts):
        raise ValueError(f"The cell of {name} with {text!r} shows nothing; choose another.")
    return "".join(parts)


def shown(output: nbformat.NotebookNode) -> str:
    """One output of a cell as HTML."""
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text)}</pre>"
    data = output.get("data", {})
    return data.get("text/html") or f"<pre>{html.escape(data.get('text/plain', ''))}</pre>"


def slide_html(slide: Slide) -> str:
    """A slide with its figures and its notes."""
    markdown, figures = MarkdownIt("commonmark", {"html": True}).enable("table"), []

    def put(match: re.Match) -> str:
        name, text, how = match.groups()
        figures.append(f'<div class="figure"><div data-show="{how or "all"}">{output_of(name, text)}</div></div>')
        return f"<p>@{len(figures) - 1}@</p>"

    body = markdown.render(FIGURE.sub(put, slide.text))
    body = re.sub(r"<p>@(\d+)@</p>", lambda match: figures[int(match[1])], body)
    kind = "with-figure" if figures else "words"
    notes = f'<aside class="notes" hidden>{markdown.render(slide.notes)}</aside>'
    return f'<section class="{kind}" data-minutes="{slide.minutes}">\n{body}{notes}</section>'


def build(deck: Path = HERE / "deck.md") -> str:
    """The whole deck as one HTML page."""
    slides = [slide for slide in read_deck(deck) if exists(slide)]
    title = re.search(r"^# (.+)$", slides[0].text, re.MULTILINE)[1]
    css, js = ((HERE / f"deck.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return PAGE.format(title=title, css=css, js=js, slides="\n".join(map(slide_html, slides)))


def main(argv: list[str] | None = None) -> int:
    """Build the deck and say how long it takes to present."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=NOTEBOOKS.parent / "build/slides.html", help="the file to write")
    args = parser.parse_args(argv)
    try:
        page = build()
    except ValueError as error:
        parser.error(str(error))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(page, encoding="utf-8")
    slides = read_deck()
    kept = [slide for slide in slides if exists(slide)]
    minutes, size = sum(slide.minutes for slide in kept), args.out.stat().st_size / 1e6
    left_out = f", {len(slides) - len(kept)} left out for want of their notebook" if len(kept) < len(slides) else ""
    print(f"{args.out}: {len(kept)} slides, {minutes} minutes, {size:.1f} MB{left_out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
