"""Figures of what is inside draw the values they are given, beside the control, and say so in words."""

import numpy as np
import pytest
import torch

from helpers.html import Images, pixels
from mae_course.figures.looking_inside import (
    BARS,
    colour_picture,
    show_by_layer,
    show_shares,
    show_table,
)
from mae_lite.measure.inspection import attention_shares

GRID = (3, 4)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def picture():
    return torch.randint(0, 256, (3, 24, 32), generator=torch.Generator().manual_seed(0)).byte()


def by_head(layers=4, seed=0):
    return noise(layers, 3, seed=seed).abs()


def shares(seed=0):
    full = noise(4, 1, 2, 13, 13, seed=seed).softmax(dim=4)
    return attention_shares(full, torch.arange(12)[None] % 3 == 0)


FIGURES = {
    "by layer": lambda: show_by_layer({"a": by_head(), "b": by_head(seed=1)}, "distance", level=("even", 0.7)),
    "shares": lambda: show_shares({"a": shares(), "b": shares(1)}, "attention of hidden patches"),
    "table": lambda: show_table({"cat": {"raw": picture(), "model": picture()}}, "A table of two pictures of noise."),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_gets_one_image_with_alt_and_it_is_not_blank(name):
    fig = FIGURES[name]()
    bundle = fig._repr_mimebundle_()
    (img,) = Images(bundle["text/html"]).found
    assert img["alt"] == fig.alt == bundle["text/plain"]
    assert len(fig.alt) > 30
    assert len(np.unique(pixels(fig).reshape(-1, 3), axis=0)) > 50, "the picture is blank"


def test_lines_are_the_means_of_the_heads_and_dots_the_heads():
    values = by_head()
    fig = show_by_layer({"a": values, "b": values.mean(dim=1) + 1}, "distance", level=("even", 0.7), first=0)
    (ax,) = fig.axes
    drawn = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(drawn["a"].get_ydata(), values.mean(dim=1))
    np.testing.assert_allclose(drawn["b"].get_ydata(), values.mean(dim=1) + 1)
    assert list(drawn["a"].get_xdata()) == [0, 1, 2, 3]
    np.testing.assert_allclose(drawn["even"].get_ydata(), 0.7)
    dots = [line for line in ax.lines if line.get_linestyle() == "None"]
    np.testing.assert_allclose(np.stack([line.get_ydata() for line in dots]).T, values)
    assert len({drawn[name].get_linestyle() for name in "ab"}) == 2, "colour alone would not do"
    assert f"a {values[0].mean():.2f}" in fig.alt
    assert "from layer 0 to 3" in fig.alt


def test_bars_are_stacked_to_one_and_hatched():
    found = shares()
    fig = show_shares({"a": found}, "attention")
    bars = fig.axes[0].containers
    assert [bar.get_label() for bar in bars] == ["visible", "class", "itself", "other hidden"]
    for kind, bar in zip(BARS, bars, strict=True):
        np.testing.assert_allclose([p.get_height() for p in bar.patches], found[kind].mean(dim=1), rtol=1e-5)
    np.testing.assert_allclose([p.get_y() + p.get_height() for p in bars[-1].patches], 1, rtol=1e-5)
    assert len({hatch for _, hatch in BARS.values()}) == len(BARS)


def test_colours_come_to_their_patches():
    colours = torch.rand(12, 3, generator=torch.Generator().manual_seed(0))
    shown = colour_picture(colours, GRID, 8)
    assert shown.shape == (3, 24, 32)
    for patch in range(12):
        y, x = divmod(patch, 4)
        block = shown[:, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8]
        assert (block == (colours[patch] * 255).round().byte()[:, None, None]).all()


def test_table_has_a_row_for_each_name():
    rows = {name: {"raw": picture(), "model": 255 - picture()} for name in ("cat", "dogs")}
    fig = show_table(rows, "x" * 31)
    assert [ax.get_ylabel() for ax in fig.axes] == ["cat", "", "dogs", ""]
    assert [ax.get_title() for ax in fig.axes] == ["raw", "model", "", ""]
    np.testing.assert_array_equal(fig.axes[3].images[0].get_array(), 255 - picture().permute(1, 2, 0).numpy())


@pytest.mark.parametrize(
    ("show", "message"),
    [
        (lambda: show_by_layer({}, "y"), "not 0"),
        (lambda: show_shares({}), "at least one model"),
        (lambda: show_table({}, "alt"), "at least one row"),
    ],
)
def test_what_cannot_be_shown_is_refused(show, message):
    with pytest.raises(ValueError, match=message):
        show()
