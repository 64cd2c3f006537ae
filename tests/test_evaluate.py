import pytest
import torch

from mae_lite.assets import list_photos
from mae_lite.config import MAEConfig
from mae_lite.evaluate import format_table, masked_errors, summarise
from mae_lite.images import load_image, normalize, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import block_mask
from mae_lite.patches import patchify

CFG = MAEConfig(
    img_size=(16, 24), patch_size=4, embed_dim=16, depth=1, num_heads=2,
    decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip


def smooth_images(n):
    """Coloured ramps, which neighbours predict well."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 24), indexing="ij")
    weights = torch.randn(n, 3, 2, generator=torch.Generator().manual_seed(0))
    return weights[:, :, :1, None] * y + weights[:, :, 1:, None] * x


def test_model_error_is_the_loss_of_each_image_under_its_own_mask():
    torch.manual_seed(0)
    model, imgs = MAE(CFG).eval(), smooth_images(3)
    errors = masked_errors(model, imgs, 0.5, strategy="block", seed=4)
    masks = block_mask((4, 6), 0.5, batch_size=3, seed=4)
    for img, mask, error in zip(imgs.split(1), masks.split(1), errors["model"], strict=True):
        assert error.item() == pytest.approx(model(img, mask).loss.item(), rel=1e-5)


def test_oracle_by_hand():
    model, imgs = MAE(CFG).eval(), smooth_images(8)
    errors = masked_errors(model, imgs, 0.75, strategy="grid")
    patches = patchify(imgs, 4).reshape(8, 24, 16, 3)
    variance = patches.var(dim=2, correction=0).mean(dim=2)  # of each patch around its mean colour
    mask = torch.ones(4, 6, dtype=torch.bool)
    mask[::2, ::2] = False
    torch.testing.assert_close(errors["true patch mean"], variance[:, mask.flatten()].mean(dim=1))


def test_fills_rank_as_expected_on_photos():
    imgs = torch.cat([load_image(photo, CFG) for photo in list_photos()])
    mean = {name: e.mean() for name, e in masked_errors(MAE(CFG).eval(), imgs).items()}
    assert mean["harmonic"] < mean["nearest"] < mean["visible mean"]


def test_summary_by_hand():
    table = summarise({"model": torch.tensor([1.0, 3.0]), "harmonic": torch.tensor([4.0, 4.0])})
    assert table["model"]["mse"] == 2
    assert table["harmonic"]["skill"] == 0.5
    assert table["harmonic"]["skill_low"] == pytest.approx(0.25)  # both draws the worse image
    assert table["harmonic"]["skill_high"] == pytest.approx(0.75)
    assert "+0.500 (+0.250 to +0.750)" in format_table(table)


def test_interval_shrinks_with_more_images():
    def width(n):
        row = summarise({"model": torch.rand(n, generator=torch.Generator().manual_seed(0))})["model"]
        return row["mse_high"] - row["mse_low"]

    assert width(1600) == pytest.approx(width(100) / 4, rel=0.3)


def test_bytes_give_what_normalised_images_give():
    photos = torch.cat([to_uint8(load_image(photo, CFG), CFG) for photo in list_photos()[:3]])
    model = MAE(CFG).eval()
    for (name, a), b in zip(
        masked_errors(model, photos).items(), masked_errors(model, normalize(photos, CFG)).values(), strict=True
    ):
        torch.testing.assert_close(a, b, msg=name)


def test_nothing_masked_is_told():
    with pytest.raises(ValueError, match="hides no patch"):
        masked_errors(MAE(CFG), smooth_images(1), 0.0)


def test_norm_pix_models_are_refused():
    from dataclasses import replace

    with pytest.raises(ValueError, match="raw-pixel"):
        masked_errors(MAE(replace(CFG, norm_pix_loss=True)), smooth_images(1))
