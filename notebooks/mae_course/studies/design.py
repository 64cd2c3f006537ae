"""A race of seconds for a block of your own: the same task on the bundled photos, beside plain convolution.

The block stands in a small network that is the same for all: cells of 4 x 4 pixels, three blocks, a head that paints.
Hidden pixels are set to 0 before the block sees anything, so no design can look at the answer.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from statistics import mean
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from mae_course.studies.conv_blocks import ConvBlock
from mae_course.studies.fillers import CELL, count_parameters
from mae_course.studies.indicator_answers import pooled_deviation, weigh
from mae_course.studies.indicators import TASK, harmonic_error, score, train_filler
from mae_lite.train.augment import augment
from mae_lite.train.data import ImageSource, load_images
from mae_lite.train.recipe import PretrainConfig
from mae_lite.weights.assets import list_photos

PARAMETERS = 20_000
BLOCKS = 3
PLAN = PretrainConfig(epochs=100, batch_size=15, blr=0.136, warmup_epochs=10.0, precision="fp32")
"""An epoch is one step: 15 photos, cropped anew."""
SEEDS = (0, 1)


class DesignNet(nn.Module):
    """Paints hidden patches with three blocks of a design.

    Args:
        block: makes a block for a number of channels. A block takes the features (b, d, h, w) and the hidden cells
            (b, 1, h, w), 1 for hidden and 0 for visible, and gives features of the same shape.
        width: channels.
    """

    def __init__(self, block: Callable[[int], nn.Module], width: int):
        super().__init__()
        self.stem = nn.Conv2d(3, width, CELL, stride=CELL)
        self.blocks = nn.ModuleList(block(width) for _ in range(BLOCKS))
        self.head = nn.Conv2d(width, 3 * CELL * CELL, 1)

    def forward(self, imgs: Float[Tensor, "b 3 h w"], hidden: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Paint whole images; only the hidden pixels are asked for."""
        x, cells = self.stem(imgs.masked_fill(hidden, 0)), hidden[:, :, ::CELL, ::CELL].to(imgs.dtype)
        for block in self.blocks:
            x = block(x, cells)
        return F.pixel_shuffle(self.head(x), CELL)


class DesignScore(NamedTuple):
    """What a design reached, and plain convolution on the same photos, masks and budget; prints as a sentence."""

    errors: tuple[float, ...]
    """On hidden patches of photos not trained on, one a seed."""
    plain: tuple[float, ...]
    film: float
    """The error of the soap film."""
    parameters: int
    seconds: float
    """To train it once."""

    @property
    def verdict(self) -> str:
        """Whether it beats plain convolution, by more than seeds differ."""
        found = weigh(self.errors, self.plain, pooled_deviation((self.errors, self.plain)))
        return {-1: "it wins", 1: "it loses", 0: "too close to call with two seeds"}[found]

    def __str__(self) -> str:
        own, plain = (", ".join(f"{e:.3f}" for e in errors) for errors in (self.errors, self.plain))
        return (
            f"errors {own}; plain {plain}; soap film {self.film:.3f}; {self.parameters:,} weights, "
            f"{self.seconds:.0f} s: {self.verdict}."
        )


def fit_width(block: Callable[[int], nn.Module], parameters: int = PARAMETERS) -> int:
    """The width, a multiple of 4, with which the network comes nearest to a number of parameters.

    Raises:
        ValueError: if even the narrowest has twice as many.
    """
    sizes = {width: count_parameters(DesignNet(block, width)) for width in (4, 8)}
    if sizes[4] > 2 * parameters:
        raise ValueError(
            f"With 4 channels this design has {sizes[4]:,} parameters, and {parameters:,} are allowed; make it smaller."
        )
    while sizes[max(sizes)] < parameters and max(sizes) < 128:
        sizes[max(sizes) + 4] = count_parameters(DesignNet(block, max(sizes) + 4))
    return min(sizes, key=lambda width: abs(sizes[width] - parameters))


@cache
def bundled_images() -> tuple[UInt8[Tensor, "n 3 s s"], UInt8[Tensor, "m 3 h w"], float]:
    """Photos to train on, crops of four others to measure on, and the soap film's error on these."""
    photos, _, _ = load_images(ImageSource(list_photos()), (TASK.img_size[0] * 10 // 7,) * 2)
    held_out = photos[2::5].repeat_interleave(8, dim=0)
    test = augment(held_out, TASK.img_size, torch.Generator().manual_seed(0))
    train = photos[[k for k in range(len(photos)) if k % 5 != 2]]
    return train, test, harmonic_error(test)


def score_design(block: Callable[[int], nn.Module], plan: PretrainConfig = PLAN) -> DesignScore:
    """Train a design with each seed, beside plain convolution; some seconds.

    Args:
        block: see `DesignNet`.
        plan: how; the default is the one that scores are compared under.

    Raises:
        ValueError: if it is too large, or its features have another shape.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():  # the reader's random numbers stay as they were
        width = fit_width(block)
        parameters, started = count_parameters(DesignNet(block, width)), time.perf_counter()
        errors = tuple(_error(block, width, replace(plan, seed=seed)) for seed in SEEDS)
        seconds = (time.perf_counter() - started) / len(SEEDS)
        return DesignScore(errors, _plain_errors(plan), bundled_images()[2], parameters, seconds)


@cache
def _plain_errors(plan: PretrainConfig) -> tuple[float, ...]:
    return tuple(_error(ConvBlock, fit_width(ConvBlock), replace(plan, seed=seed)) for seed in SEEDS)


def _error(block: Callable[[int], nn.Module], width: int, plan: PretrainConfig) -> float:
    train, test, film = bundled_images()
    torch.manual_seed(plan.seed)
    model = DesignNet(block, width)
    losses = [record["loss"] for record in train_filler(model, train, plan)]
    if not mean(losses[-5:]) < float("inf"):
        raise ValueError("The loss is not finite; a division by 0, or steps too large for this design.")
    return score(model.eval(), test, film)["mse"]
