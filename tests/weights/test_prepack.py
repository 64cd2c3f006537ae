"""The packed model predicts what the plain one does, and says nothing else is possible with it."""

import pytest
import torch
from torch import nn

import mae_lite.weights.prepack as module
from mae_lite.config import MAEConfig
from mae_lite.images import load_image
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.weights.assets import asset_path
from mae_lite.weights.checkpoints import load_model
from mae_lite.weights.prepack import PackedLinear, can_prepack, prepack

needs_onednn = pytest.mark.skipif(not can_prepack(), reason="oneDNN's operators are not on this machine")


@needs_onednn
@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("mask_ratio", [0.0, 0.75, 0.95])
def test_packed_equals_plain(small_model, batch_size, mask_ratio):
    model = small_model().eval()
    packed = prepack(model)
    imgs = torch.randn(batch_size, 3, *model.cfg.img_size)
    mask = random_mask(model.num_patches, mask_ratio, batch_size=batch_size)
    with torch.inference_mode():
        ours, fast = model(imgs, mask), packed(imgs, mask)
    for name in ("loss", "pred", "latent"):
        torch.testing.assert_close(getattr(fast, name), getattr(ours, name), rtol=0, atol=1e-4)
    assert not any(isinstance(part, nn.Linear) for part in packed.modules())


@needs_onednn
def test_packed_bundled_model_equals_plain():
    model = load_model(device="cpu")
    image, mask = load_image(asset_path("photos", "cat.jpg"), model), random_mask(model.num_patches)
    with torch.inference_mode():
        torch.testing.assert_close(prepack(model)(image, mask).pred, model(image, mask).pred, rtol=0, atol=1e-4)


@needs_onednn
def test_the_model_itself_is_left_alone(small_model):
    model = small_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    packed = prepack(model)
    assert sum(isinstance(part, PackedLinear) for part in packed.modules()) == sum(
        isinstance(part, nn.Linear) for part in model.modules()
    )
    assert packed.encoder.cls_token is model.encoder.cls_token, "what is not packed is shared, not copied"
    assert all((before[name] == value).all() for name, value in model.state_dict().items())
    model(torch.zeros(1, 3, *model.cfg.img_size), random_mask(model.num_patches)).loss.backward()  # it still trains


@needs_onednn
def test_the_encoder_alone(small_model):
    encoder = small_model().encoder.eval()
    imgs = torch.randn(2, 3, 16, 24)
    with torch.inference_mode():
        torch.testing.assert_close(prepack(encoder)(imgs), encoder(imgs), rtol=0, atol=1e-4)


def test_where_nothing_is_gained_the_model_comes_back(small_model, monkeypatch):
    model = small_model().double()
    assert prepack(model) is model, "only float32"
    with torch.device("meta"):
        elsewhere = MAE(MAEConfig(img_size=(32, 32), embed_dim=8, num_heads=1, depth=1, decoder_depth=1))
    assert prepack(elsewhere) is elsewhere
    monkeypatch.setattr(module, "can_prepack", lambda: False)
    model = small_model()
    assert prepack(model) is model


def test_other_processors_and_builds_do_without(monkeypatch):
    monkeypatch.setattr(module.platform, "machine", lambda: "arm64")
    assert not can_prepack()
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not can_prepack()
