"""The built site and the deck in a browser, opened from disk with the network cut."""

import re

import pytest

from helpers.project import NOTEBOOKS, ROOT, load
from helpers.site import built_site, pages_of

slides = load(NOTEBOOKS / "slides/make_slides.py")

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BOOK, EXPLORER = ".mae-lite-flipbook", ".mae-lite-explorer"
BRIGHTNESS = (
    "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3"
)
SIDEWAYS = """() => [...document.querySelectorAll('article *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('pre, .output, .table-wrapper'))
    .map(e => e.outerHTML.slice(0, 120))"""
PICTURES = """() => Promise.all([...document.images].map(async img => {
    await img.decode().catch(() => {});
    return [img.alt, img.naturalWidth, img.src.slice(0, 60)];
}))"""


@pytest.fixture(scope="module")
def site():
    return built_site()


@pytest.fixture
def opened(chromium):
    """A function that opens an address without network and keeps what it asked for; all must have come from disk."""
    pages = []

    def open_page(address, width=1300, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.asked, page.wrong = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("requestfailed", lambda request: page.wrong.append(f"failed: {request.url[:200]}"))
        page.on("pageerror", lambda error: page.wrong.append(f"error: {error}"))
        page.on("console", lambda line: line.type == "error" and page.wrong.append(f"console: {line.text[:200]}"))
        page.goto(address)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        assert page.wrong == []
        assert [url[:200] for url in page.asked if not url.startswith(("file:", "data:"))] == []
        page.context.close()


def test_every_page_opens_whole_and_fits_a_phone(opened, site):
    page = opened((site / "index.html").as_uri(), width=390)
    paths = [path for path in pages_of(site) if path.parent.name != "solutions"]  # those have the notebooks' cells
    for path in paths:
        page.goto(path.as_uri())
        pictures = page.evaluate(PICTURES)
        assert [one for one in pictures if not one[0] or not one[1]] == [], f"{path.name}: without alt text, or broken"
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 390, f"{path.name} scrolls sideways: {wide} of 390 pixels; {page.evaluate(SIDEWAYS)[:5]}"
    assert len(page.asked) > len(paths) > 12


def picture_of(book):
    return book.locator(".mae-lite-stills img").get_attribute("src")


def test_every_flipbook_turns(opened, site):
    page, count = opened((site / "index.html").as_uri()), 0
    for path in sorted((site / "notebooks").glob("*.html")):
        page.goto(path.as_uri())
        for book in page.locator(BOOK).all():
            slider, before = book.get_by_role("slider"), book.get_by_role("status").inner_text()
            shown = [picture_of(book)]
            slider.focus()
            for key in ("Home", "End"):
                page.keyboard.press(key)
                shown.append(picture_of(book))
            assert len(set(shown)) >= 2, f"{path.name}: the picture stays"
            assert before
            count += 1
    assert count >= 8


def test_explorer_moves_photo_ratio_and_seed(opened, site):
    page = opened((site / "notebooks/07_reconstruction.html").as_uri())
    explorer = page.locator(EXPLORER)
    pair, status = explorer.locator(".stills img[width='228']"), explorer.get_by_role("status")
    assert "Seed 0, 75% hidden (147 of 196 patches)" in status.inner_text()
    seen = [pair.get_attribute("src")]
    explorer.get_by_role("slider", name="hidden").focus()
    page.keyboard.press("ArrowRight")
    assert "80% hidden (157 of 196 patches)" in status.inner_text()
    seen.append(pair.get_attribute("src"))
    explorer.get_by_role("slider", name="seed").focus()
    page.keyboard.press("ArrowRight")
    assert "Seed 1, 80% hidden" in status.inner_text()
    seen.append(pair.get_attribute("src"))
    explorer.get_by_role("radio", name="pagoda").check()
    assert pair.get_attribute("alt").startswith("pagoda: A photo, the same with 157 of 196 patches hidden")
    seen.append(pair.get_attribute("src"))
    assert len(set(seen)) == 4, "a control that does nothing"
    assert "Seed 1, 80% hidden" in status.inner_text(), "another photo under the same mask"
    explorer.screenshot(path=ROOT / "build/tested-site/explorer.png")


def test_without_scripts_the_explorer_is_a_sheet_of_pictures(opened, site):
    page = opened((site / "notebooks/07_reconstruction.html").as_uri(), java_script_enabled=False)
    explorer = page.locator(EXPLORER)
    assert explorer.locator("figure").count() >= 5
    assert explorer.locator("input").count() == 0
    assert explorer.locator("figcaption").first.is_visible()


def test_table_of_results_filters(opened, site):
    page = opened((site / "notebooks/08_results.html").as_uri())
    table = page.locator(".mae-lite-table").first
    rows = table.locator("tbody tr:visible").count()
    table.get_by_role("button", name="mask ratio", exact=True).click()
    assert 0 < table.locator("tbody tr:visible").count() < rows


def test_search_finds_norm_pix_and_says_where(opened, site):
    page = opened((site / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").fill("norm-pix")
    page.keyboard.press("Enter")
    page.get_by_text("found", exact=False).first.wait_for()
    page.wait_for_function("() => /found \\d+ page/.test(document.querySelector('#search-results').innerText)")
    results = page.locator("#search-results li")
    first = results.first
    assert "norm-pix" in first.inner_text()
    found = results.filter(has=page.get_by_role("link", name=re.compile("^05 The loss")))
    assert found.count() == 1
    assert len(found.inner_text()) > 100, "no excerpt"
    assert [one for one in results.locator("a").all() if "solutions" in one.get_attribute("href")] == []
    found.locator("a").first.click()
    page.wait_for_url("**/05_loss_and_pictures.html**")
    assert page.locator("h1").inner_text().startswith("05 The loss")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_readers_theme(opened, site, scheme):
    page = opened((site / "notebooks/08_results.html").as_uri(), color_scheme=scheme)
    bright = page.evaluate(BRIGHTNESS)
    assert bright > 200 if scheme == "light" else bright < 60
    for what in ("article p", ".cell_output td", ".highlight pre"):
        colour = page.locator(what).first.evaluate(
            "e => getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).map(Number)"
        )
        assert abs(sum(colour) / 3 - bright) > 100, f"{what} cannot be read on {scheme}"


@pytest.fixture(scope="module")
def deck(tmp_path_factory):
    path = tmp_path_factory.mktemp("deck") / "slides.html"
    path.write_text(slides.build(), encoding="utf-8")
    return path.as_uri()


def to_slide_with(page, what):
    """Leaf on to the first slide that holds it; the deck may have no such slide, or a key may do nothing."""
    for _ in range(page.locator("section").count()):
        if page.locator(f"section.now {what}").count():
            return
        page.keyboard.press("PageDown")
    pytest.fail(f"no slide holds {what}; the last one reached is {at(page)}, {headline(page)!r}")


def at(page):
    return page.locator("nav.bar [role=status]").inner_text()


def headline(page):
    return page.locator("section.now").locator("h1, h2").inner_text()


def test_deck_moves_by_keys_buttons_and_address(opened, deck):
    page = opened(deck)
    n = page.locator("section").count()
    assert at(page) == f"1 / {n}"
    for key, place in (
        ("ArrowRight", 2),
        ("PageDown", 3),
        (" ", 4),
        ("ArrowLeft", 3),
        ("PageUp", 2),
        ("End", n),
        ("Home", 1),
    ):
        page.keyboard.press(key)
        assert at(page) == f"{place} / {n}", key
    page.keyboard.press("ArrowLeft")
    assert at(page) == f"1 / {n}", "stops at the ends"
    page.get_by_role("button", name="on (right arrow)").click()
    assert at(page) == f"2 / {n}"
    assert page.locator("section:visible").count() == 1
    page.goto(f"{deck}#5")
    assert at(page) == f"5 / {n}"
    assert opened(f"{deck}#3").locator("nav.bar [role=status]").inner_text() == f"3 / {n}"


def test_a_slider_in_the_deck_moves_its_picture_and_not_the_slide(opened, deck):
    page = opened(deck)
    to_slide_with(page, BOOK)
    place, book = at(page), page.locator(f"section.now {BOOK}")
    before = picture_of(book)
    book.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert picture_of(book) != before
    assert at(page) == place
    page.keyboard.press("PageDown")
    assert at(page) != place, "a presenter's remote still moves on"


def test_films_of_the_deck_begin_at_the_beginning(opened, deck):
    """Whoever is asked when something appears must not see the end first."""
    page = opened(deck)
    sliders = page.locator("[data-show='first'] input[type='range']")
    assert sliders.count() == 2
    for slider in sliders.all():
        assert slider.input_value() == "0"
        assert slider.get_attribute("aria-valuetext").split()[-3:-1] == ["1", "of"]


def test_every_slide_fits_the_screen(opened, deck):
    page = opened(deck)
    page.set_viewport_size({"width": 1280, "height": 720})
    for _ in range(page.locator("section").count()):
        over = page.locator("section.now").evaluate(
            "e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth]"
        )
        assert max(over) <= 1, f"{headline(page)}: {over} pixels too large"
        for figure in page.locator("section.now .figure").all():
            box = figure.locator("xpath=./div").bounding_box()
            assert box["y"] + box["height"] <= 721, headline(page)
            assert box["width"] > 600 or box["height"] > 400, f"{headline(page)}: too small to be seen"
        page.keyboard.press("ArrowRight")


def test_notes_are_for_the_presenter(opened, deck):
    page = opened(deck)
    notes = page.locator("section.now .notes")
    assert not notes.is_visible()
    page.keyboard.press("n")
    assert notes.is_visible()
    page.keyboard.press("n")
    assert not notes.is_visible()
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    speaker = popup.value
    assert "from minute 0" in speaker.locator("body").inner_text()
    page.keyboard.press("ArrowRight")
    assert re.search(r"Slide 2 of \d+, from minute 1\. Next:", speaker.locator("body").inner_text())
    speaker.close()


def test_without_scripts_all_slides_stand_below_each_other(opened, deck):
    page = opened(deck, java_script_enabled=False)
    assert page.locator("section:visible").count() == page.locator("section").count()


def test_deck_on_a_phone_does_not_scroll_sideways(opened, deck):
    page = opened(deck, width=390)
    for _ in range(page.locator("section").count()):
        wide = page.evaluate(
            "() => Math.max(document.documentElement.scrollWidth, document.querySelector('.now').scrollWidth)"
        )
        assert wide <= 390, headline(page)
        page.keyboard.press("PageDown")
