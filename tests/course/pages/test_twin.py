import json
import re

import pytest
import torch

import mae_lite as ml
from helpers.html import Images
from mae_course.pages.twin import TRUTH, TURN, twin_slider

WORDS = ["a", "b<", "c", "d"]
WORD_MASKS = torch.tensor([[0, 1, 0, 0], [0, 1, 1, 0]]).bool()
FILLS = {"dull": [["x", "x", "x", "x"]] * 2, "clever": [["x", "b<", "x", "x"], ["x", "b<", "y", "x"]]}


@pytest.fixture
def made(small_config):
    cfg = small_config()
    photo = torch.randn(1, 3, *cfg.img_size, generator=torch.Generator().manual_seed(0))
    masks = torch.cat([ml.random_mask(24, ratio) for ratio in (0.25, 0.5)])
    pictures = {"dull": [torch.zeros_like(photo)] * 2, "clever": [photo] * 2}
    return lambda **changes: twin_slider(
        **{
            "words": WORDS, "word_masks": WORD_MASKS, "word_fills": FILLS, "photo": photo, "masks": masks,
            "photo_fills": pictures, "cfg": cfg,
        } | changes
    )  # fmt: skip


def test_every_share_has_every_answer(made):
    twin = made()
    assert twin.shares == (0.25, 0.5)
    assert twin.answers == (TURN, "dull", "clever", TRUTH)
    assert [len(row) for row in twin.frames] == [4, 4]


def test_your_turn_tells_no_hidden_word_and_no_hidden_patch(made):
    frames = made().frames
    assert re.sub("<.*?>", "", frames[1][0].sentence) == "a ? ? d"
    other = made(words=["a", "q", "q", "d"]).frames
    assert other[1][0] == frames[1][0], "what is shown depends on what is hidden"


def test_answers_are_marked_by_a_sign_and_counted(made):
    dull, clever, truth = made().frames[1][1:]
    assert "x&nbsp;✗" in dull.sentence
    assert "b&lt;&nbsp;✓" in clever.sentence
    assert "y&nbsp;✗" in clever.sentence
    assert clever.sentence.startswith("a <"), "a visible word stays as it is"
    assert dull.label.startswith("0 of 2 hidden words right (0%)")
    assert clever.label == "1 of 2 hidden words right (50%); the photo's MSE is 0.00."
    assert "<u><b>c</b></u>" in truth.sentence


def test_mse_is_that_of_hidden_pixels(made, small_config):
    cfg = small_config()
    photo = torch.ones(1, 3, *cfg.img_size)
    half = photo.clone()
    half[..., : cfg.img_size[1] // 2] = 3.0
    mask = torch.tensor([[1, 1, 1, 0, 0, 0]]).repeat(4, 1).reshape(1, 24).bool()
    one = made(
        photo=photo, masks=mask, photo_fills={"dull": [half], "clever": [photo]}, word_masks=WORD_MASKS[:1],
        word_fills={name: fill[:1] for name, fill in FILLS.items()},
    )  # fmt: skip
    assert "MSE is 4.00" in one.frames[0][1].label


def test_html_holds_all_and_shows_stills_without_scripts(made):
    page = made().to_html()
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)[1])
    assert data["shares"] == ["25%", "50%"]
    assert len(data["frames"]) == 2
    assert data["frames"][1][2][2].startswith("1 of 2")
    stills = page.split("<script")[0]
    images = Images(stills).found
    assert len(images) == 4
    assert all(len(img["alt"]) > 30 for img in images)
    assert "https://" not in page
    assert stills.count("?</span>") == 3, "one gap at the low share and two at the high one"


def test_wrong_calls_are_said(made, unchecked):
    with pytest.raises(ValueError, match="give the same names"):
        made(word_fills={"dull": FILLS["dull"]})
    with pytest.raises(ValueError, match=r"lengths \[1, 2\]"):
        made(word_masks=WORD_MASKS[:1])
