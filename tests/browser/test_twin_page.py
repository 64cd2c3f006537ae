"""The twin slider in exported pages: guess first, by keyboard and mouse; stills where no script runs."""

import pytest
import torch

import mae_lite as ml
from helpers.pages import export, notebook, opened
from mae_course.pages.twin import TRUTH, TURN, twin_slider

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WORDS = ["a", "small", "red", "fox"]
CFG = ml.MAEConfig(img_size=(32, 32), patch_size=16, embed_dim=8, num_heads=2, decoder_embed_dim=8, decoder_num_heads=2)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    hidden = torch.tensor([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 1, 0]]).bool()
    photo = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    guesses = {"neighbours": [["a", "small", "old", "fox"]] * 3}
    twin = twin_slider(WORDS, hidden, guesses, photo, hidden, {"neighbours": [photo + 1] * 3}, CFG)
    return export(notebook("twin_slider(...)", twin), tmp_path_factory.mktemp("export") / "twin.html")


def test_one_guesses_first_and_asks_for_the_answers(chromium, address):
    page = opened(chromium, address)
    twin = page.locator(".mae-lite-twin")
    slider, status = twin.get_by_role("slider", name="share hidden"), twin.get_by_role("status")
    assert twin.get_by_role("img").count() == 1, "one picture in place of the stills"
    assert slider.get_attribute("aria-valuetext") == "25% hidden", "the share nearest to 15 %"
    sentence = twin.locator("div", has_text="fox").last
    assert (sentence.inner_text().split(), status.inner_text()[: len(TURN)]) == (["a", "?", "red", "fox"], TURN)
    before = twin.get_by_role("img").get_attribute("src")
    button = twin.get_by_role("button", name="neighbours")
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert twin.get_by_role("button", name=TURN).get_attribute("aria-pressed") == "false"
    assert "1 of 1 hidden words right (100%)" in status.inner_text()
    assert twin.get_by_role("img").get_attribute("src") != before
    assert "Neighbours. 1 of 1" in twin.get_by_role("img").get_attribute("alt")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "50% hidden"
    assert sentence.inner_text().split() == ["a", "?", "?", "fox"], "another share is another turn to guess"
    assert twin.get_by_role("button", name=TURN).get_attribute("aria-pressed") == "true"
    button.click()
    assert "1 of 2 hidden words right" in status.inner_text()
    twin.get_by_role("button", name=TRUTH).click()
    assert sentence.inner_text().split() == WORDS
    controls = [slider, *twin.get_by_role("button").all()]
    assert all(one.get_attribute("data-lm-suppress-shortcuts") for one in controls), "keys are for the slider"
    assert page.broken == []
    page.context.close()


def test_without_scripts_the_stills_stay(chromium, address):
    page = opened(chromium, address, java_script_enabled=False)
    twin = page.locator(".mae-lite-twin")
    assert twin.get_by_role("img").count() == 4
    assert "run this cell for a slider" in twin.inner_text()
    assert twin.get_by_role("slider").count() == 0
    page.context.close()
