"""The deck takes its figures from the notebooks, and notices when one is gone."""

import re

import nbformat
import pytest

from helpers.html import Images
from helpers.project import ROOT, load

FOLDER = ROOT / "notebooks/slides"
slides = load(FOLDER / "make_slides.py")
DECK = slides.read_deck()


@pytest.fixture(scope="module")
def page():
    return slides.build()


@pytest.mark.parametrize("slide", [slide for slide in DECK if slide.figures], ids=lambda slide: slide.text[:40])
def test_every_named_figure_is_there(slide):
    for name, text in slide.figures:
        assert (ROOT / f"notebooks/source/{name}.py").exists(), f"no notebook {name}"
        if slides.exists(slide):
            assert "<img" in slides.output_of(name, text) or "<table" in slides.output_of(name, text)


def test_a_figure_that_is_gone_is_said(tmp_path, capsys):
    with pytest.raises(
        ValueError, match="0 code cells of 00_start_here hold 'show_nothing'; name a text that only one"
    ):
        slides.output_of("00_start_here", "show_nothing")
    with pytest.raises(ValueError, match=r"\d code cells of 00_start_here hold 'ml'"):
        slides.output_of("00_start_here", "ml")
    with pytest.raises(ValueError, match="with 'import copy' shows nothing"):
        slides.output_of("02_image_as_sentence", "import copy")


def test_it_takes_an_hour():
    assert sum(slide.minutes for slide in DECK) == 60
    with pytest.raises(ValueError, match="begin with its minutes"):
        assert slides.Slide("# No hint", "say something").minutes


def test_every_slide_has_one_heading_and_a_hint_for_the_presenter():
    for slide in DECK:
        assert len(re.findall(r"^#+ ", slide.text, re.MULTILINE)) == 1, slide.text
        assert len(slide.notes) > 60, f"what does one say here? {slide.text[:60]}"
    headings = [re.search(r"^#+ (.+)$", slide.text, re.MULTILINE)[1] for slide in DECK]
    assert len(set(headings)) == len(headings)


def test_it_follows_the_paper():
    """In this order: question, masking, architecture, loss, training, results, transfer, limits, discussion."""
    named = [name[:2] for slide in DECK for name, _ in slide.figures]
    first = {part: named.index(part) for part in ("01", "02", "03", "04", "05", "06", "08", "09")}
    assert sorted(first, key=first.get) == sorted(first)
    assert "To discuss" in DECK[-2].text
    assert "does not do" in DECK[-4].text + DECK[-3].text + DECK[-5].text


def test_every_slide_is_in_the_page_with_its_figures(page):
    kept = [slide for slide in DECK if slides.exists(slide)]
    assert page.count("<section ") == page.count('<aside class="notes" hidden>') == len(kept)
    assert page.count('<div class="figure">') == sum(len(slide.figures) for slide in kept)
    assert "{{" not in re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)


def test_a_flipbook_can_open_at_its_first_frame_and_a_table_be_shorter(page):
    assert slides.FIGURE.findall("{{ 01_a: f(x | y) }}\n{{ 01_a: f( | first }}") == [
        ("01_a", "f(x | y)", ""), ("01_a", "f(", "first"),
    ]  # fmt: skip
    assert [page.count(f'<div data-show="{how}">') for how in ("first", "short")] == [2, 1]


def test_it_is_one_file_that_needs_nothing_else(page):
    loads = re.findall(r"(?:src|srcset|poster)=\"(?!data:)([^\"]*)|<link[^>]*|@import|url\(([^)]*)\)", page)
    assert loads == []
    assert len(page) < 12e6


def test_every_picture_has_alt_text(page):
    found = Images(page).found
    assert len(found) > 15
    assert [img["src"][:50] for img in found if not img.get("alt")] == []


def test_a_slide_without_its_notebook_is_left_out(tmp_path, monkeypatch):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("show()", outputs=[stream("one < two")])])
    nbformat.write(notebook, tmp_path / "01_a.ipynb")
    monkeypatch.setattr(slides, "NOTEBOOKS", tmp_path)
    deck = tmp_path / "deck.md"
    deck.write_text(
        "# T\n\n{{ 01_a: show() }}\n\n???\n**1 min** hint\n---\n## Later\n\n{{ 02_b: plot() }}\n\n???\n**2 min** hint\n"
    )
    page = slides.build(deck)
    assert page.count("<section ") == 1
    assert "<title>T</title>" in page
    assert "<pre>one &lt; two</pre>" in page
    assert "Later" not in page


def stream(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)
