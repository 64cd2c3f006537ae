"""The attention explorer in pages that run scripts, in pages that do not, and in JupyterLab with and without trust."""

import numpy as np
import pytest
import torch
from nbformat.v4 import new_notebook

from helpers.pages import CELLS, export, notebook, opened, opened_in_lab
from mae_course.pages.attention_explorer import PALETTE, attention_explorer, to_tones

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EXPLORER = ".mae-lite-attention"
ROWS, COLUMNS, LAYERS, HEADS = 3, 4, 3, 2
CODE = """
import torch
from mae_course.pages.attention_explorer import attention_explorer

noise = torch.Generator().manual_seed(0)
weights = {name: torch.rand(3, 2, 12, 12, generator=noise) / 6 for name in ("Trained", "Random")}
facts = {name: {"{} patches away": torch.rand(3, 2, 12, generator=noise)} for name in weights}
picture = torch.randint(0, 256, (3, 24, 32), generator=noise).byte()
attention_explorer(picture, weights, facts, (3, 4), alt="coloured noise", start=(5, 1))
"""
MAP = """(canvas) => Array.from(
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).filter((_, i) => i % 4 < 3)"""


def weights(seed):
    return torch.rand(LAYERS, HEADS, 12, 12, generator=torch.Generator().manual_seed(seed)) / 6


def explorer():
    models = {"Trained": weights(0), "Random": weights(1)}
    known = torch.arange(LAYERS * HEADS * 12).reshape(LAYERS, HEADS, 12) / 10
    facts = {name: {"{} patches away": known + k, "{} % to visible": known} for k, name in enumerate(models)}
    picture = torch.randint(0, 256, (3, 24, 32), generator=torch.Generator().manual_seed(0)).byte()
    kinds = ["hidden" if patch % 2 else "visible" for patch in range(12)]
    return attention_explorer(picture, models, facts, (ROWS, COLUMNS), alt="coloured noise", kinds=kinds, start=(5, 1))


def expected(model, layer, head, patch):
    """The colours of a map, from the weights themselves."""
    colours = np.array([list(bytes.fromhex(colour)) for colour in PALETTE])
    return colours[to_tones(weights(model)[layer, head, patch])].flatten().tolist()


def check_maps(one, layer, patch):
    maps = one.locator("canvas").all()
    assert len(maps) == 2 * HEADS
    for k, canvas in enumerate(maps):
        assert canvas.evaluate(MAP) == expected(k // HEADS, layer, k % HEADS, patch), f"map {k} of layer {layer}"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export(notebook(CODE, explorer(), explorer()), tmp_path_factory.mktemp("export") / "two.html")


def drawn(page):
    """The explorers, once their sprites are decoded."""
    page.wait_for_function(
        "() => Array.from(document.querySelectorAll('.mae-lite-attention canvas'))"
        ".every(c => c.getContext('2d').getImageData(0, 0, 1, 1).data[3] === 255)"
    )
    return page.locator(EXPLORER)


def test_arrow_keys_move_the_patch_and_every_map_follows(chromium, exported, tmp_path):
    page = opened(chromium, exported)
    first, second = drawn(page).all()
    check_maps(first, layer=1, patch=5)
    picker = first.get_by_role("application", name="patch that attends")
    picker.focus()
    for key, layer, patch in (
        ("ArrowRight", 1, 6), ("ArrowDown", 1, 10), ("ArrowDown", 1, 10), ("PageUp", 2, 10), ("ArrowLeft", 2, 9),
        ("ArrowUp", 2, 5), ("PageDown", 1, 5), ("ArrowLeft", 1, 4), ("ArrowLeft", 1, 4),
    ):  # fmt: skip
        page.keyboard.press(key)
        row, column = divmod(patch, COLUMNS)
        said = first.get_by_role("status").inner_text()
        kind = "hidden" if patch % 2 else "visible"
        assert said.startswith(f"Row {row + 1}, column {column + 1}, {kind}, layer {layer + 1}. Trained"), key
        assert first.locator("input").input_value() == str(layer + 1)
        check_maps(first, layer, patch)
    check_maps(second, layer=1, patch=5)
    assert page.broken == []
    bare = opened(chromium, export(new_notebook(), tmp_path / "bare.html"))
    foreign = {url for url in page.asked if url.startswith("http")} - set(bare.asked)
    assert foreign == set(), "asks for more than nbconvert's own page does"
    bare.context.close()
    page.context.close()


def test_numbers_under_a_map_are_those_of_head_layer_and_patch(chromium, exported):
    page = opened(chromium, exported)
    one = drawn(page).first
    away = [((1 * HEADS + head) * 12 + 5) / 10 for head in (0, 1)]
    said = one.get_by_role("status").inner_text()
    assert f"Trained, head by head: {away[0]:.1f}, {away[1]:.1f} patches away" in said
    assert f"Random, head by head: {away[0] + 1:.1f}, {away[1] + 1:.1f} patches away" in said
    names = [
        canvas.get_attribute("aria-label")
        for canvas in one.get_by_role("img").all()
        if canvas.get_attribute("aria-label")
    ]
    assert names[1] == f"Trained, head 2: {away[1]:.1f} patches away, {away[1]:.1f} % to visible"
    assert one.locator("img").get_attribute("alt") == "coloured noise"
    page.context.close()


def test_a_click_on_photo_or_map_chooses_the_patch_and_the_slider_the_layer(chromium, exported):
    page = opened(chromium, exported)
    one = drawn(page).first
    box = one.get_by_role("application").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 3.5 / COLUMNS, box["y"] + box["height"] * 0.5 / ROWS)
    check_maps(one, layer=1, patch=3)
    canvas = one.locator("canvas").nth(3)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5 / COLUMNS, box["y"] + box["height"] * 2.5 / ROWS)
    check_maps(one, layer=1, patch=8)
    assert one.get_by_role("application").evaluate("e => e === document.activeElement"), "arrow keys go on from there"
    slider = one.get_by_role("slider", name="layer")
    slider.focus()
    page.keyboard.press("End")
    check_maps(one, layer=2, patch=8)
    assert slider.get_attribute("aria-valuetext") == "layer 3 of 3"
    mark = one.get_by_role("application").locator("div").bounding_box()
    whole = one.get_by_role("application").bounding_box()
    centre = (mark["x"] + mark["width"] / 2 - whole["x"]) / whole["width"] * COLUMNS
    assert centre == pytest.approx(0.5, abs=0.1), "the frame is over column 1"
    page.context.close()


