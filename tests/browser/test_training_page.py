"""A training watched in a real JupyterLab: it redraws itself, and Stop reaches a kernel that is busy with it."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.project import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = ROOT / "out/browser"
VIEW = ".mae-lite-training"
PICTURE = f"{VIEW} img"
READY = "() => window.jupyterapp && window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
CHANGED = "([selector, old]) => document.querySelector(selector).src !== old"
CELLS = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    return Array.from(panel.content.model.cells).filter(c => c.type === 'code').map(c => c.outputs.toJSON());
}"""
TRAIN = """
import torch

import mae_lite as ml
from mae_lite.train.pretrain import PretrainConfig
from mae_lite.widgets.training import watch_training

cfg = ml.MAEConfig(
    img_size=(32, 32), patch_size=8, embed_dim=32, depth=1, num_heads=2,
    decoder_embed_dim=32, decoder_depth=1, decoder_num_heads=2,
)
torch.manual_seed(0)
model = ml.MAE(cfg)
images = torch.randint(0, 256, (32, 3, 40, 40), dtype=torch.uint8)
photos = {name: ml.load_image(ml.asset_path("photos", f"{name}.jpg"), cfg) for name in ("cat", "dogs")}
view = await watch_training(model, images, PretrainConfig(epochs=100_000, batch_size=16), photos, every=10)
"""
USE = """
steps = len(view.history)
print("stopped", view.stopped, 0 < steps < 200_000, len(view.frames) > 2)
print("usable", ml.reconstruct(model, photos["cat"], ml.random_mask(16)).mse < 10)
"""


@pytest.fixture
def training(chromium, lab):
    """JupyterLab with two cells that were both asked to run: the first trains, the second waits for its model."""
    page = chromium.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(60_000)
    page.broken = []
    page.on("pageerror", lambda error: page.broken.append(str(error)))
    page.goto(f"{lab}/lab?reset")
    page.wait_for_function("() => window.jupyterapp")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = new_notebook(cells=[new_code_cell(TRAIN), new_code_cell(USE)], metadata={"kernelspec": kernel})
    page.evaluate(
        "content => window.jupyterapp.serviceManager.contents.save('train.ipynb', "
        "{type: 'notebook', format: 'json', content})",
        nbformat.from_dict(content),
    )
    page.goto(f"{lab}/lab/tree/train.ipynb?reset")
    page.wait_for_function(READY)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.locator(PICTURE).wait_for()
    yield page
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()


def seen(page):
    """What there is to see: the picture, its alt text, the curve, the line of text."""
    picture = page.locator(PICTURE)
    return (
        picture.get_attribute("src"),
        picture.get_attribute("alt"),
        page.locator(f"{VIEW} svg").inner_html(),
        page.locator(f"{VIEW} .status").inner_text(),
    )


def watch_three_redraws(page):
    frames = [seen(page)]
    for _ in range(3):
        page.wait_for_function(CHANGED, arg=[PICTURE, frames[-1][0]])
        frames.append(seen(page))
    return frames


def ends_well(page):
    """The cell is over, the next one has used the model, and the page shows how far it got."""
    page.locator("pre", has_text="usable").wait_for()
    first, second = page.evaluate(CELLS)
    assert "stopped True True True\nusable True\n" in "".join(o["text"] for o in second if o["output_type"] == "stream")
    assert [o for o in first + second if o["output_type"] == "error"] == []
    assert page.locator(f"{VIEW} .status").inner_text().startswith("Stopped at step ")
    assert page.locator(f"{VIEW} [aria-live]").inner_text().startswith("Stopped at step ")
    assert page.locator(f"{VIEW} img").count() == 1
    assert page.locator(".mae-lite-training-stand-in").is_hidden(), "the page without a kernel's figure shows as well"
    assert page.broken == []


def test_it_redraws_in_place_and_stop_leaves_a_model_for_the_next_cell(training):
    page = training
    frames = watch_three_redraws(page)
    for kind in zip(*frames, strict=True):
        assert len(set(kind)) == 4, f"these did not change with the training: {kind}"
    assert page.locator(VIEW).count() == 1
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    page.keyboard.press("Enter")
    page.locator(f"{VIEW} button", has_text="Ended").wait_for()
    assert page.locator(f"{VIEW} button").evaluate("b => b === document.activeElement"), "the focus was lost"
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / "training.png")
    ends_well(page)


def test_the_notebooks_interrupt_button_does_the_same(training):
    page = training
    watch_three_redraws(page)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    ends_well(page)
