import io

import numpy as np
import pytest
import torch
from PIL import Image

from mae_lite.config import MAEConfig
from mae_lite.images import load_image, to_picture, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.baselines import harmonic_fill
from mae_lite.measure.reconstruct import PANELS, reconstruct
from mae_lite.patches import patchify, unpatchify
from mae_lite.weights.assets import asset_path

SMALL = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
SMALL |= {"decoder_embed_dim": 16, "decoder_depth": 1, "decoder_num_heads": 2}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MAE(MAEConfig(**SMALL)).eval()


@pytest.fixture
def image(model):
    return load_image(asset_path("photos", "cat.jpg"), model)


def test_panels_are_what_they_are_called(model, image):
    mask = random_mask(24, 0.75, seed=3)
    shown = reconstruct(model, image, mask)
    hidden = pixel_mask(mask, (4, 6), 8)[0, 0].numpy()
    assert shown.original.shape == (32, 48, 3)
    assert np.array_equal(shown.original, to_uint8(image, model.cfg)[0].permute(1, 2, 0).numpy())
    assert (shown.masked[hidden] == 128).all()
    for panel in (shown.masked, shown.pasted):
        assert np.array_equal(panel[~hidden], shown.original[~hidden]), "visible pixels must be the photo's own"
    pred = unpatchify(model(image, mask).pred, 8, (4, 6))
    assert np.array_equal(shown.output, to_uint8(pred, model.cfg)[0].permute(1, 2, 0).detach().numpy())
    assert np.array_equal(shown.pasted[hidden], shown.output[hidden])
    assert (shown.error[~hidden] == (0, 0, 4)).all(), "visible patches carry no error"
    assert shown.strip().shape == (32, 4 * 48, 3)


def test_metrics_are_over_masked_patches(model, image):
    mask = random_mask(24, 0.75, seed=3)
    shown = reconstruct(model, image, mask)
    hidden = pixel_mask(mask, (4, 6), 8).expand_as(image)
    pred = unpatchify(model(image, mask).pred, 8, (4, 6)).detach()
    mse = ((pred - image)[hidden] ** 2).mean().item()
    fill = ((harmonic_fill(image, pixel_mask(mask, (4, 6), 8)) - image)[hidden] ** 2).mean().item()
    off = ((shown.output[hidden[0, 0].numpy()] - shown.original[hidden[0, 0].numpy()].astype(float)) ** 2).mean()
    assert shown.mse == pytest.approx(mse, rel=1e-4)
    assert shown.skill == pytest.approx(1 - mse / fill, rel=1e-3)
    assert shown.psnr == pytest.approx(20 * np.log10(255) - 10 * np.log10(off), rel=1e-4)


def test_a_perfect_prediction_has_skill_one(model, image):
    from mae_lite.patches import patchify

    mask = random_mask(24, 0.75)
    truth = patchify(image, 8)
    model.decoder.forward = lambda latent, ids_restore: truth
    shown = reconstruct(model, image, mask)
    assert shown.mse == 0
    assert shown.skill == 1
    assert np.array_equal(shown.output, shown.original)


def test_alt_text_has_the_numbers(model, image):
    shown = reconstruct(model, image, random_mask(24, 0.75))
    for part in ("18 of 24 patches hidden", f"{shown.mse:.3f}", f"{shown.psnr:.1f} dB", f"{shown.skill:.2f}"):
        assert part in shown.alt


def test_nothing_masked_has_nothing_to_measure(model, image):
    shown = reconstruct(model, image, random_mask(24, 0.0))
    assert (shown.mse, shown.psnr, shown.skill) == (None, None, None)
    assert np.array_equal(shown.pasted, shown.original)
    shown.figure()


def test_a_flat_picture_leaves_nothing_to_be_better_at(model):
    """The harmonic fill of a white wall is perfect, so a skill over it would be a division by nothing."""
    image = load_image(Image.new("RGB", (60, 60), "white"), model)
    shown = reconstruct(model, image, random_mask(24, 0.75))
    assert shown.skill is None
    assert shown.psnr is not None
    assert "PSNR" in shown.alt
    assert "skill" not in shown.alt
    shown.figure()


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_to_bytes_is_a_picture_file(model, image, format):
    shown = reconstruct(model, image, random_mask(24, 0.75))
    picture = Image.open(io.BytesIO(shown.to_bytes(format, PANELS)))
    assert picture.format == format.upper()
    assert picture.size == (5 * 48, 32)


def test_norm_pix_pictures_say_that_they_leak(image):
    model = MAE(MAEConfig(**SMALL, norm_pix_loss=True)).eval()
    shown = reconstruct(model, image, random_mask(24, 0.75))
    assert shown.leaks
    assert "leak" in shown.titles["output"]
    patches, pred = patchify(image, 8), model(image, shown.mask).pred
    painted = pred * (patches.var(dim=2, keepdim=True) + 1e-6).sqrt() + patches.mean(dim=2, keepdim=True)
    assert np.array_equal(shown.output, to_picture(to_uint8(unpatchify(painted, 8, (4, 6)), model.cfg))[0])
    assert shown.psnr is None
    assert shown.skill is None


def test_one_channel_becomes_grey():
    model = MAE(MAEConfig(**SMALL, in_chans=1, mean=(0.5,), std=(0.25,))).eval()
    image = load_image(asset_path("photos", "cat.jpg"), model)
    shown = reconstruct(model, image, random_mask(24, 0.75))
    assert shown.original.shape == (32, 48, 3)
    assert (shown.original == shown.original[..., :1]).all()


def test_five_channels_cannot_be_shown():
    model = MAE(MAEConfig(**SMALL, in_chans=5, mean=(0.5,) * 5, std=(0.25,) * 5))
    with pytest.raises(ValueError, match="1 or 3 channels"):
        reconstruct(model, torch.zeros(1, 5, 32, 48), random_mask(24))


def test_wrong_mask_is_a_sentence(model, image):
    with pytest.raises(ValueError, match=r"4x6 patches"):
        reconstruct(model, image, random_mask(196))
