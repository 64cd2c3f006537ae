"""The playground in a real JupyterLab, by mouse and by keyboard. Screenshots are left in out/browser."""

import statistics
from pathlib import Path

import pytest

from helpers.project import ROOT

SHOTS = ROOT / "out/browser"
pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = ".jp-OutputArea-output .mae-lite-lab"
SLIDER = f"{PAGE} input[type=range]"
PICTURE = f"{PAGE} figure:nth-child(2) img"
CANVAS = f"{PAGE} canvas"
STAND_IN = ".mae-lite-lab-stand-in img"
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
    const {src, alt} = document.querySelector(selector);
    const hash = await crypto.subtle.digest('SHA-256', await (await fetch(src)).arrayBuffer());
    return {src, alt, bytes: Array.from(new Uint8Array(hash)).join()};
}"""
CHANGED = "([selector, old]) => document.querySelector(selector).src !== old"
SCROLL_TO = """async (text) => {
    const book = window.jupyterapp.shell.currentWidget.content;
    book.activeCellIndex = book.widgets.findIndex(c => c.model.sharedModel.source.includes(text));
    await book.scrollToItem(book.activeCellIndex, 'start');
}"""
DRAG_AND_LOOK = """([slider, canvas]) => {
    const [range, picture] = [slider, canvas].map(s => document.querySelector(s)), before = picture.toDataURL();
    range.value = Number(range.value) - 20;
    range.dispatchEvent(new Event('input', {bubbles: true}));
    return picture.toDataURL() !== before;  // before any answer can have come
}"""
TIME_PICTURES = """([slider, picture]) => {
    window.latencies = [];
    let start;
    document.querySelector(slider).addEventListener('keydown', () => start = performance.now(), true);
    document.querySelector(picture).addEventListener('load', () => window.latencies.push(performance.now() - start));
}"""
NAMELESS = """(s) => Array.from(document.querySelectorAll(`${s} :is(input, button, select, canvas, textarea)`))
    .filter(e => !(e.ariaLabel || e.labels?.[0]?.textContent.trim() || e.labels?.[0]?.querySelector('img')?.alt
                   || e.textContent.trim()))
    .map(e => e.outerHTML)"""
FOCUSED = """() => {
    const e = document.activeElement;
    return e.ariaLabel || e.closest('[role=radiogroup]')?.ariaLabel || e.labels?.[0]?.textContent.trim()
        || e.textContent.trim();
}"""

COLOURS = """(selector) => {
    const text = getComputedStyle(document.querySelector(selector)).color;
    const paper = getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor;
    return [text, paper].map(colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number));
}"""


def new_page(chromium, **size):
    page = chromium.new_page(viewport={"width": 1440, "height": 1000} | size)
    page.set_default_timeout(30_000)
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
    """The picture's address, which is new with each answer, its alt text, and a hash of its bytes."""
    return page.evaluate(LOOK, PICTURE)


def settle(page):
    """Wait until the last change is answered."""
    page.wait_for_function("s => !document.querySelector(s).hasAttribute('aria-busy')", arg=PICTURE)


def fact(page, label):
    return page.locator(f"{PAGE} .facts div", has_text=label).locator("dd").inner_text()


def shoot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def click_patch(page, row, column, rows=14, columns=14):
    box = canvas_box(page)
    page.mouse.click(box["x"] + (column + 0.5) * box["width"] / columns, box["y"] + (row + 0.5) * box["height"] / rows)


def canvas_box(page):
    """Where the painted picture is, all of it in sight."""
    page.locator(CANVAS).evaluate("canvas => canvas.scrollIntoView({block: 'center'})")
    return page.locator(CANVAS).bounding_box()


