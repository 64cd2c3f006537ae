import io

import numpy as np
import pytest
import torch
from PIL import Image

from mae_course.figures.indicators_in_cnns import (
    EMPTY,
    PIXELS,
    REACHED,
    SEEN,
    depth_flipbook,
    show_denoising,
    show_race,
)
from mae_course.studies.fillers import Filler
from mae_lite.masking import pixel_mask, random_mask


def race():
    """Three kinds, two seeds; the best is not first."""
    means = {"zeros": 0.5, "partial": 0.3, "vit": 0.7}
    return [
        {"kind": kind, "seed": seed, "mse": m + 0.02 * seed, "harmonic_mse": 0.45}
        for kind, m in means.items() for seed in (0, 1)
    ]  # fmt: skip


def test_the_race_is_drawn_from_its_records_best_on_top():
    fig = show_race(race())
    (ax,) = fig.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["vit", "zeros", "partial"], "from the bottom"
    assert "from the least: partial 0.310, zeros 0.510, vit 0.710. The soap film: 0.450." in fig.alt
    dots = ax.lines[0].get_xdata()
    assert sorted(dots) == pytest.approx([0.7, 0.72]), "a dot a seed"
    assert [t.get_text() for t in ax.texts[:3]] == ["0.710", "0.510", "0.310"]


def test_without_records_it_says_what_to_run():
    with pytest.raises(ValueError, match="run python -m mae_course.studies.indicators first"):
        show_race([])
    with pytest.raises(ValueError, match="run python -m mae_course.studies.denoising first"):
        show_denoising([])


@pytest.fixture(scope="module")
def book():
    torch.manual_seed(0)
    nets = {"dense": Filler("zeros", 8).eval(), "sparse": Filler("sparse", 8).eval()}
    photo = torch.randint(256, (1, 3, 64, 64), dtype=torch.uint8)
    mask = random_mask(64, 0.75, seed=0)
    return depth_flipbook(nets, photo, pixel_mask(mask, (8, 8), 8)), mask


def states(book, frame, column):
    """The colour of each cell in the upper row of a frame, to the nearest of the three."""
    picture = np.asarray(Image.open(io.BytesIO(book.frames[frame])).convert("RGB")).astype(int)
    side = 16 * PIXELS
    part = picture[:side, column * (side + 5) :][:, :side]
    cells = part[PIXELS // 2 :: PIXELS, PIXELS // 2 :: PIXELS]
    colours = np.array([SEEN, REACHED, EMPTY])
    return np.abs(cells[:, :, None] - colours).sum(axis=3).argmin(axis=2)


def test_a_frame_a_depth_and_cells_coloured_by_what_has_reached_them(book):
    book, mask = book
    assert len(book.frames) == 7
    assert book.titles == ("photo", "dense", "sparse")
    hidden = mask[0].reshape(8, 8).repeat_interleave(2, 0).repeat_interleave(2, 1).numpy()
    for column in (1, 2):
        assert np.array_equal(states(book, 0, column), np.where(hidden, 2, 0)), "after the stem all hidden are empty"
    assert np.array_equal(states(book, 4, 2), np.where(hidden, 2, 0)), "sparse: still, after four blocks"
    assert (states(book, 6, 1)[hidden] == 1).all(), "dense: everything is reached"
    assert not (states(book, 6, 1)[~hidden]).any()
    assert "dense 100%, sparse 100%" in book.labels[0]
    assert "dense 0%" in book.labels[6]


def test_what_a_spread_is_follows_the_window():
    """One visible patch in the corner: after a block of two 3 x 3 convolutions two more cells are reached."""
    torch.manual_seed(0)
    mask = torch.ones(1, 64, dtype=torch.bool)
    mask[0, 0] = False
    net = Filler("zeros", 8).eval()
    photo = torch.randint(256, (1, 3, 64, 64), dtype=torch.uint8)
    book = depth_flipbook({"dense": net}, photo, pixel_mask(mask, (8, 8), 8))
    expected = np.full((16, 16), 2)
    expected[:4, :4], expected[:2, :2] = 1, 0
    assert np.array_equal(states(book, 1, 1), expected)


def test_denoising_stands_beside_mae_and_controls():
    records = [
        {"arm": name, "seed": 0, "linear": linear, "knn": linear / 2, "mse": mse, "corrupted": c, "restored": r}
        for name, linear, mse, c, r in (
            ("default", 0.5, 0.6, None, None), ("dropped-patches", 0.48, 0.7, 0.75, 0.5),
            ("gaussian", 0.4, None, 1.0, 0.1), ("control-pixels", 0.3, None, None, None),
        )
    ]  # fmt: skip
    fig = show_denoising(records)
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == [
        "MAE", "dropped patches", "Gaussian noise", "raw pixels",
    ]  # fmt: skip
    assert "MAE: error left of its own damage 60.0%, linear probe 50.0%" in fig.alt
    assert "Gaussian noise: error left of its own damage 10.0%, linear probe 40.0%, nearest neighbours 20.0%" in fig.alt
    assert "raw pixels: linear probe 30.0%" in fig.alt
    assert len(fig.axes[0].patches) == 3, "a control restores nothing"
