"""Figures of patches show the patches in order, say in words what they show, and are not blank."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mae_course.figures.image_as_sentence import (
    PAIRS,
    patch_size_flipbook,
    show_cut,
    show_sentence,
)
from mae_lite.patches import patchify


def picture(h, w):
    return torch.randint(0, 256, (3, h, w), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


FIGURES = {
    "cut": lambda: show_cut(torch.arange(24).reshape(4, 6), 2),
    "sentence": lambda: show_sentence(picture(16, 24), 8),
}


@pytest.mark.parametrize("name", FIGURES)
def test_shows_itself_with_alt_text_and_is_not_blank(name):
    fig = FIGURES[name]()
    assert len(fig.alt) > 15
    assert fig._repr_mimebundle_()["text/plain"] == fig.alt
    file = io.BytesIO()
    fig.savefig(file, format="png")
    assert len(np.unique(np.asarray(Image.open(file).convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_cut_writes_the_image_and_its_patches_as_rows():
    image = torch.arange(24).reshape(4, 6)
    left, right = show_cut(image, 2).axes
    assert [int(text.get_text()) for text in left.texts] == list(range(24))
    written = [text.get_text() for text in right.texts if not text.get_text().startswith("patch")]
    assert [int(text) for text in written] == patchify(image[None, None].float(), 2).flatten().tolist()
    assert "patch 1: 2, 3, 8, 9" in show_cut(image, 2).alt


def test_sentence_has_the_patches_in_reading_order_with_gaps():
    shown = picture(16, 24)
    axes = show_sentence(shown, 8).axes
    strip, gap = axes[2].images[0].get_array(), 2
    assert strip.shape == (8 + 2 * gap, 6 * (8 + gap) + gap, 3)
    patches = patchify(shown[None].float(), 8)[0].reshape(6, 8, 8, 3).numpy()
    for k, patch in enumerate(patches):
        left = gap + k * (8 + gap)
        np.testing.assert_array_equal(strip[gap:-gap, left : left + 8], patch)
        assert (strip[:, left - gap : left] == 255).all(), "patches touch"
    apart = axes[1].images[0].get_array()
    np.testing.assert_array_equal(apart[gap + 10 : gap + 18, gap : gap + 8], patches[3])
    assert [text.get_text() for text in axes[2].texts] == list("012345")


def test_patch_sizes_have_their_counts_and_a_square_of_pairs_to_scale():
    book = patch_size_flipbook(picture(32, 32), (16, 8, 4))
    assert book.labels[1] == "p = 8: 4 x 4 = 16 tokens of 192 numbers, 256 pairs"
    assert book.labels[2] == "p = 4: 8 x 8 = 64 tokens of 48 numbers, 4,096 pairs"
    assert "64 tokens make 4,096 pairs" in book.alts[2]
    areas = []
    for frame in book.frames:
        pixels = np.asarray(Image.open(io.BytesIO(frame)).convert("RGB"), dtype=int)
        areas.append((np.abs(pixels[:, 70:] - PAIRS).sum(axis=2) < 120).sum())
    assert areas[2] == pytest.approx(64 * 64, rel=0.1), "the most pairs fill the square"
    assert areas[1] / areas[2] == pytest.approx(256 / 4096, rel=0.35)


def test_a_patch_size_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not divide into patches of 5x5"):
        patch_size_flipbook(picture(32, 32), (8, 5))
