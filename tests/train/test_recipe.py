"""Settings are checked one by one; the schedules and the groups of weights, by hand."""

import math

import pytest
import torch

from mae_lite.train.recipe import FinetuneConfig, PretrainConfig, adamw, learning_rate, make_optimizers


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"optimizer": "sgd"}, 'optimizer is "sgd"'),
        ({"augmentation": "blur"}, 'augmentation is "blur"; use one of crop, fixed, colour, none'),
        ({"mask_strategy": "stars"}, 'mask_strategy is "stars"; use one of random, block, grid'),
        ({"precision": "fp16"}, 'precision is "fp16"; use one of auto, fp32, bf16'),
        ({"batch_size": 6, "accum": 4}, "accum is 4; it must divide batch_size 6"),
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"log_every": 0}, "log_every is 0; it must be at least 1"),
        ({"clip_grad": -1.0}, "clip_grad is -1.0; it must be at least 0"),
        ({"min_scale": 2.0}, "min_scale is 2.0; it must be above 0 and at most 1"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0; it must be at least 0 and below 1"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1; it must be at least 0"),
        ({"blr": math.nan}, "blr is nan"),
        ({"warmup_epochs": -1.0}, "warmup_epochs is -1.0; it must be from 0 to the 400 epochs"),
    ],
)
def test_settings_of_pretraining_that_cannot_work(changes, part):
    with pytest.raises(ValueError, match=part):
        PretrainConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"pool": "max"}, 'use "mean" or "cls"'),
        ({"precision": "fp16"}, "use one of auto, fp32, bf16"),
        ({"batch_size": 7}, "batch_size is 7; it must be even"),
        ({"blr": 1.5}, "blr is 1.5; it must be above 0 and at most 1"),
        ({"layer_decay": 0.0}, "layer_decay is 0.0"),
        ({"drop_path": 1.0}, "drop_path is 1.0"),
        ({"mixup": -1.0}, "mixup is -1.0"),
        ({"warmup_epochs": 30.0}, "from 0 to the 20 epochs"),
    ],
)
def test_settings_of_finetuning_that_cannot_work(changes, part):
    with pytest.raises(ValueError, match=part):
        FinetuneConfig(**changes)


def test_warmup_takes_the_papers_share():
    assert (PretrainConfig(epochs=800).warmup, FinetuneConfig(epochs=50).warmup) == (40, 5)
    assert FinetuneConfig(epochs=50, warmup_epochs=0.0).warmup == 0


@pytest.mark.parametrize(
    ("step", "share"),
    [(0, 1 / 20), (9, 10 / 20), (19, 1), (20, 1), (60, 0.5), (40, (1 + math.cos(math.pi / 4)) / 2), (99, 0.000385)],
)
def test_learning_rate_by_hand(step, share):
    cfg = PretrainConfig(epochs=10, batch_size=512, blr=1e-3, warmup_epochs=2.0)
    assert cfg.lr == 2e-3, "blr x batch_size / 256"
    assert learning_rate(step, cfg, steps_per_epoch=10) == pytest.approx(2e-3 * share, rel=1e-2)


def test_learning_rate_without_warmup():
    cfg = PretrainConfig(epochs=2, batch_size=256, blr=1.0, warmup_epochs=0.0)
    assert [learning_rate(s, cfg, 2) for s in range(4)] == pytest.approx([1, 0.853553, 0.5, 0.146447], rel=1e-5)


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0), (9, 9 / 20), (19, 19 / 20), (20, (1 + math.cos(math.pi / 5)) / 2), (50, 0.5)]
)
def test_learning_rate_of_finetuning_by_hand(step, share):
    """The cosine is over all steps, and the warm-up in place of its beginning."""
    cfg = FinetuneConfig(epochs=10, batch_size=512, blr=1e-3, warmup_epochs=2.0)
    assert learning_rate(step, cfg, steps_per_epoch=10) == pytest.approx(2e-3 * share)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_each_parameter_is_in_one_group_with_its_decay(small_model, optimizer):
    model = small_model()
    optimizers = make_optimizers(model, PretrainConfig(optimizer=optimizer))
    names = {id(p): name for name, p in model.named_parameters()}
    groups = [(g["weight_decay"], [names[id(p)] for p in g["params"]]) for o in optimizers for g in o.param_groups]
    listed = [name for _, group in groups for name in group]
    assert sorted(listed) == sorted(names.values()), "every parameter, once"
    decay = {name: d for d, group in groups for name in group}
    for name in listed:
        plain = name.endswith("bias") or ".norm" in name or "token" in name
        assert decay[name] == (0 if plain else 0.05), name
    if optimizer == "muon":
        by_muon = {names[id(p)] for p in optimizers[1].param_groups[0]["params"]}
        matrices = ("attn.qkv.weight", "attn.proj.weight", "mlp.fc1.weight", "mlp.fc2.weight")
        assert by_muon == {name for name in listed if "blocks." in name and name.endswith(matrices)}


@pytest.mark.parametrize(("cfg", "betas"), [(PretrainConfig(), (0.9, 0.95)), (FinetuneConfig(), (0.9, 0.999))])
def test_adamw_has_the_papers_moments_and_each_groups_decay(cfg, betas):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "weight_decay": decay} for decay in (0.05, 0.0)]
    found = [(g["lr"], g["betas"], g["weight_decay"]) for g in adamw(groups, cfg).param_groups]
    assert found == [(cfg.lr, betas, 0.05), (cfg.lr, betas, 0.0)]
