"""Figures say in words what they show, need no pyplot, and are not blank."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers.html import Images, pixels
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask
from mae_lite.measure.reconstruct import PANELS, reconstruct
from mae_lite.measure.sweeps import guess, predict_unseen, ten_guesses
from mae_lite.show.figures import (
    LINES,
    metrics_line,
    show_comparison,
    show_errors,
    show_film,
    show_guesses,
    show_history,
    show_reconstruction,
    show_unseen,
)
from mae_lite.show.film import load_film, load_history
from mae_lite.show.flipbook import img_html

SMALL = {
    "patch_size": 8, "embed_dim": 32, "depth": 1, "num_heads": 2,
    "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2,
}  # fmt: skip
RATIOS = [0.25, 0.5, 0.75]


def one(ratio=0.75, strategy="random", **config):
    torch.manual_seed(0)
    cfg = MAEConfig(img_size=(32, 48), **SMALL, **config)
    image = torch.rand(1, cfg.in_chans, 32, 48) - 0.5
    return reconstruct(MAE(cfg).eval(), image, draw_mask(strategy, cfg.grid_size, ratio))


def small_guesses(of=ten_guesses, **options):
    torch.manual_seed(0)
    model = MAE(MAEConfig(img_size=(32, 48), **SMALL)).eval()
    return of(model, torch.rand(1, 3, 32, 48) - 0.5, **options)


HISTORY = [
    {"step": 10.0, "loss": 2.5, "val_loss": None},
    {"step": 20.0, "loss": 1.5, "val_loss": 1.75},
    {"step": 30.0, "loss": 1.25, "val_loss": None},
    {"step": 40.0, "loss": 1.0, "val_loss": 1.125},
]


FIGURES = {
    "reconstruction": lambda: show_reconstruction(one()),
    "comparison": lambda: show_comparison({name: one(strategy=name) for name in ("random", "block", "grid")}),
    "errors": lambda: show_errors(RATIOS, {"model": [0.1, 0.2, 0.3], "fill": [0.1, 0.3, 0.5]}, trained_at=0.75),
    "history": lambda: show_history(HISTORY),
    "guesses": lambda: show_guesses(small_guesses()),
    "unseen": lambda: show_unseen(small_guesses(predict_unseen)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_gets_one_image_with_alt_and_it_is_not_blank(name):
    fig = FIGURES[name]()
    bundle = fig._repr_mimebundle_()
    (img,) = Images(bundle["text/html"]).found
    assert img["alt"] == fig.alt == bundle["text/plain"]
    assert len(fig.alt) > 40
    assert re.match(r"data:image/(png|jpeg);base64,", img["src"])
    assert len(np.unique(pixels(fig).reshape(-1, 3), axis=0)) > 50, "the picture is blank"


def test_alt_text_survives_html():
    text = 'error < 0.5 & "quoted"'
    (img,) = Images(img_html(b"x", text)).found
    assert img["alt"] == text


@pytest.mark.parametrize("panels", [PANELS, ("masked", "pasted"), ("error",)])
def test_reconstruction_shows_the_panels_asked_for(panels):
    shown = one()
    fig = show_reconstruction(shown, panels)
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


def test_comparison_of_nothing_is_refused():
    for show, nothing in ((show_comparison, {}), (show_reconstruction, [])):
        with pytest.raises(ValueError, match="at least one"):
            show(nothing)


def test_nothing_hidden_is_said_and_not_measured():
    shown = one(ratio=0.0)
    assert "nothing to measure" in metrics_line(shown)
    assert show_comparison({"all": shown}).axes[-1].get_xlabel() == "nothing hidden"


def test_norm_pix_panel_says_that_it_leaks():
    fig = show_reconstruction(one(norm_pix_loss=True))
    assert "leak" in fig.axes[PANELS.index("output")].get_title()
    assert "skill" not in metrics_line(one(norm_pix_loss=True))


def test_lines_differ_in_more_than_colour_and_are_named():
    errors = {f"line {k}": [k + 0.1, k + 0.2, k + 0.3] for k in range(len(LINES))}
    ax = show_errors(RATIOS, errors, trained_at=0.75).axes[0]
    drawn = ax.lines[: len(LINES)]
    assert len({line.get_marker() for line in drawn}) == len({line.get_linestyle() for line in drawn}) == len(LINES)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(errors)
    np.testing.assert_allclose(drawn[2].get_ydata(), errors["line 2"])


@pytest.mark.parametrize("errors", [{"model": [0.1, 0.2]}, {f"line {k}": [0.0] * 3 for k in range(len(LINES) + 1)}])
def test_errors_that_do_not_fit_are_refused_with_numbers(errors):
    with pytest.raises(ValueError, match=f"1 to {len(LINES)} lines with 3 errors"):
        show_errors(RATIOS, errors)


def test_alt_of_errors_has_both_ends():
    alt = show_errors(RATIOS, {"model": [0.125, 0.2, 0.375]}).alt
    assert "25% to 75%" in alt
    assert "model from 0.125 to 0.375" in alt


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


def test_map_has_each_value_in_its_place_and_grey_where_there_is_none():
    found = small_guesses(guess, masks=draw_mask("random", (4, 6), 0.5, batch_size=2, seed=3))
    fig = show_guesses(found)
    values = fig.axes[3].images[0].get_array()
    assert values.shape == (4, 6), "patches down and across"
    expected = found.spread.reshape(4, 6).numpy()
    np.testing.assert_array_equal(np.ma.getmaskarray(values), np.isnan(expected))
    np.testing.assert_array_equal(values.filled(np.nan), expected)
    assert 0 < np.isnan(expected).sum() < 24
    assert f"{(found.times == 0).sum()} of 24 patches are in no mask" in fig.alt


def test_pyplot_is_never_imported():
    code = "import sys, mae_lite.show.figures, mae_lite.widgets; print('matplotlib.pyplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
