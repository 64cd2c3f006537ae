"""One photo under many masks: what is drawn is what was measured, each value in its place."""

import numpy as np
import pytest
import torch

from helpers.html import check_figure
from mae_lite.masking import draw_mask
from mae_lite.measure.sweeps import guess, predict_unseen, ratio_sweep, ten_guesses
from mae_lite.show.sweeps import show_guesses, show_unseen, sweep_flipbook


@pytest.fixture
def model(small_model):
    return small_model().eval()


@pytest.fixture
def image():
    return torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(1)) / 2


def test_flipbook_of_a_sweep_opens_at_three_quarters(model, image):
    shown = ratio_sweep(model, image, (0.25, 0.5, 0.75, 0.9))
    book = sweep_flipbook(shown, name="share hidden")
    assert book.start == 2
    assert book.labels[2] == f"75% hidden (18 of 24 patches): MSE {shown[2].mse:.3f}, skill {shown[2].skill:+.2f}"
    assert book.titles == ("given to the model", "output + visible patches", "original")
    assert book.alts == tuple(one.alt for one in shown)


def test_a_sweep_of_norm_pix_says_that_it_leaks_and_one_of_nothing_is_refused(small_model, image):
    leaking = ratio_sweep(small_model(norm_pix_loss=True), image, [0.5])
    assert "a leak" in sweep_flipbook(leaking, ("output",)).titles[0]
    with pytest.raises(ValueError, match="at least one"):
        sweep_flipbook([])


def test_guesses_show_themselves_with_alt_text(model, image):
    check_figure(show_guesses(ten_guesses(model, image)))
    check_figure(show_unseen(predict_unseen(model, image)))


def test_map_has_each_value_in_its_place_and_grey_where_there_is_none(model, image):
    found = guess(model, image, draw_mask("random", (4, 6), 0.5, batch_size=2, seed=3))
    fig = show_guesses(found)
    values = fig.axes[3].images[0].get_array()
    assert values.shape == (4, 6), "patches down and across"
    expected = found.spread.reshape(4, 6).numpy()
    np.testing.assert_array_equal(np.ma.getmaskarray(values), np.isnan(expected))
    np.testing.assert_array_equal(values.filled(np.nan), expected)
    assert 0 < np.isnan(expected).sum() < 24
    assert f"{(found.times == 0).sum()} of 24 patches are in no mask" in fig.alt
