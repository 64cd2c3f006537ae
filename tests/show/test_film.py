"""A film to leaf through, and as rows: within its bytes, each frame with its label, the pictures in their places."""

import numpy as np
import pytest

from helpers.html import pixels
from mae_lite.measure.film import load_film
from mae_lite.show.film import film_flipbook, show_film
from mae_lite.weights.catalogue import bundled_models


@pytest.mark.parametrize("name", [name for name in bundled_models() if "normpix" not in name])
def test_flipbooks_of_bundled_models_are_as_small_as_asked(name):
    film = load_film(name)
    assert len(film_flipbook(film).to_html()) <= 1_000_000
    assert len(film_flipbook(film, max_bytes=500_000).to_html()) <= 500_000


def test_each_frame_has_its_label():
    film = load_film("mae-lite-nano")
    book = film_flipbook(film, photos=("dogs", "cat"), batch_size=64)
    assert book.start == len(book.frames) - 1, "it opens at the trained model"
    assert book.labels[4] == film.label(4, 64)
    assert book.alts[4] == f"Output + visible patches, {film.label(4, 64)}: dogs, cat."
    assert "147 of 196 patches hidden" in book.above[2]
    with pytest.raises(ValueError, match="it has no owl"):
        film_flipbook(film, photos=("cat", "owl"))


def test_film_has_a_row_for_each_frame_between_input_and_photos():
    film = load_film("mae-lite-nano")
    fig = show_film(film, frames=4, photos=("cat", "dogs"))
    rows = [ax.get_ylabel().replace("\n", " ") for ax in fig.axes]
    assert rows[0] == "given"
    assert rows[1] == "step 0"
    assert rows[-2] == f"step {film.steps[-1]:,}"
    assert rows[-1] == "original"
    assert 5 <= len(rows) <= 6
    for ax, expected in ((fig.axes[0], film.masked), (fig.axes[-1], film.originals), (fig.axes[-2], film.frame(-1))):
        cat = ax.images[0].get_array()[: 2 * 112, : 2 * 112, :3]
        np.testing.assert_array_equal(cat[::2, ::2], expected[2], "the cat, twice as large")
    assert pixels(fig).shape[1] > 2 * 2 * 112, "no smaller than the pictures"
    assert all(ax.yaxis.label.get_window_extent().x0 >= 0 for ax in fig.axes), "a label is cut off"
    assert "step 4,134 of 4,134" in fig.alt
