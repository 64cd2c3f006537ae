"""Flipbooks in pages that run scripts, in pages that do not, and in JupyterLab with and without trust."""

import re

import numpy as np
import pytest
from nbformat.v4 import new_notebook

from helpers.pages import CELLS, export, notebook, opened, opened_in_lab
from mae_lite.show.flipbook import flipbook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BOOK = ".mae-lite-flipbook"
CODE = """
import numpy as np
from mae_lite.show.flipbook import flipbook

frames = [np.full((100, 300, 3), 40 * i, np.uint8) for i in range(6)]
words = [f"step {i}" for i in range(6)]
flipbook(frames, words, [f"grey {i}" for i in range(6)], name="training step", titles=("left", "right"), start=2)
"""


def book(word="step", n=6):
    frames = [np.full((100, 300, 3), 40 * i, np.uint8) for i in range(n)]
    words = [f"{word} {i}" for i in range(n)]
    return flipbook(frames, words, [f"alt of {w}" for w in words], name="frame", titles=("left", "right"), start=2)


def state(one):
    """What a reader meets: the picture's bytes and alt text, the line below, the slider's place."""
    picture = one.locator("img")
    label = one.get_by_role("status").inner_text()
    return picture.get_attribute("src"), picture.get_attribute("alt"), label, one.locator("input").input_value()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export(notebook(CODE, book("step"), book("share")), tmp_path_factory.mktemp("export") / "two.html")


def test_exported_page_works_from_disk_without_network(chromium, exported, tmp_path):
    page = opened(chromium, exported)
    first, second = page.locator(BOOK).all()
    before = [state(first), state(second)]
    assert [b[1:] for b in before] == [("alt of step 2", "step 2", "2"), ("alt of share 2", "share 2", "2")]
    slider = first.get_by_role("slider", name="frame")
    slider.focus()
    page.keyboard.press("ArrowRight")
    after = state(first)
    assert after[1:] == ("alt of step 3", "step 3", "3")
    assert after[0] != before[0][0]
    assert first.locator("img").evaluate("img => img.decode().then(() => img.naturalWidth)") == 300
    assert slider.get_attribute("aria-valuetext") == "frame 4 of 6"
    page.keyboard.press("End")
    assert state(first)[1] == "alt of step 5"
    assert state(second) == before[1], "the other flipbook stays where it was"
    assert page.broken == []
    bare = opened(chromium, export(new_notebook(), tmp_path / "bare.html"))
    assert len(page.asked) > 1
    foreign = {url for url in page.asked if url.startswith("http")} - set(bare.asked)
    assert foreign == set(), "asks for more than nbconvert's own page does"
    page.context.close()
    bare.context.close()


def test_it_plays_to_the_end_and_pauses(chromium, exported):
    page = opened(chromium, exported)
    one = page.locator(BOOK).first
    status = one.get_by_role("status")
    one.get_by_role("button", name="Play").click()
    one.get_by_text("step 3").wait_for()
    assert status.get_attribute("aria-live") == "off", "a film that plays is not read out"
    one.get_by_role("button", name="Pause").click()
    held = state(one)
    page.wait_for_timeout(1000)
    assert state(one) == held
    assert status.get_attribute("aria-live") == "polite"
    one.get_by_role("button", name="Play").click()
    one.get_by_text("step 5").wait_for()
    one.get_by_role("button", name="Play").wait_for()
    one.get_by_role("button", name="Play").click()
    assert state(one)[1] == "alt of step 0", "played to the end, it starts over"
    page.context.close()


def test_who_wants_no_motion_gets_no_play_button(chromium, exported):
    page = opened(chromium, exported, reduced_motion="reduce")
    assert page.get_by_role("slider").count() == 2
    assert page.get_by_role("button").count() == 0
    page.context.close()


def test_narrow_pages_have_no_sideways_scrolling(chromium, exported):
    page = opened(chromium, exported)
    page.set_viewport_size({"width": 320, "height": 700})
    for one in page.locator(BOOK).all():
        assert one.evaluate("e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= innerWidth")
        assert one.locator("input").bounding_box()["width"] > 60
    page.context.close()


def test_without_script_and_style_it_is_a_sheet_of_stills(chromium, tmp_path):
    """As viewers on the web show it that keep neither."""
    path = tmp_path / "plain.html"
    path.write_text(f"<!doctype html><title>x</title>{book().to_html()}")
    page = opened(chromium, path.as_uri(), java_script_enabled=False)
    one = page.locator(BOOK)
    assert [img.get_attribute("alt") for img in one.locator("img").all()] == [f"alt of step {i}" for i in (0, 2, 3, 5)]
    assert all(img.is_visible() for img in one.locator("img").all())
    assert one.locator("figcaption").all_inner_texts() == ["step 0", "step 2", "step 3", "step 5"]
    assert one.get_by_text("4 of 6 frames").is_visible()
    assert one.locator("input").count() == 0
    page.context.close()


def test_one_that_lost_its_script_stays_as_it_is_and_the_next_works(chromium, tmp_path):
    """As in a notebook that is not trusted, of which one cell was run."""
    bare = re.sub(r"<script.*?</script>", "", book().to_html(), flags=re.DOTALL)
    path = tmp_path / "mixed.html"
    path.write_text(f"<!doctype html><title>x</title>{bare}{book('share').to_html()}")
    page = opened(chromium, path.as_uri())
    first, second = page.locator(BOOK).all()
    assert first.locator("figure").count() == 4
    assert first.locator("input").count() == 0
    assert state(second)[1:] == ("alt of share 2", "share 2", "2")
    assert page.broken == []
    page.context.close()


@pytest.fixture(scope="module")
def in_lab(chromium, lab):
    page = opened_in_lab(chromium, lab, "flip.ipynb", notebook(CODE, book(), book("share")))
    yield page
    page.close()


def test_jupyterlab_shows_stills_until_the_notebook_is_trusted_then_a_slider(in_lab):
    page, books = in_lab, in_lab.locator(BOOK)
    books.nth(1).wait_for()
    assert books.count() == 2
    assert books.first.locator("img").count() == 4
    picture = books.first.locator("img").first
    assert picture.get_attribute("alt") == "alt of step 0"
    assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") == 300
    assert picture.bounding_box()["width"] == 300
    assert books.first.get_by_text("4 of 6 frames").is_visible()
    assert books.locator("input").count() == 0, "without trust JupyterLab runs no script"
    assert page.get_by_text("inline scripts").count() == 0, "and has nothing to warn of"

    for times in (1, 2):  # run, and run again
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(f"() => ({CELLS})().every(count => count > {2 * (times - 1)})")
        page.locator(f"{BOOK} input").nth(1).wait_for()
        assert books.count() == page.locator(f"{BOOK} input").count() == 2
        assert books.first.locator("img").count() == 1
    slider = books.first.get_by_role("slider", name="training step")
    slider.focus()
    for key, expected in (("ArrowRight", 3), ("ArrowUp", 4), ("ArrowDown", 3), ("Home", 0), ("End", 5)):
        page.keyboard.press(key)
        assert state(books.first)[1:] == (f"grey {expected}", f"step {expected}", str(expected)), key
        assert slider.evaluate("slider => slider === document.activeElement"), f"{key} moved to another cell"
    assert state(books.nth(1))[3] == "2"
