"""Figures say in words what they show, need no pyplot, and are not blank."""

import base64
import io
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.html import Images, check_figure
from helpers.project import loaded_by
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask
from mae_lite.measure.film import load_history
from mae_lite.measure.reconstruct import PANELS, reconstruct
from mae_lite.show.figures import (
    metrics_line,
    show_comparison,
    show_history,
    show_maps,
    show_pictures,
    show_reconstruction,
)
from mae_lite.show.html import img_html

SMALL = {
    "patch_size": 8, "embed_dim": 32, "depth": 1, "num_heads": 2,
    "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2,
}  # fmt: skip


def one(ratio=0.75, strategy="random", **config):
    torch.manual_seed(0)
    cfg = MAEConfig(img_size=(32, 48), **SMALL, **config)
    image = torch.rand(1, cfg.in_chans, 32, 48) - 0.5
    return reconstruct(MAE(cfg).eval(), image, draw_mask(strategy, cfg.grid_size, ratio))


def noise(h, w):
    return torch.randint(0, 256, (3, h, w), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


HISTORY = [
    {"step": 10.0, "loss": 2.5, "val_loss": None},
    {"step": 20.0, "loss": 1.5, "val_loss": 1.75},
    {"step": 30.0, "loss": 1.25, "val_loss": None},
    {"step": 40.0, "loss": 1.0, "val_loss": 1.125},
]


FIGURES = {
    "reconstruction": lambda: show_reconstruction(one()),
    "comparison": lambda: show_comparison({name: one(strategy=name) for name in ("random", "block", "grid")}),
    "history": lambda: show_history(HISTORY),
    "pictures": lambda: show_pictures({"a": noise(8, 12), "b": noise(12, 8)}, alt="Two pictures of noise."),
    "maps": lambda: show_maps({str(k): torch.rand(3, 5) for k in range(5)}, alt="Five maps of noise."),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_gets_one_image_with_alt_and_it_is_not_blank(name):
    check_figure(FIGURES[name]())


def test_a_notebook_gets_110_pixels_an_inch():
    fig = show_history(HISTORY)
    (img,) = Images(fig.to_html()).found
    picture = Image.open(io.BytesIO(base64.b64decode(img["src"].partition(",")[2])))
    assert picture.size == tuple(round(110 * inches) for inches in fig.get_size_inches())


def test_alt_text_survives_html():
    text = 'error < 0.5 & "quoted"'
    (img,) = Images(img_html(b"x", text)).found
    assert img["alt"] == text


@pytest.mark.parametrize("panels", [PANELS, ("masked", "pasted"), ("error",)])
def test_reconstruction_shows_the_panels_asked_for(panels):
    shown = one()
    fig = shown.figure(panels)
    assert [ax.get_title() for ax in fig.axes] == [shown.titles[name] for name in panels]
    for ax, name in zip(fig.axes, panels, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), getattr(shown, name))


def test_several_reconstructions_are_rows_with_their_own_numbers():
    rows = [one(0.5), one(0.75)]
    fig = show_reconstruction(rows, ("masked", "pasted"))
    assert len(fig.axes) == 4
    np.testing.assert_array_equal(fig.axes[2].images[0].get_array(), rows[1].masked)
    assert [part.get_supxlabel() for part in fig.subfigs] == [metrics_line(row) for row in rows]
    assert all(row.alt in fig.alt for row in rows)


def test_comparison_has_a_column_for_each_with_its_numbers():
    shown = {"a": one(0.5), "b": one(0.75)}
    fig = show_comparison(shown, panels=("original", "masked", "pasted"))
    assert len(fig.axes) == 6
    assert [ax.get_title() for ax in fig.axes[:2]] == ["a", "b"]
    assert [ax.get_xlabel().split("\n")[0] for ax in fig.axes[-2:]] == [f"MSE {s.mse:.3f}" for s in shown.values()]
    assert "a: 12 of 24 patches hidden" in fig.alt
    assert "b: 18 of 24 patches hidden" in fig.alt
    np.testing.assert_array_equal(fig.axes[3].images[0].get_array(), shown["b"].masked)


def test_nothing_to_show_is_refused():
    for show in (show_comparison, partial(show_pictures, alt=""), partial(show_maps, alt="")):
        with pytest.raises(ValueError, match="at least one"):
            show({})
    with pytest.raises(ValueError, match="at least one"):
        show_reconstruction([])


def test_maps_share_one_scale():
    fig = show_maps({"small": torch.tensor([[0.0, 1.0]]), "large": torch.tensor([[2.0, 9.0]])}, alt="Two maps.")
    images = [ax.images[0] for ax in fig.axes[:2]]
    assert {image.get_clim() for image in images} == {(0.0, 9.0)}
    np.testing.assert_array_equal(images[1].get_array(), [[2, 9]])
    assert not any(ax.get_visible() for ax in fig.axes[2:4]), "empty places must not show axes"


def test_pictures_are_shown_as_they_are_under_their_names():
    fig = show_pictures({"a": noise(8, 12), "grey": noise(4, 4)[:1]}, alt="Two pictures of noise.")
    assert [ax.get_title() for ax in fig.axes] == ["a", "grey"]
    np.testing.assert_array_equal(fig.axes[0].images[0].get_array()[..., 2], noise(8, 12)[2])


def test_nothing_hidden_is_said_and_not_measured():
    shown = one(ratio=0.0)
    assert "nothing to measure" in metrics_line(shown)
    assert show_comparison({"all": shown}).axes[-1].get_xlabel() == "nothing hidden"


def test_norm_pix_panel_says_that_it_leaks():
    fig = show_reconstruction(one(norm_pix_loss=True))
    assert "leak" in fig.axes[PANELS.index("output")].get_title()
    assert "skill" not in metrics_line(one(norm_pix_loss=True))
    assert "(units of normalised patches)" in metrics_line(one(norm_pix_loss=True))


@pytest.mark.parametrize("log_steps", [False, True])
def test_history_draws_what_was_measured_where_it_was(log_steps):
    fig = show_history(HISTORY, log_steps)
    (ax,) = fig.axes
    training, validation = ax.lines
    np.testing.assert_array_equal(training.get_xydata(), [[10, 2.5], [20, 1.5], [30, 1.25], [40, 1.0]])
    np.testing.assert_array_equal(validation.get_xydata(), [[20, 1.75], [40, 1.125]], "rows without one are left out")
    assert ax.get_xscale() == ("log" if log_steps else "linear")
    assert "2.500 at step 10 to 1.000 at 40; validation from 1.750 at step 20 to 1.125 at 40" in fig.alt


def test_history_without_validation_has_one_line_and_without_rows_none():
    assert len(show_history(load_history("mae-lite-nano")).axes[0].lines) == 2
    assert len(show_history([row | {"val_loss": None} for row in HISTORY]).axes[0].lines) == 1
    with pytest.raises(ValueError, match="no rows"):
        show_history([])


def test_a_figure_loads_the_method_and_what_it_draws_and_nothing_else():
    method = {"config", "images", "patches", "masking", "layers", "encoder", "decoder", "loss", "mae"}
    measured = {"measure", "measure.baselines", "measure.quality", "measure.reconstruct"}
    shown = {"show", "show.figures", "show.style"}
    assert method | measured | shown == loaded_by("show.figures") - {"show.flipbook", "show.html"}


def test_pyplot_is_never_imported():
    code = "import sys, mae_lite.show.figures, mae_lite.widgets; print('matplotlib.pyplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
