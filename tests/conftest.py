"""Small models that several test files use, and a switch for the shape checks."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the same tests on every machine: CPU tensors meet CPU models

import jaxtyping
import pytest
import torch

from mae_lite.config import MAEConfig
from mae_lite.mae import MAE

SMALL = {
    "img_size": (16, 24), "patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 3,
    "decoder_embed_dim": 16, "decoder_depth": 1, "decoder_num_heads": 2,
}  # fmt: skip


@pytest.fixture
def small_config():
    """A function: the smallest sensible config (16x24 pixels, 4x6 patches), with changes."""

    def build(**changes) -> MAEConfig:
        channels = changes.get("in_chans", 3)
        statistics = {} if channels == 3 else {"mean": (0.5,) * channels, "std": (0.25,) * channels}
        return MAEConfig(**(SMALL | statistics | changes))

    return build


@pytest.fixture
def small_model(small_config):
    """A function: a model of that config with weights fixed by seed 0."""

    def build(**changes) -> MAE:
        torch.manual_seed(0)
        return MAE(small_config(**changes))

    return build


@pytest.fixture
def unchecked():
    """Calls run as a user's do, without jaxtyping: for what the package itself must say about a wrong shape."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
