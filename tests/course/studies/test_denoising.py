import subprocess
import sys

import pytest
import torch

from mae_course.studies.denoising import (
    ARMS,
    SIGMA,
    STUDY,
    DenoisingAutoencoder,
    GaussianAutoencoder,
    PixelDroppingAutoencoder,
    restoration,
)  # fmt: skip
from mae_lite.config import MAEConfig
from mae_lite.images import normalize
from mae_lite.masking import random_mask
from mae_lite.patches import patchify, unpatchify

CFG = MAEConfig(
    img_size=(24, 40), patch_size=8, embed_dim=24, depth=1, num_heads=2,
    decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip
KINDS = [DenoisingAutoencoder, GaussianAutoencoder, PixelDroppingAutoencoder]


def built(kind):
    torch.manual_seed(0)
    return kind(CFG).eval()


def images(b=4):
    return torch.randn(b, 3, *CFG.img_size, generator=torch.Generator().manual_seed(0))


def corrupted(kind, imgs, seed=0):
    mask = random_mask(CFG.num_patches, 0.75, batch_size=len(imgs), seed=seed)
    return built(kind).corrupt(imgs, mask, torch.Generator().manual_seed(seed)), mask


def test_dropped_patches_are_grey_and_the_rest_untouched():
    imgs = images()
    got, mask = corrupted(DenoisingAutoencoder, imgs)
    before, after = patchify(imgs, 8), patchify(got, 8)
    assert not after[mask].any()
    assert torch.equal(after[~mask], before[~mask])


def test_dropped_pixels_are_as_many_but_scattered():
    imgs = images(40)
    got, _ = corrupted(PixelDroppingAutoencoder, imgs)
    dropped = (got == 0).all(dim=1)
    assert dropped.float().mean() == pytest.approx(0.75, abs=0.01)
    assert torch.equal(got.permute(0, 2, 3, 1)[~dropped], imgs.permute(0, 2, 3, 1)[~dropped])
    alone = dropped[:, :, 1:] != dropped[:, :, :-1]
    assert alone.float().mean() == pytest.approx(2 * 0.75 * 0.25, abs=0.01), "neighbours are independent"


def test_gaussian_noise_has_its_deviation():
    imgs = images(40)
    got, _ = corrupted(GaussianAutoencoder, imgs)
    assert (got - imgs).std().item() == pytest.approx(SIGMA, rel=0.02)
    assert (got - imgs).mean().item() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_of_all_patches_and_the_encoder_sees_all(kind):
    model, imgs, mask = built(kind), images(), random_mask(CFG.num_patches, batch_size=4)
    out = model(imgs, mask)
    torch.testing.assert_close(out.loss, (out.pred - patchify(imgs, 8)).square().mean())
    assert out.latent.shape == (4, 1 + CFG.num_patches, 24)
    assert torch.equal(model(imgs, mask).pred, out.pred), "the noise follows from the mask"
    other = model(imgs, random_mask(CFG.num_patches, batch_size=4, seed=1))
    assert not torch.equal(other.pred, out.pred)


def test_the_noise_is_the_same_in_every_process():
    code = (
        "import torch\n"
        "from mae_lite.config import MAEConfig\n"
        "from mae_lite.masking import random_mask\n"
        "from mae_course.studies.denoising import GaussianAutoencoder as G\n"
        "torch.manual_seed(0)\n"
        "m = G(MAEConfig(img_size=(16, 16), patch_size=8, embed_dim=8, depth=1, num_heads=1,"
        " decoder_embed_dim=8, decoder_depth=1, decoder_num_heads=1))\n"
        "print(m(torch.zeros(2, 3, 16, 16), random_mask(4, 0.5, batch_size=2)).loss.item())"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.parametrize("kind", KINDS)
def test_restoration_is_over_all_pixels_of_the_arms_own_noise(kind):
    model = built(kind)
    imgs = torch.randint(256, (70, 3, *CFG.img_size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = restoration(model, imgs)
    x, masks = normalize(imgs, CFG), random_mask(CFG.num_patches, 0.75, batch_size=70)
    parts = list(zip(x.split(64), masks.split(64), strict=True))
    pred = torch.cat([unpatchify(model(part, mask).pred, 8, CFG.grid_size) for part, mask in parts])
    assert found["restored"] == pytest.approx((pred - x).square().mean().item(), rel=1e-4)
    expected = SIGMA**2 if kind is GaussianAutoencoder else 0.75 * x.square().mean().item()
    assert found["corrupted"] == pytest.approx(expected, rel=0.03), "the error of doing nothing"


def test_the_study_measures_restoration():
    assert STUDY.measure is restoration


def test_only_dropped_patches_can_be_asked_to_fill():
    assert [arm.name for arm in ARMS.values() if arm.fills] == ["dropped-patches"]
