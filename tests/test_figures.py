"""Figures say in words what they show, need no pyplot, and are not blank."""

import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from mae_lite.config import MAEConfig
from mae_lite.figures import LINES, img_html, metrics_line, show_comparison, show_errors, show_reconstruction
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask
from mae_lite.reconstruction import PANELS, reconstruct

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


def pixels(fig):
    file = io.BytesIO()
    fig.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


class Images(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append(dict(attrs))


FIGURES = {
    "reconstruction": lambda: show_reconstruction(one()),
    "comparison": lambda: show_comparison({name: one(strategy=name) for name in ("random", "block", "grid")}),
    "errors": lambda: show_errors(RATIOS, {"model": [0.1, 0.2, 0.3], "fill": [0.1, 0.3, 0.5]}, trained_at=0.75),
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


def test_pyplot_is_never_imported():
    code = "import sys, mae_lite.figures, mae_lite.widgets; print('matplotlib.pyplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
