import torch

from mae_course.figures.words_to_pixels import show_clues, show_redundancy
from mae_course.studies.redundancy import Curve


def curve(name, *scores, spread=0.0):
    return Curve(name, [0.1, 0.5, 0.9], list(scores), [spread] * 3)


def test_redundancy_draws_each_curve_where_its_numbers_are():
    words, pixels = [curve("neighbours", 0.3, 0.2, 0.0, spread=0.05)], [curve("film", 0.9, 0.8, 0.3)]
    fig = show_redundancy(words, pixels)
    (ax,) = fig.axes
    lines = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert list(lines) == ["pixels: film", "words: neighbours"]
    assert lines["words: neighbours"].get_ydata().tolist() == [0.3, 0.2, 0.0]
    assert lines["words: neighbours"].get_linestyle() != "None"
    band = ax.collections[1].get_paths()[0].vertices
    assert band[:, 1].max() == 0.35
    assert "words: neighbours from 0.30 at 10% to 0.00 at 90%" in fig.alt
    assert ax.get_ylim()[1] == 1


def test_a_score_below_the_trivial_guess_is_not_cut_off():
    fig = show_redundancy([curve("worse", 0.1, 0.0, -0.2)], [curve("film", 0.9, 0.8, 0.3)])
    assert fig.axes[0].get_ylim()[0] < -0.2


def test_kinds_differ_by_colour_and_ways_by_dash_and_marker():
    fig = show_redundancy([curve(n, 0.1, 0.1, 0.1) for n in "abc"], [curve(n, 0.5, 0.5, 0.5) for n in "abc"])
    lines = [line for line in fig.axes[0].lines if not line.get_label().startswith("_")]
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}) == 6
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 3


def test_clues_are_dots_at_row_and_column():
    table = torch.tensor([[0, 0, 0], [1, 0, 1], [0, 0, 0]]).bool()
    fig = show_clues({"masked": table}, ["one", "two", "three"])
    dots = fig.axes[0].lines[0]
    assert list(zip(dots.get_xdata().tolist(), dots.get_ydata().tolist(), strict=True)) == [(0, 1), (2, 1)]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["one", "two", "three"]
    assert "masked: two from one three" in fig.alt
