import pytest
import torch

from mae_lite.config import MAEConfig
from mae_lite.images import load_image, normalize, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import block_mask, pixel_mask
from mae_lite.measure.evaluate import format_sweep, format_table, masked_errors, masked_scores, stack_scores, summarise
from mae_lite.measure.quality import masked_ssim
from mae_lite.measure.reconstruct import reconstruct
from mae_lite.patches import patchify
from mae_lite.weights.assets import list_photos

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


@pytest.mark.parametrize("n", [100, 1600])
def test_the_interval_is_that_of_95_percent(n):
    """1.96 standard errors to each side; 90 % would be 1.64."""
    errors = torch.rand(n, generator=torch.Generator().manual_seed(0))
    row, standard_error = summarise({"model": errors})["model"], errors.std().item() / n**0.5
    assert (row["mse_high"] - row["mse"]) / standard_error == pytest.approx(1.96, abs=0.18)
    assert (row["mse"] - row["mse_low"]) / standard_error == pytest.approx(1.96, abs=0.18)


def test_skill_is_of_the_same_images_drawn_for_both():
    """Errors twice as large on every image: each sample's skill is one half, however the images differ."""
    errors = torch.rand(20, generator=torch.Generator().manual_seed(0))
    row = summarise({"model": errors, "harmonic": 2 * errors})["harmonic"]
    assert [row["skill_low"], row["skill"], row["skill_high"]] == pytest.approx([0.5] * 3)


def test_bytes_give_what_normalised_images_give():
    photos = torch.cat([to_uint8(load_image(photo, CFG), CFG) for photo in list_photos()[:3]])
    model = MAE(CFG).eval()
    for (name, a), b in zip(
        masked_errors(model, photos).items(), masked_errors(model, normalize(photos, CFG)).values(), strict=True
    ):
        torch.testing.assert_close(a, b, msg=name)


def test_scores_are_those_of_each_reconstruction():
    """PSNR and SSIM of the pictures that `reconstruct` shows of each image under its own mask."""
    torch.manual_seed(0)
    model, imgs = MAE(CFG).eval(), torch.cat([load_image(photo, CFG) for photo in list_photos()[:3]])
    scores = stack_scores(masked_scores(model, imgs, 0.6, strategy="block", seed=4))
    masks = block_mask((4, 6), 0.6, batch_size=3, seed=4)
    for k, (img, mask) in enumerate(zip(imgs.split(1), masks.split(1), strict=True)):
        shown = reconstruct(model, img, mask)
        pasted, original = (torch.from_numpy(x).permute(2, 0, 1)[None] for x in (shown.pasted, shown.original))
        ssim = masked_ssim(pasted, original, pixel_mask(mask, (4, 6), 4)).item()
        assert scores["psnr"]["model"][k].item() == pytest.approx(shown.psnr, abs=1e-3)
        assert scores["ssim"]["model"][k].item() == pytest.approx(ssim, abs=1e-5)
        skill = 1 - scores["mse"]["model"][k] / scores["mse"]["harmonic"][k]
        assert skill.item() == pytest.approx(shown.skill, abs=1e-4)


def test_scores_hold_the_errors_and_better_fills_have_better_pictures():
    imgs = torch.cat([load_image(photo, CFG) for photo in list_photos()])
    model = MAE(CFG).eval()
    scores, errors = stack_scores(masked_scores(model, imgs, seed=1)), masked_errors(model, imgs, seed=1)
    for name, error in errors.items():
        assert torch.equal(scores["mse"][name], error), f"{name} differs between masked_scores and masked_errors"
    for metric in ("psnr", "ssim"):
        mean = {name: score.mean() for name, score in scores[metric].items()}
        assert mean["harmonic"] > mean["nearest"], metric
        assert mean["harmonic"] > mean["visible mean"], metric


def test_every_metric_has_its_interval_from_the_same_draws():
    x = torch.rand(20, generator=torch.Generator().manual_seed(0))
    table = summarise({"model": x, "nearest": x + 1}, psnr={"model": 10 * x, "nearest": x})
    row = table["model"]
    for key in ("", "_low", "_high"):
        assert row[f"psnr{key}"] == pytest.approx(10 * row[f"mse{key}"])
    assert row["psnr_low"] < row["psnr"] < row["psnr_high"]
    assert "PSNR" in format_table(table)
    assert f"{row['psnr']:.2f} ({row['psnr_low']:.2f} to {row['psnr_high']:.2f})" in format_table(table)


def test_no_skill_over_a_rival_without_error():
    """On plain walls the fills are perfect; a skill over them would be a division by 0."""
    table = summarise(
        {"model": torch.tensor([0.5, 1.0]), "harmonic": torch.zeros(2), "nearest": torch.tensor([0, 1.0])}
    )
    assert "skill" not in table["harmonic"]
    assert all(abs(value) < float("inf") for value in table["nearest"].values())
    sweep = format_sweep([{"mask_ratio": 0.5, "strategy": "random", "table": table}])
    assert sweep.splitlines()[-1].split() == ["50%", "|", "0.750", "0.000", "-"]


def test_sweep_is_a_line_a_ratio_and_three_columns_a_strategy():
    def setting(ratio, strategy, error):
        errors = {"model": torch.tensor([error, error]), "harmonic": torch.tensor([1.0, 1.0])}
        return {"mask_ratio": ratio, "strategy": strategy, "table": summarise(errors)}

    sweep = [
        setting(0.1, "grid", 0.25),
        setting(0.1, "block", 0.5),
        setting(0.625, "grid", 1.5),
        setting(0.625, "block", 2.0),
    ]
    head, titles, *rows = format_sweep(sweep).splitlines()
    assert head.split() == ["|", "grid", "|", "block"]
    assert titles.split() == ["hidden"] + ["|", "model", "MSE", "harmonic", "skill"] * 2
    assert rows[0].split() == ["10%", "|", "0.250", "1.000", "+0.750", "|", "0.500", "1.000", "+0.500"]
    assert rows[1].split() == ["62.5%", "|", "1.500", "1.000", "-0.500", "|", "2.000", "1.000", "-1.000"]


def test_nothing_masked_is_told():
    with pytest.raises(ValueError, match="hides no patch"):
        masked_errors(MAE(CFG), smooth_images(1), 0.0)


def test_norm_pix_models_are_refused():
    from dataclasses import replace

    with pytest.raises(ValueError, match="raw-pixel"):
        masked_errors(MAE(replace(CFG, norm_pix_loss=True)), smooth_images(1))
