"""Figures of tokens show each list in order and draw only what is known; those of cost the numbers they are given."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.html import pixels
from mae_course.figures.encoder_decoder import (
    SWEEPS,
    journey_flipbook,
    known_pictures,
    show_scaling,
    show_times,
    show_tokens,
)
from mae_course.pages.token_ledger import CLS, Ledger
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.images import to_uint8
from mae_lite.measure.cost import count_flops
from mae_lite.measure.reconstruct import GREY
from mae_lite.patches import patchify
from mae_lite.weights.assets import asset_path

ROWS = {"patches": ["0", "1", "2"], "encoder": ["cls", "2"], "append": ["2", "M0", "M1"], "restore": ["M0", "M1", "2"]}
CFG = MAEConfig(img_size=(16, 24), patch_size=8, embed_dim=8, num_heads=2, decoder_embed_dim=8, decoder_num_heads=2)
MASK = torch.tensor([[True, False, True, False, True, True]])  # of 2 x 3 patches
IMG = torch.linspace(-1, 1, 3 * 16 * 24).reshape(1, 3, 16, 24)
VISIBLE, HIDDEN = [1, 3], [0, 2, 4, 5]


def test_tokens_are_written_in_order_and_lines_lead_to_the_same_patch():
    fig = show_tokens(ROWS)
    (ax,) = fig.axes
    written = [text.get_text() for text in ax.texts]
    assert written == [
        *("patches", "0", "1", "2"), *("encoder", "cls", "2"), *("append", "2", "M", "M"), *("restore", "M", "M", "2")
    ]  # fmt: skip
    lines = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert lines == [(2, 1), (1, 0), (1, 0), (2, 1), (0, 2)], "from the place in one list to the place in the next"
    assert "append: 2, M, M; restore: M, M, 2" in fig.alt
    assert len(np.unique(pixels(fig).reshape(-1, 3), axis=0)) > 50


def test_no_list_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        show_tokens({})


@pytest.fixture
def ledger():
    """Patches, the visible ones with a class token, mask tokens back in order, a prediction, its error."""
    book = Ledger(MASK, visible=3, hidden=4)
    patches = patchify(IMG, 8)
    book.note("cut", patches, range(6), pixels=True)
    book.note("keep", torch.cat([torch.zeros(1, 1, 192), patches[:, VISIBLE]], dim=1), [CLS, *VISIBLE])
    book.note("restore", torch.zeros(1, 6, 8), range(6))
    book.note("predict", patches + 0.5, range(6), pixels=True)
    book.note("errors", torch.ones(1, 4, 1), HIDDEN)
    return book


def test_journey_shows_only_patches_whose_content_is_known(ledger):
    pictures, seen = zip(*known_pictures(ledger, CFG), strict=True)
    grey = [[bool((p[y : y + 8, x : x + 8] == GREY).all()) for y in (0, 8) for x in (0, 8, 16)] for p in pictures]
    nothing, hidden = [False] * 6, MASK[0].tolist()
    assert grey == [nothing, hidden, hidden, nothing, (~MASK[0]).tolist()]
    assert seen == (6, 2, 2, 6, 4)


def test_journey_shows_the_pixels_it_was_given(ledger):
    pictures = [picture for picture, _ in known_pictures(ledger, CFG)]
    for picture, shown in ((pictures[0], IMG), (pictures[3], IMG + 0.5)):
        np.testing.assert_array_equal(picture, to_uint8(shown, CFG)[0].permute(1, 2, 0))


def test_journey_says_where_the_patches_are(ledger):
    book = journey_flipbook(ledger, CFG)
    assert len(book.frames) == 5
    assert book.labels[1] == "keep: 3 x 192 numbers; patch 3 at place 2; patch 4 not in the list"
    assert book.labels[4] == "errors: 4 x 1 numbers; patch 3 not in the list; patch 4 at place 2"
    assert book.alts[1].startswith("2 of 6 patches have content. patch 3: ")
    assert book.alts[1].endswith("patch 4: not in the list.")
    frames = [np.asarray(Image.open(io.BytesIO(frame))) for frame in book.frames]
    assert len({frame.tobytes() for frame in frames}) == 5


def test_journey_needs_pixels_to_begin_with():
    book = Ledger(MASK, visible=3, hidden=4)
    for _ in range(2):
        with pytest.raises(ValueError, match="first entry notes the patches"):
            journey_flipbook(book, CFG)
        book.note("tokens", torch.zeros(1, 6, 8), range(6))


def test_times_are_the_lines_and_the_words():
    fig = show_times((0.0, 0.5, 0.9), {"formula": (40.0, 20.0, 4.0), "measured": (41.4, 22.0, 6.0)}, title="an encoder")
    (ax,) = fig.axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[40, 20, 4], [41.4, 22, 6]]
    assert ax.get_title() == "an encoder"
    assert "from 0% to 90%: formula from 40 to 4; measured from 41 to 6" in fig.alt
    assert not any(character == "." for character in fig.alt[:-1]), "times differ from run to run: no decimals in words"


@pytest.mark.parametrize("times", [{}, {"short": (1.0, 2.0)}, {str(k): (1.0, 2.0, 3.0) for k in range(5)}])
def test_times_that_do_not_fit_are_refused(times):
    with pytest.raises(ValueError, match="one for each mask ratio"):
        show_times((0.0, 0.5, 0.9), times)


BIG = replace(PRESETS["base"], img_size=(448, 448))
RECORDS = {
    f"{sweep} {value}, {part}": {
        "value": value, "median_ms": value * cost, "low_ms": value * cost - 1, "high_ms": value * cost + 2,
        "formula_ms": value * cost * 0.9,
    }
    for sweep in SWEEPS for value in (8, 4, 16) for part, cost in (("encoder", 2), ("whole model", 3))
}  # fmt: skip


def test_scaling_has_a_panel_a_sweep_with_measured_points_and_the_formula():
    fig = show_scaling({"rows": RECORDS, "machine": "an abacus", "torch": "9", "date": "1642-01-01"})
    assert [ax.get_xlabel() for ax in fig.axes] == list(SWEEPS.values())
    for ax in fig.axes:
        lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
        assert ([4, 8, 16], [12, 24, 48]) in lines, "measured, whole model, in order of the size"
        assert ([4, 8, 16], pytest.approx([7.2, 14.4, 28.8])) in lines, "the formula of the encoder"
    assert "an abacus, torch 9, 1642-01-01" in fig.get_supxlabel()
    assert "encoder, image size 4 to 16: 8 to 32" in fig.alt


def test_the_words_of_notebook_04_fit_the_record():
    rows = json.loads((asset_path("results") / "bench-scaling.json").read_text())["rows"]
    spent = {
        part: rows[f"mask ratio 0.95, {part}"]["median_ms"] / rows[f"mask ratio 0.0, {part}"]["median_ms"]
        for part in ("encoder", "whole model")
    }
    assert spent == {"encoder": pytest.approx(0.2, abs=0.03), "whole model": pytest.approx(0.4, abs=0.03)}
    sides = (112, 224, 448)
    for part in ("encoder", "whole model"):
        small, middle, large = (rows[f"image size {side}, {part}"]["median_ms"] for side in sides)
        assert middle / small < large / middle < 4 < count_flops(BIG).total / count_flops(PRESETS["base"]).total
