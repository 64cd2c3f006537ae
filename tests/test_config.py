import json
from dataclasses import FrozenInstanceError, asdict

import pytest

from mae_lite.config import PRESETS, MAEConfig


def test_derived_sizes_of_a_rectangle(small_config):
    cfg = small_config(img_size=(12, 20), patch_size=4, in_chans=5)
    assert cfg.grid_size == (3, 5), "grid_size is (down, across), as img_size is (height, width)"
    assert cfg.num_patches == 15
    assert cfg.patch_dim == 4 * 4 * 5


@pytest.mark.parametrize(
    ("name", "grid", "patch_dim"),
    [("nano", (14, 14), 192), ("tiny", (14, 14), 768), ("base", (14, 14), 768), ("huge", (16, 16), 588)],
)
def test_presets(name, grid, patch_dim):
    assert (PRESETS[name].grid_size, PRESETS[name].patch_dim) == (grid, patch_dim)


def test_survives_json_and_stays_hashable(unchecked):
    cfg = PRESETS["nano"]
    again = MAEConfig(**json.loads(json.dumps(asdict(cfg))))
    assert again == cfg
    assert hash(again) == hash(cfg), "lists from JSON must become tuples"


def test_is_frozen():
    with pytest.raises(FrozenInstanceError):
        PRESETS["nano"].patch_size = 4


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({"img_size": (30, 32), "patch_size": 4}, ["30x32", "4"]),
        ({"img_size": (32, 30), "patch_size": 4}, ["32x30", "4"]),
        ({"img_size": (0, 32), "patch_size": 4}, ["0x32"]),
        ({"patch_size": 0}, ["patch_size 0"]),
        ({"embed_dim": 30, "num_heads": 3}, ["embed_dim 30", "multiple of 4"]),
        ({"embed_dim": 24, "num_heads": 5}, ["embed_dim 24", "num_heads 5"]),
        ({"decoder_embed_dim": 20, "decoder_num_heads": 3}, ["decoder_embed_dim 20", "decoder_num_heads 3"]),
        ({"in_chans": 1, "mean": (0.5,), "std": (0.5, 0.5)}, ["1 values", "1 and 2"]),
    ],
)
def test_sizes_that_do_not_fit_say_their_numbers(small_config, changes, numbers):
    with pytest.raises(ValueError, match="must be|need") as caught:
        small_config(**changes)
    for number in numbers:
        assert number in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"depth": -1}, "depth is -1; it must be at least 0"),
        ({"in_chans": 0}, "in_chans is 0; it must be at least 1"),
        ({"decoder_embed_dim": 0}, "decoder_embed_dim is 0; it must be at least 4"),
        ({"mlp_ratio": 0.0}, "mlp_ratio is 0.0; it must be above 0"),
        ({"mask_ratio": 1.0}, "mask_ratio is 1.0; it must be at least 0 and below 1"),
    ],
)
def test_a_size_outside_its_limits_says_them(small_config, changes, part):
    with pytest.raises(ValueError, match=part):
        small_config(**changes)


def test_limits_hold_at_their_ends(small_config):
    assert small_config(depth=0, decoder_depth=0, mask_ratio=0.0).depth == 0