@pytest.mark.parametrize("width", [320, 375])
def test_narrow_pages_have_no_sideways_scrolling(chromium, exported, width):
    page = opened(chromium, exported)
    page.set_viewport_size({"width": width, "height": 700})
    for one in drawn(page).all():
        assert one.evaluate("e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= innerWidth")
        assert min(canvas.bounding_box()["width"] for canvas in one.locator("canvas").all()) > 60
    page.context.close()


def test_on_a_dark_page_words_keep_the_pages_colour(chromium, tmp_path):
    path = tmp_path / "dark.html"
    path.write_text(f"<!doctype html><title>x</title><body style='background:#111;color:#eee'>{explorer().to_html()}")
    page = opened(chromium, path.as_uri())
    colours = drawn(page).evaluate_all(
        "all => all.flatMap(e => Array.from(e.querySelectorAll('div, b, span')).filter(t => t.textContent.trim())"
        ".map(t => getComputedStyle(t).color))"
    )
    assert set(colours) == {"rgb(238, 238, 238)"}
    page.context.close()


def test_without_script_it_is_a_figure_with_alt(chromium, tmp_path):
    path = tmp_path / "plain.html"
    path.write_text(f"<!doctype html><title>x</title>{explorer().to_html()}")
    page = opened(chromium, path.as_uri(), java_script_enabled=False)
    one = page.locator(EXPLORER)
    assert one.locator("img").count() == 1
    assert one.locator("img").is_visible()
    assert "row 2, column 2" in one.locator("img").get_attribute("alt")
    assert one.get_by_text("run this cell").is_visible()
    assert one.locator("canvas, input").count() == 0
    page.context.close()


@pytest.fixture(scope="module")
def in_lab(chromium, lab):
    page = opened_in_lab(chromium, lab, "attention.ipynb", notebook(CODE, explorer()))
    yield page
    page.close()


def test_jupyterlab_shows_a_figure_until_the_notebook_is_trusted_then_the_explorer(in_lab):
    page, one = in_lab, in_lab.locator(EXPLORER)
    one.wait_for()
    assert one.locator("img").count() == 1
    assert one.locator("canvas").count() == 0, "without trust JupyterLab runs no script"
    for times in (1, 2):  # run, and run again
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(f"() => ({CELLS})().every(count => count > {times - 1})")
        page.locator(f"{EXPLORER} canvas").nth(3).wait_for()
        assert one.count() == 1
    picker = one.get_by_role("application")
    picker.focus()
    for key, said in (("ArrowRight", "Row 2, column 3"), ("ArrowUp", "Row 1, column 3"), ("PageUp", "layer 3")):
        page.keyboard.press(key)
        assert said in one.get_by_role("status").inner_text(), key
        assert picker.evaluate("e => e === document.activeElement"), f"{key} moved to another cell"
