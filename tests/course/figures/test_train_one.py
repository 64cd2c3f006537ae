"""The figure of the schedule: every step's rate, and in words."""

import numpy as np
import pytest

from helpers.html import Images
from mae_course.figures.train_one import show_schedule
from mae_lite.train.pretrain import PretrainConfig, learning_rate

PLAN = PretrainConfig(epochs=10, warmup_epochs=2.0, batch_size=64, blr=0.01)


def test_shows_the_rate_of_every_step():
    figure = show_schedule(PLAN, steps_per_epoch=7)
    (line, *_) = figure.axes[0].lines
    x, y = line.get_data()
    assert list(x) == list(range(1, 71)), "after how many steps"
    assert list(y) == [learning_rate(step, PLAN, 7) for step in range(70)]
    assert np.argmax(y) in (13, 14), "the peak is where the warm-up ends"


def test_peak_and_end_of_the_warm_up_are_marked():
    axes = show_schedule(PLAN, steps_per_epoch=7).axes[0]
    _, upright, level = axes.lines
    assert set(upright.get_xdata()) == {14}
    assert set(level.get_ydata()) == {PLAN.lr}
    assert "peak = 0.0025" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(("warmup", "said"), [(2.0, "over 14 steps"), (0.0, "over 0 steps")])
def test_says_it_in_words(warmup, said):
    plan = PretrainConfig(epochs=10, warmup_epochs=warmup)
    (image,) = Images(show_schedule(plan, 7).to_html()).found
    assert said in image["alt"]
    assert image["alt"].endswith("down to 0 at step 70.")
