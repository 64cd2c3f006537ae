"""Figures of experiments: patches can be read off by row and column, and curves say where they reach the target."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mae_course.figures.reconstruction import show_grid, show_psnr_by_visible


def picture(h, w):
    return torch.randint(0, 256, (3, h, w), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


CURVES = {"seed 0": [13.0, 15.0, 14.0, 18.0, 17.0], "seed 1": [12.0, 12.5, 13.0]}


@pytest.mark.parametrize("make", [lambda: show_grid(picture(16, 24), 8), lambda: show_psnr_by_visible(CURVES, 14.0)])
def test_shows_itself_with_alt_text_and_is_not_blank(make):
    fig = make()
    assert len(fig.alt) > 30
    assert fig._repr_mimebundle_()["text/plain"] == fig.alt
    file = io.BytesIO()
    fig.savefig(file, format="png")
    assert len(np.unique(np.asarray(Image.open(file).convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_grid_numbers_rows_and_columns_at_the_middle_of_their_patches():
    ax = show_grid(picture(16, 24), 8).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "1"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1", "2"]
    assert ax.get_xticks().tolist() == [3.5, 11.5, 19.5], "pixel k is drawn from k - 0.5 to k + 0.5"
    assert sorted(line.get_xdata()[0] for line in ax.lines[1:]) == [7.5, 15.5]
    assert "rows numbered from 0 to 1 at the left and the columns from 0 to 2" in show_grid(picture(16, 24), 8).alt


def test_grid_refuses_patches_that_do_not_divide_the_picture():
    with pytest.raises(ValueError, match="Patches of 8 pixels do not divide a picture of 16x20"):
        show_grid(picture(16, 20), 8)


def test_curves_say_how_often_they_fall_and_where_they_first_reach_the_target():
    fig = show_psnr_by_visible(CURVES, target=14.0)
    assert "seed 0 goes from 13.0 to 17.0 dB, falls 2 times and reaches 14 first with 2 visible" in fig.alt
    assert "seed 1 goes from 12.0 to 13.0 dB, falls 0 times and does not reach 14" in fig.alt
    rings = [line for line in fig.axes[0].lines if line.get_fillstyle() == "none"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in rings] == [(2, 15.0)]


@pytest.mark.parametrize("curves", [{}, {str(k): [1.0] for k in range(5)}])
def test_curves_refuse_none_and_more_than_there_are_styles(curves):
    with pytest.raises(ValueError, match=f"takes 1 to 4 lines; it got {len(curves)}"):
        show_psnr_by_visible(curves, 14.0)