@pytest.fixture(scope="module")
def notebook(chromium, lab):
    """One page with the notebook run to its end, for all tests of this file."""
    page = new_page(chromium)
    page.outside = []
    inside = (lab, lab.replace("http", "ws"), "blob:", "data:")
    page.on("request", lambda request: request.url.startswith(inside) or page.outside.append(request.url))
    state = run_all(page, lab, "07_reconstruction.ipynb")
    assert state["errors"] == [], state["errors"]
    assert state["code"] > 5
    page.evaluate(SCROLL_TO, "playground()")  # JupyterLab draws only the cells in view
    page.locator(PICTURE).wait_for()
    yield page
    page.close()


@pytest.fixture
def running(notebook):
    """That page with the playground as at the start."""
    notebook.get_by_role("button", name="Reset").click()
    notebook.wait_for_function("s => document.querySelector(s).value === '147'", arg=SLIDER)
    settle(notebook)
    return notebook


def test_a_finished_reconstruction_is_there_before_anything_is_touched(running):
    shoot(running, "light")
    running.locator(PAGE).screenshot(path=SHOTS / "playground.png")
    assert "147 of 196 patches hidden" in look(running)["alt"]
    assert fact(running, "Seen by the encoder") == "49 of 196 patches"
    assert running.locator(PICTURE).bounding_box()["y"] < 600, "the reconstruction is below the first screen"
    assert running.outside == [], "the page asked other servers for something"


def test_arrow_key_on_the_slider_changes_the_picture_and_the_facts(running):
    page = running
    before = look(page)
    page.locator(SLIDER).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(CHANGED, arg=[PICTURE, before["src"]])
    after = look(page)
    assert page.locator(SLIDER).get_attribute("aria-valuetext") == "148 of 196 patches, 76 %"
    assert after["bytes"] != before["bytes"]
    assert after["alt"] != before["alt"], "the alt text did not follow"
    assert fact(page, "Seen by the encoder") == "48 of 196 patches"


def test_the_mask_is_repainted_at_once(running):
    assert running.evaluate(DRAG_AND_LOOK, [SLIDER, CANVAS]), "the mask waits for the kernel"


def test_many_quick_keys_settle_on_the_last(running):
    page = running
    page.locator(SLIDER).focus()
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    settle(page)
    for _ in range(2):
        assert page.locator(SLIDER).input_value() == "107"
        assert fact(page, "Seen by the encoder") == "89 of 196 patches"
        assert "107 of 196 patches hidden" in look(page)["alt"]
        page.wait_for_timeout(400)  # nothing older may come after it


def test_paint_three_patches_by_mouse_and_more_by_keyboard(running):
    page = running
    page.get_by_role("button", name="Clear").click()
    settle(page)
    for row, column in ((2, 3), (5, 5), (10, 12)):
        click_patch(page, row, column)
    settle(page)
    assert fact(page, "Seen by the encoder") == "193 of 196 patches"
    assert page.get_by_role("radio", name="Drawn").is_checked()
    cell = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")
    page.locator(CANVAS).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    settle(page)
    assert fact(page, "Seen by the encoder") == "192 of 196 patches"
    assert page.get_by_text("row 11, column 14, hidden").count() == 1, "no word of it to a screen reader"
    page.keyboard.press("ArrowUp")
    page.keyboard.down("Shift")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.up("Shift")
    settle(page)
    assert fact(page, "Seen by the encoder") == "189 of 196 patches"
    now = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")
    assert now == cell, "JupyterLab took the arrow keys"
    shoot(page, "painted")


def test_shift_with_arrows_goes_on_with_what_space_did(running):
    page = running
    page.get_by_role("button", name="Clear").click()
    page.locator(CANVAS).focus()
    for keys, seen in (("Space", 195), ("Shift+ArrowLeft", 194), ("Shift+ArrowUp", 193)):
        page.keyboard.press(keys)
        settle(page)
        assert fact(page, "Seen by the encoder") == f"{seen} of 196 patches", f"after {keys}"
    page.keyboard.press("Space")  # shows the last one again, and goes on showing
    page.keyboard.press("Shift+ArrowDown")
    settle(page)
    assert fact(page, "Seen by the encoder") == "195 of 196 patches"


