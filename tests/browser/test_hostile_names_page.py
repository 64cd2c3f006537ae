"""Photos named like a piece of a page, in a real JupyterLab: everything shows the name, nothing runs it."""

import shutil
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mae_lite.weights.assets import asset_path

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of such names"),
]
NAME = "<img src=x onerror=alert(1)>.jpg"
OTHER = "'\"><svg onload=alert(2)>.jpg"
READY = "() => window.jupyterapp && window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
CELLS = [
    f"""
import asyncio, shutil
import torch
import mae_lite as ml
from mae_lite.widgets import playground

NAME = {NAME!r}
shutil.copy(ml.asset_path("photos", "cat.jpg"), NAME)
torch.manual_seed(0)
cfg = ml.MAEConfig(img_size=(32, 48), patch_size=8, embed_dim=32, depth=1, num_heads=2,
                   decoder_embed_dim=32, decoder_depth=1, decoder_num_heads=2)
model, image = ml.MAE(cfg), ml.load_image(NAME, cfg)
playground(model, [NAME])
""",
    """
from mae_lite.train.pretrain import PretrainConfig
from mae_lite.widgets.training import watch_training

view = await watch_training(model, torch.randint(0, 256, (8, 3, 40, 60), dtype=torch.uint8),
                            PretrainConfig(epochs=3, batch_size=4), {NAME: image}, every=2)
""",
    "view.flipbook()",
    """
from mae_course.pages.attention_explorer import attention_explorer
from mae_lite.images import to_uint8

n = cfg.num_patches
attention_explorer(to_uint8(image, cfg)[0], {NAME: torch.rand(2, 2, n, n)}, {NAME: {"{} " + NAME: torch.rand(2, 2, n)}},
                   cfg.grid_size, alt=NAME, kinds=[NAME] * n)
""",
    """
figure = ml.reconstruct(model, image, ml.random_mask(n)).figure()
figure.alt = NAME
figure
""",
    'print("all", "done")',
]


@pytest.fixture(scope="module")
def page(chromium, lab):
    page = chromium.new_page(viewport={"width": 1300, "height": 3000})
    page.set_default_timeout(90_000)
    page.ran = []
    page.on("dialog", lambda dialog: (page.ran.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: page.ran.append(str(error)))
    page.goto(f"{lab}/lab?reset")
    page.wait_for_function("() => window.jupyterapp")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = new_notebook(cells=[new_code_cell(code.strip()) for code in CELLS], metadata={"kernelspec": kernel})
    page.evaluate(
        "content => window.jupyterapp.serviceManager.contents.save('hostile.ipynb', "
        "{type: 'notebook', format: 'json', content})",
        nbformat.from_dict(content),
    )
    page.goto(f"{lab}/lab/tree/hostile.ipynb?reset")
    page.wait_for_function(READY)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.locator("pre", has_text="all done").wait_for()
    yield page
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()


def test_no_name_of_a_photo_runs(page, tmp_path):
    for place in (".mae-lite-lab", ".mae-lite-training", ".mae-lite-flipbook", ".mae-lite-attention"):
        page.locator(place).first.scroll_into_view_if_needed()
        page.locator(place).first.wait_for()
    lab = page.locator(".mae-lite-lab")
    lab.scroll_into_view_if_needed()
    assert lab.locator(f"img[alt={NAME.removesuffix('.jpg')!r}]").count() == 1, (
        "the photo's name is in the menu, as text"
    )
    hostile = tmp_path / OTHER
    shutil.copy(asset_path("photos", "coffee.jpg"), hostile)
    lab.locator("input[type=file]").set_input_files(str(hostile))
    page.wait_for_function("() => document.querySelectorAll('.mae-lite-lab .photos img').length === 2")
    path = lab.get_by_role("textbox", name="Path of an own photo")
    path.fill(f"nowhere/{NAME}")
    path.press("Enter")
    page.wait_for_function("() => document.querySelector('.mae-lite-lab .error').textContent.includes('onerror=')")
    lab.get_by_role("button", name="Copy as Python").click()
    lab.get_by_role("button", name="Save as PNG").click()
    page.wait_for_function("() => document.querySelector('.mae-lite-lab .notice').textContent.includes('Saved as')")
    page.locator(".mae-lite-flipbook input").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(500)  # an image that is not there says so a little later
    assert page.locator("img[src=x], svg[onload], .jp-OutputArea [onerror]").count() == 0, "a name became a tag"
    assert page.ran == []


def test_the_trap_works(page):
    """What the test above looks for does happen where a name is taken for HTML."""
    page.evaluate("name => { document.body.append(document.createElement('p')); "
                  "document.body.lastChild.innerHTML = name; }", NAME)  # fmt: skip
    page.wait_for_timeout(1000)
    assert page.ran == ["1"]
    page.ran.clear()
