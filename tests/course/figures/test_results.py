"""Figures of results draw the numbers they are given, say them in words, and live with missing records."""

import pytest

from helpers.html import Images
from helpers.records import records
from mae_course.figures.results import show_arms_plot, show_curves, show_progress, show_robustness, show_seed_noise
from mae_course.paper.tables import load_table


def drawn(ax):
    return {line.get_label(): list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in ax.lines}


def test_curves_of_paper_and_ours():
    fig = show_curves("mask ratio", records(0.4))
    paper, ours, pixels = fig.axes
    assert drawn(paper)["linear probe"][0] == (10, 54.6)
    assert drawn(paper)["fine-tuned"][-1] == (90, 83.0)
    assert drawn(ours)["linear probe"] == [(10, pytest.approx(40)), (75, pytest.approx(50))]
    assert not pixels.lines
    assert pixels.texts[0].get_text() == "no records yet"
    assert "linear probe 40.0 at 10, 50.0 at 75" in fig.alt
    (band,) = ours.patches
    assert (band.get_y(), band.get_height()) == (pytest.approx(48), pytest.approx(4)), "two deviations of one point"


def test_equal_factors_of_the_schedule_are_equally_far_apart():
    fig = show_curves("schedule", [])
    assert fig.axes[0].get_xscale() == "log"
    assert [tick.get_text() for tick in fig.axes[0].get_xticklabels()] == ["100", "200", "400", "800", "1600"]
    assert "was not run" in fig.alt


def test_only_groups_with_numbers_have_a_curve():
    with pytest.raises(
        ValueError, match='"target" is no group with numbers .* mask ratio, decoder depth, decoder width'
    ):
        show_curves("target", [])


def test_every_arm_is_a_dot_in_its_own_row():
    fig = show_arms_plot(records(0.4, control_random={"linear": 0.3}))
    paper, ours = fig.axes
    names = [tick.get_text() for tick in paper.get_yticklabels()]
    rows = dict(zip(paper.get_yticks(), names, strict=True))
    ours = {rows[y]: x for x, y in drawn(ours)["linear probe"]}
    assert ours == {"ratio-10": pytest.approx(-10), "control-random": pytest.approx(-20)}
    assert {rows[y]: x for x, y in drawn(paper)["linear probe"]}["mask-block-75"] == pytest.approx(-9.6)
    assert len(set(rows)) == len(names)
    assert "ratio-10 -10.0" in fig.alt


def test_robustness_turns_errors_round():
    lines = drawn(show_robustness(load_table("Table 13")).axes[0])
    assert lines["IN-Corruption"][0][1] == pytest.approx(45.8 - 51.7), "an error: lower is better"
    assert lines["IN-Sketch"][2][1] == pytest.approx(49.6 - 38.0)


def test_seed_noise_shows_the_middle_of_what_was_measured():
    gaps = {1: [k / 100 for k in range(1000)], 4: [5.0] * 1000}
    fig = show_seed_noise(gaps, 0.5, {1: [0.0] * 1000, 4: [0.0] * 1000})
    assert "1 seeds +0.25 to +9.74, 4 seeds +5.00 to +5.00" in fig.alt


def test_progress_says_from_which_step_on_it_is_better():
    fig = show_progress([0, 1, 10, 1000], [2.0, 1.5, 0.9, 0.4], {"a colour": 1.0, "an oracle": 0.1})
    assert "a colour (1.00) from step 10; an oracle (0.10) never" in fig.alt
    with pytest.raises(ValueError, match="2 steps and 1 errors"):
        show_progress([0, 1], [1.0], {})


@pytest.mark.parametrize("fig", [show_curves("decoder width", []), show_arms_plot([]), show_arms_plot(records(0.4))])
def test_a_notebook_gets_a_picture_with_words(fig):
    (img,) = Images(fig.to_html()).found
    assert len(img["alt"]) > 100
