"""Figures of masks say what they show in numbers, and show what they say."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mae_course.figures.what_to_hide import fill_flipbook, show_fill_curves, show_shuffle, show_spectrum
from mae_lite.config import MAEConfig

NOISE = torch.tensor([0.8, 0.1, 0.9, 0.3])
RATIOS = (0.1, 0.5, 0.9)
FIGURES = {
    "shuffle": lambda: show_shuffle(NOISE, 2),
    "curves": lambda: show_fill_curves(RATIOS, {"a": (0.1, 0.2, 0.3), "b": (None, 0.1, 0.2)}, trained_at=0.75),
    "spectrum": lambda: show_spectrum(torch.arange(1, 20), torch.arange(1.0, 20) ** -2.5),
}


@pytest.mark.parametrize("name", FIGURES)
def test_shows_itself_with_alt_text_and_is_not_blank(name):
    fig = FIGURES[name]()
    assert len(fig.alt) > 30
    assert fig._repr_mimebundle_()["text/plain"] == fig.alt
    file = io.BytesIO()
    fig.savefig(file, format="png")
    assert len(np.unique(np.asarray(Image.open(file).convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_shuffle_sorts_cuts_and_puts_back():
    """B has the lowest noise and D the next: they are kept, and come back to their places."""
    fig = show_shuffle(NOISE, 2)
    text = [t.get_text().replace("\n", " ") for t in fig.axes[0].texts]
    at = {
        (round(t.get_position()[0]), round(t.get_position()[1])): w
        for t, w in zip(fig.axes[0].texts, text, strict=True)
    }
    assert [at[k, 0] for k in range(4)] == ["A 0.80", "B 0.10", "C 0.90", "D 0.30"]
    assert [at[k, 2] for k in range(4)] == ["B", "D", "A", "C"]
    assert [at[k, 4] for k in range(4)] == ["mask token", "B", "mask token", "D"]
    assert "Sorted by noise: B D A C; the first 2 are kept" in fig.alt
    assert "Put back: mask token, B, mask token, D." in fig.alt


def test_curves_leave_out_what_was_not_computed():
    fig = FIGURES["curves"]()
    first, second = (line.get_xydata().tolist() for line in fig.axes[0].lines[:2])
    assert first == [[0.1, 0.1], [0.5, 0.2], [0.9, 0.3]]
    assert second == [[0.5, 0.1], [0.9, 0.2]]
    assert "b from 0.100 at 50% to 0.200 at 90%" in fig.alt
    styles = {(line.get_color(), line.get_marker(), str(line.get_linestyle())) for line in fig.axes[0].lines[:2]}
    assert len(styles) == 2, "lines must differ by more than a label"


def test_curves_of_wrong_lengths_are_refused():
    with pytest.raises(ValueError, match=r"1 to 5 lines with 3 entries each, .* got \{'a': 2\}"):
        show_fill_curves(RATIOS, {"a": (0.1, 0.2)})
    with pytest.raises(ValueError, match=r"it got \{'0': 3, '1': 3, '2': 3, '3': 3, '4': 3, '5': 3\}"):
        show_fill_curves(RATIOS, {str(k): (0.1, 0.2, 0.3) for k in range(6)})


@pytest.mark.parametrize("slope", [-2.0, -1.0])
def test_spectrum_measures_its_slope(slope):
    k = torch.arange(1, 30)
    fig = show_spectrum(k, 7 * k.float() ** slope, slope)
    assert f"a slope of {slope:.1f}" in fig.alt
    photos, line = (one.get_ydata() for one in fig.axes[0].lines)
    np.testing.assert_allclose(photos, line, rtol=1e-5)


CFG = MAEConfig(img_size=(8, 12), patch_size=4, embed_dim=24, num_heads=3)


def test_flipbook_has_errors_of_hidden_pixels_only_and_opens_near_three_quarters():
    photo = torch.zeros(1, 3, 8, 12)
    masks = torch.zeros(3, 6, dtype=torch.bool)
    masks[0, 0] = masks[1, :4] = masks[2, :5] = True
    wrong = torch.full_like(photo, 2.0)  # off by 2 everywhere, visible pixels included
    book = fill_flipbook(photo, masks, {"zeros": [photo] * 3, "twos": [wrong] * 3}, CFG)
    assert book.start == 1
    assert book.labels[1] == "67% hidden (4 of 6 patches), MSE: zeros 0.000, twos 4.000"
    assert book.titles == ("given", "zeros", "twos", "original")
    frame = np.asarray(Image.open(io.BytesIO(book.frames[1])).convert("RGB"), dtype=int)
    given, _, twos, original = np.array_split(frame, 4, axis=1)
    assert np.abs(given[10, 10] - 128).max() < 12, "hidden is grey"
    assert np.abs(given - original)[-20:, -60:-20].max() < 12, "the last patch is visible"
    assert np.abs(twos - original)[-20:, -60:-20].max() < 12, "visible pixels are the photo's"
    assert np.abs(twos - original)[10, 30:60].min() > 40, "hidden ones are as filled in"


def test_flipbook_wants_a_picture_for_each_mask():
    masks = torch.tensor([[True, False, False, False, False, False]] * 2)
    with pytest.raises(ValueError, match=r"2 masks and \{'zeros': 1\}"):
        fill_flipbook(torch.zeros(1, 3, 8, 12), masks, {"zeros": [torch.zeros(1, 3, 8, 12)]}, CFG)
