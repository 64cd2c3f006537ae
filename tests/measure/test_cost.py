"""The formula counts what torch counts; what is measured is what was asked for."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mae_lite.config import PRESETS
from mae_lite.encoder import MAEEncoder
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.measure import cost
from mae_lite.measure.cost import count_flops, format_speeds, measure_speed, median_seconds


@pytest.mark.parametrize("mask_ratio", [0.0, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("changes", [{}, {"depth": 3, "mlp_ratio": 2.0}, {"decoder_depth": 2, "in_chans": 1}])
def test_formula_equals_torch_s_own_count(small_config, mask_ratio, changes):
    cfg = small_config(**changes)
    model = MAE(cfg)
    imgs = torch.zeros(1, cfg.in_chans, *cfg.img_size)
    with FlopCounterMode(display=False) as counted, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        model(imgs, random_mask(cfg.num_patches, mask_ratio))
    assert count_flops(cfg, mask_ratio).total == counted.get_total_flops()


def test_mask_tokens_in_the_encoder_cost_what_a_full_image_costs(small_config):
    cfg = small_config()
    with FlopCounterMode(display=False) as counted, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        MAEEncoder(cfg)(torch.zeros(1, 3, *cfg.img_size))
    assert count_flops(cfg, 0.75, mask_tokens_in_encoder=True).encoder == counted.get_total_flops()


def test_the_paper_s_speed_up():
    """Table 1c: ViT-L with an 8-block decoder takes 3.3 times the operations when the encoder gets mask tokens."""
    cfg = PRESETS["large"]
    with_tokens, without = count_flops(cfg, mask_tokens_in_encoder=True), count_flops(cfg)
    assert with_tokens.total / without.total == pytest.approx(3.3, abs=0.15)


def test_the_first_call_is_not_measured(monkeypatch):
    now, takes = [0.0], iter([8.0, 1.0, 2.0, 3.0])

    def call():
        now[0] += next(takes)

    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    assert median_seconds(call, torch.device("cpu")) == 2.0


def test_measured_row(small_config):
    cfg = small_config()
    row = measure_speed("small", cfg, batch_size=3, device="cpu", seconds=0.05)
    assert row.params == sum(p.numel() for p in MAE(cfg).parameters())
    assert row.batch_size == 3
    assert row.images_per_second > 1
    text = format_speeds([row])
    assert "small" in text
    assert f"{row.params:,}" in text