def test_undo_takes_back_a_stroke_a_kind_and_a_clear_but_not_the_photo(running):
    page = running
    undo, masks = page.get_by_role("button", name="Undo"), page.get_by_role("radiogroup", name="Kind of mask")
    first = look(page)
    page.wait_for_timeout(900)  # a change in its own right
    click_patch(page, 2, 3)
    settle(page)
    drawn = look(page)
    assert drawn["bytes"] != first["bytes"]
    masks.get_by_text("Block").click()
    settle(page)
    page.get_by_role("button", name="Clear").click()
    settle(page)
    assert fact(page, "Seen by the encoder") == "196 of 196 patches"
    page.get_by_role("radio", name="coffee").check(force=True)
    settle(page)
    undo.click()
    settle(page)
    assert page.get_by_role("radio", name="Block").is_checked()
    page.get_by_role("radio", name="dahlia").check(force=True)
    settle(page)
    page.locator(CANVAS).focus()
    page.keyboard.press("Control+z")
    settle(page)
    assert look(page)["bytes"] == drawn["bytes"], "the drawing is lost"
    assert page.get_by_role("radio", name="Drawn").is_checked()
    undo.click()
    settle(page)
    assert look(page)["bytes"] == first["bytes"]


def test_the_seed_takes_enter_and_refuses_aloud_and_a_drawing_has_none(running):
    page = running
    before, seed = look(page), page.get_by_label("Seed", exact=True)
    seed.fill("7")
    page.keyboard.press("Enter")
    page.wait_for_function(CHANGED, arg=[PICTURE, before["src"]])
    shown = look(page)
    assert shown["bytes"] != before["bytes"]
    for wrong in ("-3", "1.5", ""):
        seed.fill(wrong)
        page.keyboard.press("Enter")
        page.get_by_text(f"A seed is a whole number from 0 to 2147483647, not {wrong or 'nothing'}").wait_for()
        assert seed.input_value() == "7"
    assert look(page) == shown
    click_patch(page, 2, 3)
    settle(page)
    assert seed.is_disabled()
    assert page.get_by_role("button", name="Another seed").is_disabled(), "it would throw the drawing away"
    page.get_by_role("radiogroup", name="Kind of mask").get_by_text("Random").click()
    settle(page)
    assert (seed.is_enabled(), seed.input_value()) == (True, "7")


def test_the_numbers_are_explained_and_the_error_map_has_a_scale(running):
    page = running
    text = page.get_by_text("Mean squared error on hidden patches, in normalised pixels")
    assert not text.is_visible()
    page.get_by_text("What these numbers mean").click()
    assert text.is_visible()
    scale = page.get_by_text("half of black to white, or more")
    assert not scale.is_visible()
    page.get_by_role("radiogroup", name="Picture").get_by_text("Error map").click()
    scale.wait_for()
    shoot(page, "explained")
    page.get_by_text("What these numbers mean").click()


def test_a_stroke_covers_the_way_and_its_first_patch_decides(running):
    page = running
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("radiogroup", name="Brush").get_by_text("2").click()
    box = canvas_box(page)
    side = box["width"] / 14
    for seen in (196 - 2 * 12, 196):  # hidden, then shown again
        page.mouse.move(box["x"] + 1.5 * side, box["y"] + 3.5 * side)
        page.mouse.down()
        page.mouse.move(box["x"] + 11.5 * side, box["y"] + 3.5 * side)
        page.mouse.up()
        settle(page)
        assert fact(page, "Seen by the encoder") == f"{seen} of 196 patches"
    assert fact(page, "Error") == "nothing hidden"
    page.get_by_role("radiogroup", name="Brush").get_by_text("1").click()


