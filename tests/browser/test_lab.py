"""The reconstruction lab in a real JupyterLab, driven by keyboard."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = [pytest.mark.browser, pytest.mark.slow]

SLIDER = ".jp-OutputArea-output .widget-slider [role=slider]"
PICTURE = ".jp-OutputArea-output img.widget-image"
TWIN = ".mae-lite-twin img"
READY = "() => window.jupyterapp && window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
STATE = """() => {
    const panel = window.jupyterapp.shell.currentWidget, cells = panel.content.model.cells;
    const list = Array.from({length: cells.length}, (_, i) => cells.get(i)).filter(c => c.type === 'code');
    const outputs = list.flatMap(c => c.outputs.toJSON());
    return {
        kernel: panel.sessionContext.session.kernel.status,
        waiting: list.filter(c => c.executionCount === null).length,
        code: list.length,
        errors: outputs.filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue),
    };
}"""
DONE = f"() => {{ const s = ({STATE})(); return s.kernel === 'idle' && (s.waiting === 0 || s.errors.length > 0); }}"
LOOK = """async (selector) => {
    const img = document.querySelector(selector);
    const hash = await crypto.subtle.digest('SHA-256', await (await fetch(img.src)).arrayBuffer());
    return {src: img.src, name: img.title, bytes: Array.from(new Uint8Array(hash)).join()};
}"""
CHANGED = "([selector, old]) => document.querySelector(selector).src !== old"
SCROLL_TO = """async (text) => {
    const book = window.jupyterapp.shell.currentWidget.content;
    book.activeCellIndex = book.widgets.findIndex(c => c.model.sharedModel.source.includes(text));
    await book.scrollToItem(book.activeCellIndex, 'start');
}"""


def new_page(chromium):
    page = chromium.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: print("page error:", error))
    return page


def run_all(page, address, name):
    """Open a notebook, clear what was saved, run every cell, and wait until the kernel rests."""
    page.goto(f"{address}/lab/tree/{name}?reset")  # without the tabs of an earlier visit
    page.wait_for_function(READY)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(DONE, timeout=240_000)
    return page.evaluate(STATE)


def look(page):
    """The picture's address, which is new with each update, its accessible name, and a hash of its bytes."""
    return page.evaluate(LOOK, PICTURE)


@pytest.fixture(scope="module")
def running(chromium, lab):
    """One page with the notebook run to its end, for all tests of this file."""
    page = new_page(chromium)
    state = run_all(page, lab, "07_reconstruction.ipynb")
    assert state["errors"] == [], state["errors"]
    assert state["code"] > 5
    page.evaluate(SCROLL_TO, "reconstruction_slider(model)")  # JupyterLab draws only the cells in view
    page.locator(PICTURE).wait_for()
    yield page
    page.close()


def test_arrow_key_on_the_slider_changes_the_picture(running):
    page = running
    before, value = look(page), page.locator(SLIDER).get_attribute("aria-valuenow")
    page.locator(SLIDER).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(CHANGED, arg=[PICTURE, before["src"]])
    after = look(page)
    assert float(page.locator(SLIDER).get_attribute("aria-valuenow")) == float(value) + 1
    assert after["bytes"] != before["bytes"]
    assert after["name"] != before["name"], "the picture's accessible name did not follow"


def test_many_quick_keys_settle_on_the_last(running):
    page = running
    page.locator(SLIDER).focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    seen = 196 - int(float(page.locator(SLIDER).get_attribute("aria-valuenow")))
    page.get_by_text(f"{seen} of 196 patches seen, on hidden").wait_for()


def test_a_wrong_path_is_a_sentence_and_the_picture_stays(running):
    page = running
    before = look(page)
    page.get_by_placeholder("a file, then Enter").fill("/no/such/photo.jpg")
    page.keyboard.press("Enter")
    page.get_by_text("/no/such/photo.jpg: no picture can be read there").wait_for()
    assert look(page) == before


def test_own_photo_by_upload(running):
    page = running
    before = look(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Own photo").click()
    chooser.value.set_files(ROOT / "assets/photos/nuthatch.jpg")
    page.wait_for_function(CHANGED, arg=[PICTURE, before["src"]])
    assert look(page)["bytes"] != before["bytes"]
    chosen = page.locator(".widget-dropdown select").first.evaluate("menu => menu.selectedOptions[0].text")
    assert chosen.replace("\N{NO-BREAK SPACE}", " ") == "own: nuthatch.jpg"


def test_figure_for_readers_without_a_kernel_shows_only_without_the_widget(running, chromium, lab):
    page = running
    assert page.locator(TWIN).count() == 1
    assert not page.locator(TWIN).is_visible(), "the picture is there twice"
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    reopened = new_page(chromium)
    reopened.goto(f"{lab}/lab/tree/07_reconstruction.ipynb?reset")
    reopened.wait_for_function(READY)
    reopened.evaluate(SCROLL_TO, "reconstruction_slider(model)")
    reopened.locator(TWIN).wait_for()
    assert "patches hidden" in reopened.locator(TWIN).get_attribute("alt")
    assert reopened.get_by_text("need a running kernel").is_visible()
    reopened.close()


def test_committed_notebook_shows_pictures_with_alt_before_anything_runs(chromium, lab):
    page = new_page(chromium)
    page.goto(f"{lab}/lab/tree/00_start_here.ipynb?reset")
    picture = page.locator(".jp-RenderedHTMLCommon img[alt*='patches hidden']").first
    picture.wait_for()
    assert picture.evaluate("img => img.complete && img.naturalWidth") > 400
    assert picture.bounding_box()["y"] < 600, "the first picture is below the first screen"
    page.close()
