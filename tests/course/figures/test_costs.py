"""Figures of cost show the numbers they are given."""

import json
from dataclasses import replace

import pytest

from mae_course.figures.costs import SWEEPS, show_scaling, show_times
from mae_lite.config import PRESETS
from mae_lite.measure.cost import count_flops
from mae_lite.weights.assets import asset_path


def test_times_are_the_lines_and_the_words():
    fig = show_times((0.0, 0.5, 0.9), {"formula": (40.0, 20.0, 4.0), "measured": (41.4, 22.0, 6.0)}, title="an encoder")
    (ax,) = fig.axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[40, 20, 4], [41.4, 22, 6]]
    assert ax.get_title() == "an encoder"
    assert "from 0% to 90%: formula from 40 to 4; measured from 41 to 6" in fig.alt
    assert not any(character == "." for character in fig.alt[:-1]), "times differ from run to run: no decimals in words"


@pytest.mark.parametrize("times", [{}, {"short": (1.0, 2.0)}, {str(k): (1.0, 2.0, 3.0) for k in range(5)}])
def test_times_that_do_not_fit_are_refused(times):
    with pytest.raises(ValueError, match="one for each mask ratio"):
        show_times((0.0, 0.5, 0.9), times)


BIG = replace(PRESETS["base"], img_size=(448, 448))
ROWS = {
    f"{sweep} {value}, {part}": {
        "value": value, "median_ms": value * cost, "low_ms": value * cost - 1, "high_ms": value * cost + 2,
        "formula_ms": value * cost * 0.9,
    }
    for sweep in SWEEPS for value in (8, 4, 16) for part, cost in (("encoder", 2), ("whole model", 3))
}  # fmt: skip


def test_scaling_has_a_panel_a_sweep_with_measured_points_and_the_formula():
    fig = show_scaling({"rows": ROWS, "machine": "an abacus", "torch": "9", "date": "1642-01-01"})
    assert [ax.get_xlabel() for ax in fig.axes] == list(SWEEPS.values())
    for ax in fig.axes:
        lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
        assert ([4, 8, 16], [12, 24, 48]) in lines, "measured, whole model, in order of the size"
        assert ([4, 8, 16], pytest.approx([7.2, 14.4, 28.8])) in lines, "the formula of the encoder"
    assert "an abacus, torch 9, 1642-01-01" in fig.get_supxlabel()
    assert "encoder, image size 4 to 16: 8 to 32" in fig.alt


def test_the_words_of_notebook_04_fit_the_record():
    rows = json.loads((asset_path("results") / "bench-scaling.json").read_text())["rows"]
    spent = {
        part: rows[f"mask ratio 0.95, {part}"]["median_ms"] / rows[f"mask ratio 0.0, {part}"]["median_ms"]
        for part in ("encoder", "whole model")
    }
    assert spent == {"encoder": pytest.approx(0.2, abs=0.03), "whole model": pytest.approx(0.4, abs=0.03)}
    sides = (112, 224, 448)
    for part in ("encoder", "whole model"):
        small, middle, large = (rows[f"image size {side}, {part}"]["median_ms"] for side in sides)
        assert middle / small < large / middle < 4 < count_flops(BIG).total / count_flops(PRESETS["base"]).total