def test_a_finger_paints(running):
    page = running
    page.get_by_role("button", name="Clear").click()
    settle(page)
    box, touch = canvas_box(page), page.context.new_cdp_session(page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    side = box["width"] / 14
    for kind, column in (("touchStart", 2.5), ("touchMove", 4.5), ("touchMove", 6.5), ("touchEnd", None)):
        at = [] if column is None else [{"x": box["x"] + column * side, "y": box["y"] + 7.5 * side}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    settle(page)
    assert fact(page, "Seen by the encoder") == "191 of 196 patches"
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_invert_and_the_other_buttons_of_the_mask(running):
    page = running
    page.get_by_role("button", name="Invert").click()
    settle(page)
    assert fact(page, "Seen by the encoder") == "147 of 196 patches"
    for choice in ("Block", "Grid", "Centre", "From a side", "Random"):
        before = look(page)
        page.get_by_role("radiogroup", name="Kind of mask").get_by_text(choice).click()
        page.wait_for_function(CHANGED, arg=[PICTURE, before["src"]])
    before = look(page)
    page.get_by_role("button", name="Another seed").click()
    page.wait_for_function(CHANGED, arg=[PICTURE, before["src"]])


def test_another_picture_of_the_reconstruction_and_another_photo(running):
    page = running
    seen = {look(page)["bytes"]}
    for choice in ("Raw output", "Error map"):
        before = look(page)
        page.get_by_role("radiogroup", name="Picture").get_by_text(choice).click()
        page.wait_for_function(CHANGED, arg=[PICTURE, before["src"]])
        seen.add(look(page)["bytes"])
    assert len(seen) == 3
    page.get_by_role("radio", name="coffee").check(force=True)
    settle(page)
    assert "Error map of coffee" in look(page)["alt"]


def test_a_wrong_path_is_a_sentence_and_the_picture_stays(running):
    page = running
    before = look(page)
    page.get_by_label("Path of an own photo").fill("/no/such/photo.jpg")
    page.keyboard.press("Enter")
    page.get_by_text("/no/such/photo.jpg: no picture can be read there").wait_for()
    shoot(page, "error")
    assert look(page) == before


def test_own_photo_by_upload(running, tmp_path):
    page = running
    before = look(page)
    with page.expect_file_chooser() as chooser:
        page.locator(f"{PAGE} label.button").click()
    chooser.value.set_files(ROOT / "assets/photos/nuthatch.jpg")
    page.wait_for_function(CHANGED, arg=[PICTURE, before["src"]])
    assert look(page)["bytes"] != before["bytes"]
    assert page.get_by_role("radio", name="nuthatch.jpg").is_checked()
    shown = look(page)
    (tmp_path / "huge.jpg").write_bytes(bytes(9_000_000))
    page.locator(f"{PAGE} input[type=file]").set_input_files(tmp_path / "huge.jpg")
    page.get_by_text("huge.jpg has 9.0 MB; only up to 8 MB").wait_for()
    assert look(page) == shown


def test_a_model_to_download_says_so_first(running):
    page = running
    before = look(page)
    page.get_by_label("Model").select_option("mae_visualize_vit_base")
    page.get_by_text("448 MB, predicts pixels, licence CC-BY-NC-4.0").wait_for()
    assert page.get_by_role("button", name="Download").is_visible()
    shoot(page, "model")
    assert look(page)["bytes"] == before["bytes"]
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Download").wait_for(state="hidden")


def test_take_it_away(running):
    page = running
    page.get_by_role("button", name="Copy as Python").click()
    code = page.get_by_label("Python for this picture")
    code.wait_for()
    assert "ml.random_mask(model.num_patches, 147 / 196, seed=0)" in code.input_value()
    page.get_by_role("button", name="Save as PNG").click()
    said = page.get_by_text("Saved as ").inner_text()
    assert Path(said.removeprefix("Saved as ").removesuffix(" Copied to the clipboard.")).stat().st_size > 10_000


def test_every_control_has_a_name_and_the_keyboard_reaches_it_in_one_stop(running):
    page = running
    assert page.evaluate(NAMELESS, PAGE) == []
    page.get_by_role("radio", name="dahlia").focus()
    stops = []
    for _ in range(17):
        stops.append(page.evaluate(FOCUSED))
        page.keyboard.press("Tab")
    wanted = ["Photo", "Own photo…", "Path of an own photo", "Hidden patches", "Kind of mask", "Seed", "Another seed"]
    assert stops[:7] == wanted
    assert stops[7].startswith("Mask on the photo, 14 by 14 patches.")
    assert stops[8:13] == ["Brush size in patches", "Invert", "Clear", "Undo", "Picture"]
    assert stops[13] == "What these numbers mean"
    assert stops[14].startswith("Model")
    assert stops[15:] == ["Reset", "Save as PNG"]


def test_key_press_to_new_picture(running, capsys):
    """Each press brings its picture; how long that took is printed and kept, for `make bench`."""
    page = running
    page.locator(SLIDER).focus()
    page.evaluate(TIME_PICTURES, [SLIDER, PICTURE])
    for k in range(30):
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("k => window.latencies.length === k", arg=k + 1)
    times = sorted(page.evaluate("() => window.latencies"))
    high = times[round(0.95 * len(times)) - 1]
    text = f"key press to new picture: median {statistics.median(times):.0f} ms, 95th percentile {high:.0f} ms of 30"
    SHOTS.mkdir(parents=True, exist_ok=True)
    (SHOTS / "latency.txt").write_text(text + "\n")
    with capsys.disabled():
        print(f"\n{text}")


@pytest.mark.parametrize(("name", "width", "dark"), [("dark", 1440, True), ("narrow", 600, False), ("zoom", 720, True)])
def test_looks(running, chromium, lab, name, width, dark):
    """Dark theme, a narrow window, and 200 % zoom (half the width): nothing is cut off, screenshots are kept."""
    page = running
    theme = "JupyterLab Dark" if dark else "JupyterLab Light"
    page.set_viewport_size({"width": width, "height": 1000 if width > 1000 else 1500})
    page.evaluate(f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
    if width < 1000:
        page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{theme}'")
    page.evaluate(SCROLL_TO, "playground()")
    page.wait_for_timeout(500)
    shoot(page, name)
    cut = page.evaluate("s => { const e = document.querySelector(s); return e.scrollWidth - e.clientWidth; }", PAGE)
    assert cut <= 0, f"{cut} px are cut off at the right"
    text, paper = page.evaluate(COLOURS, PAGE)
    assert abs(sum(text) - sum(paper)) > 300, "text and paper are too alike"


def test_figure_for_readers_without_a_kernel_shows_only_without_the_widget(running, chromium, lab):
    page = running
    assert page.locator(STAND_IN).count() == 1
    assert not page.locator(STAND_IN).is_visible(), "the picture is there twice"
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    reopened = new_page(chromium)
    reopened.goto(f"{lab}/lab/tree/07_reconstruction.ipynb?reset")
    reopened.wait_for_function(READY)
    reopened.evaluate(SCROLL_TO, "playground()")
    reopened.locator(STAND_IN).wait_for()
    assert "patches hidden" in reopened.locator(STAND_IN).get_attribute("alt")
    assert reopened.get_by_text("need a running kernel").is_visible()
    reopened.close()


@pytest.mark.parametrize("name", ["00_start_here", "07_reconstruction"])
def test_committed_notebook_shows_pictures_with_alt_before_anything_runs(chromium, lab, name):
    page = new_page(chromium)
    page.goto(f"{lab}/lab/tree/{name}.ipynb?reset")
    picture = page.locator(".jp-RenderedHTMLCommon img[alt*='patches hidden']").first
    picture.wait_for()
    assert picture.evaluate("img => img.complete && img.naturalWidth") > 400
    assert picture.bounding_box()["y"] < 600, "the first picture is below the first screen"
    page.close()
