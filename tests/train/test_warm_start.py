"""A warm start changes nothing until it is trained."""

from dataclasses import replace

import pytest
import torch

from mae_lite.cli.main import main
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.train.warm_start import warm_start
from mae_lite.weights.assets import asset_path
from mae_lite.weights.checkpoints import load_model, save_model

SIZES = ("patch_size", "embed_dim", "num_heads", "decoder_embed_dim", "decoder_num_heads")


@pytest.fixture
def source(small_config):
    torch.manual_seed(0)
    return MAE(small_config(depth=2, decoder_depth=1))


def predictions(model):
    generator = torch.Generator().manual_seed(1)
    imgs = torch.randn(2, model.cfg.in_chans, *model.cfg.img_size, generator=generator)
    return model(imgs, random_mask(model.num_patches, 0.5)).pred


@pytest.mark.parametrize("depths", [(2, 1), (3, 1), (2, 4), (5, 2)])
def test_the_prediction_is_the_source_s(source, depths):
    depth, decoder_depth = depths
    model = warm_start(source, replace(source.cfg, depth=depth, decoder_depth=decoder_depth))
    assert (len(model.encoder.blocks), len(model.decoder.blocks)) == depths
    torch.testing.assert_close(predictions(model), predictions(source), rtol=0, atol=0)


def test_new_blocks_learn(source):
    """The first step moves only the zero layers; from the second on every weight has a gradient."""
    model = warm_start(source, replace(source.cfg, depth=3, decoder_depth=2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        predictions(model).square().mean().backward()
        optimizer.step()
    for block in (model.encoder.blocks[-1], model.decoder.blocks[-1]):
        still = [name for name, p in block.named_parameters() if p.ndim == 2 and not p.grad.any()]
        assert not still, f"no gradient reaches {still}"


def test_the_source_is_left_alone(source):
    before = {key: value.clone() for key, value in source.state_dict().items()}
    model = warm_start(source, source.cfg)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1)
    assert all(torch.equal(value, before[key]) for key, value in source.state_dict().items())


def test_another_image_size_is_fine(source):
    height, width = source.cfg.img_size
    cfg = replace(source.cfg, img_size=(height * 2, width))
    assert predictions(warm_start(source, cfg)).shape[1] == cfg.num_patches


@pytest.mark.parametrize("changes", [{"embed_dim": 48}, {"depth": 1}, {"decoder_depth": 0}, {"mlp_ratio": 2.0}])
def test_other_sizes_are_refused(source, changes):
    with pytest.raises(ValueError, match="same sizes, or a deeper one"):
        warm_start(source, replace(source.cfg, **changes))


@pytest.mark.slow
def test_pretrain_starts_from_a_model(source, tmp_path, capsys):
    """At a rate of almost 0 the trained model is still the source, whatever the depth asked for."""
    save_model(source, tmp_path / "source")
    data = str(asset_path("photos"))
    options = ["--data", data, "--epochs=1", "--batch-size=4", "--blr=1e-12", "--device=cpu", "--decoder-depth=2"]
    sizes = [f"--{name.replace('_', '-')}={getattr(source.cfg, name)}" for name in SIZES]
    args = ["pretrain", *options, *sizes, "--img-size", "16", "24", "--out", str(tmp_path / "run")]
    assert main([*args, "--init", str(tmp_path / "source"), "--depth=3"]) == 0
    trained = load_model(tmp_path / "run", device="cpu")
    assert (trained.cfg.depth, trained.cfg.decoder_depth) == (3, 2)
    torch.testing.assert_close(predictions(trained), predictions(source), atol=1e-4, rtol=0)
    capsys.readouterr()
    assert main([*args, "--init", str(tmp_path / "source"), "--depth=1", "--out", str(tmp_path / "other")]) == 2
    assert "same sizes, or a deeper one" in capsys.readouterr().err
