from dataclasses import replace

import pytest
import torch
from torch import nn

from mae_course.studies import design
from mae_course.studies.conv_blocks import ConvBlock
from mae_course.studies.design import PARAMETERS, PLAN, DesignNet, DesignScore, bundled_images, fit_width, score_design
from mae_course.studies.fillers import count_parameters

SHORT = replace(PLAN, epochs=6, warmup_epochs=1.0)


class Halves(nn.Module):
    """A small block whose effect one can follow: half of x where visible, nothing where hidden."""

    def __init__(self, width):
        super().__init__()
        self.share = nn.Parameter(torch.full((width, 1, 1), 0.5))

    def forward(self, x, hidden):
        return x * self.share * (1 - hidden)


def test_no_design_sees_the_answer():
    torch.manual_seed(0)
    net = DesignNet(ConvBlock, 8)
    x, hidden = torch.randn(2, 3, 16, 24), torch.zeros(2, 1, 16, 24, dtype=torch.bool)
    hidden[:, :, :8] = True
    other = torch.where(hidden, torch.randn(2, 3, 16, 24), x)
    assert torch.equal(net(x, hidden), net(other, hidden))
    assert not torch.equal(net(x, hidden), net(torch.where(hidden, x, 0), hidden))


def test_a_block_gets_features_and_hidden_cells():
    net, x, hidden = DesignNet(Halves, 4), torch.randn(1, 3, 8, 12), torch.zeros(1, 1, 8, 12, dtype=torch.bool)
    hidden[:, :, :4, :4] = True
    painted = net(x, hidden)
    assert painted.shape == x.shape
    bias = nn.functional.pixel_shuffle(net.head(torch.zeros(1, 4, 1, 1)), 4)
    torch.testing.assert_close(painted[:, :, :4, :4], bias), "three times nothing"
    features = net.stem(x)[:, :, 1, 2] / 8
    expected = nn.functional.pixel_shuffle(net.head(features[..., None, None]), 4)
    torch.testing.assert_close(painted[:, :, 4:, 8:], expected)


def test_width_is_the_multiple_of_four_nearest_to_the_parameters():
    width = fit_width(ConvBlock)
    sizes = {w: abs(count_parameters(DesignNet(ConvBlock, w)) - PARAMETERS) for w in range(4, 65, 4)}
    assert width == min(sizes, key=sizes.get)
    assert fit_width(ConvBlock, 2 * PARAMETERS) > width


def test_a_design_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="With 4 channels this design has .* and 20,000 are allowed; make it smaller"):
        fit_width(lambda width: nn.Conv2d(width, 20_000, 1))


def test_photos_to_measure_on_are_not_trained_on():
    train, test, film = bundled_images()
    assert (len(train), len(test)) == (15, 32)
    assert train.dtype == test.dtype == torch.uint8
    assert 0 < film < 1
    colours = train.float().mean(dim=(2, 3))
    assert len(colours.unique(dim=0)) == 15, "fifteen different photos"


def test_the_race_can_be_run_again_and_leaves_the_readers_random_state_alone():
    state = torch.get_rng_state()
    first = score_design(ConvBlock, SHORT)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.errors == first.plain, "plain convolution against itself"
    assert first.errors[0] != first.errors[1]
    assert first.verdict == "too close to call with two seeds"
    with torch.no_grad():
        assert score_design(Halves, SHORT).plain == first.plain, "gradients are on while it trains"


def test_the_verdict_is_by_seeds():
    def verdict(errors, plain):
        return DesignScore(errors, plain, 0.5, 20_000, 1.0).verdict

    assert verdict((0.40, 0.41), (0.50, 0.51)) == "it wins"
    assert verdict((0.60, 0.61), (0.50, 0.51)) == "it loses"
    assert verdict((0.40, 0.60), (0.50, 0.51)).startswith("too close")
    text = str(DesignScore((0.4, 0.41), (0.5, 0.51), 0.45, 20_123, 2.4))
    assert text == "errors 0.400, 0.410; plain 0.500, 0.510; soap film 0.450; 20,123 weights, 2 s: it wins."


def test_a_loss_that_is_not_finite_is_said():
    class Nan(Halves):
        def forward(self, x, hidden):
            return super().forward(x, hidden) / 0

    with pytest.raises(ValueError, match="The loss is not finite"):
        score_design(Nan, SHORT)


def test_the_default_takes_seconds():
    steps = design.PLAN.epochs * (len(bundled_images()[0]) // design.PLAN.batch_size)
    assert steps <= 100
    assert len(design.SEEDS) >= 2
