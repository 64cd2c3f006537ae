"""PSNR and SSIM of hidden pixels, against slow loops, closed forms and the reconstruction's own number."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mae_lite.config import PRESETS
from mae_lite.images import load_image, to_uint8
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.baselines import harmonic_fill
from mae_lite.measure.quality import masked_mse, masked_psnr, masked_ssim
from mae_lite.measure.reconstruct import reconstruct
from mae_lite.weights.assets import asset_path


def example(seed=0, b=2, c=3, h=13, w=17, share=0.4):
    g = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, 256, (b, c, h, w), generator=g).to(torch.uint8)
    noise = torch.randint(-60, 61, (b, c, h, w), generator=g)
    hidden = torch.rand(b, 1, h, w, generator=g) < share
    hidden[:, :, 0, 0] = True
    return (truth + noise).clamp(0, 255).to(torch.uint8), truth, hidden


def slow_ssim(picture, truth, hidden):
    """By the paper's formulas, a window at a time, in float64: one picture (c, h, w), bytes."""
    x, y = np.where(hidden, picture, truth) / 255, truth / 255
    values = []
    for row, column in zip(*hidden[0].nonzero(), strict=True):
        top, left = max(row - 5, 0), max(column - 5, 0)
        window = np.s_[:, top : row + 6, left : column + 6]
        v, u = np.mgrid[top : min(row + 6, x.shape[1]), left : min(column + 6, x.shape[2])]
        weight = np.exp(-((v - row) ** 2 + (u - column) ** 2) / (2 * 1.5**2))
        weight /= weight.sum()
        for a, b in zip(x[window], y[window], strict=True):
            mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
            var_a, var_b = (weight * (a - mean_a) ** 2).sum(), (weight * (b - mean_b) ** 2).sum()
            covariance = (weight * (a - mean_a) * (b - mean_b)).sum()
            top_of = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
            values.append(top_of / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)))
    return np.mean(values)


@pytest.mark.parametrize(("c", "h", "w"), [(3, 13, 17), (1, 24, 12), (2, 5, 30)])
def test_ssim_equals_a_loop_over_windows(c, h, w):
    pictures, truth, hidden = example(c=c, h=h, w=w)
    found = masked_ssim(pictures, truth, hidden)
    slow = [slow_ssim(*(x.numpy() for x in one)) for one in zip(pictures, truth, hidden, strict=True)]
    np.testing.assert_allclose(found.numpy(), slow, atol=1e-5)


def test_one_truth_and_mask_serve_several_pictures():
    pictures, truth, hidden = example(b=3)
    for measure in (masked_psnr, masked_ssim):
        together = measure(pictures, truth[:1], hidden[:1])
        alone = [measure(one, truth[:1], hidden[:1]) for one in pictures.split(1)]
        torch.testing.assert_close(together, torch.cat(alone), msg=measure.__name__)


def test_masked_mse_by_hand():
    truth, hidden = torch.zeros(1, 2, 1, 3), torch.tensor([True, False, True]).view(1, 1, 1, 3)
    pictures = torch.tensor([[[1.0, 9, 2]], [[3, 9, 4]]])[None]
    assert masked_mse(torch.cat([pictures, 2 * pictures]), truth, hidden).tolist() == [(1 + 4 + 9 + 16) / 4, 30]
    with pytest.raises(ValueError, match="hides no pixel"):
        masked_mse(pictures, truth, ~hidden & hidden)


@given(a=st.integers(0, 255), b=st.integers(0, 255))
@settings(max_examples=20, deadline=None)
def test_flat_pictures_have_the_closed_form(a, b):
    """Without structure, SSIM compares the two brightnesses and PSNR has one difference."""
    flat = [torch.full((1, 3, 12, 15), value, dtype=torch.uint8) for value in (a, b)]
    hidden = torch.ones(1, 1, 12, 15, dtype=torch.bool)
    x, y = a / 255, b / 255
    assert masked_ssim(*flat, hidden).item() == pytest.approx((2 * x * y + 1e-4) / (x * x + y * y + 1e-4), abs=1e-3)
    psnr = 100 if a == b else -20 * math.log10(abs(x - y))
    assert masked_psnr(*flat, hidden).item() == pytest.approx(psnr, abs=1e-3)


def test_the_truth_is_perfect_and_more_noise_is_worse():
    _, truth, hidden = example(h=40, w=48)
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    noisy = [(truth + amount * noise).clamp(0, 255).to(torch.uint8) for amount in (0, 10, 30, 90)]
    for measure in (masked_psnr, masked_ssim):
        scores = torch.stack([measure(x, truth, hidden) for x in noisy])
        assert (scores.diff(dim=0) < 0).all(), f"{measure.__name__}: {scores.tolist()} must fall"
    assert masked_ssim(truth, truth, hidden).tolist() == pytest.approx([1, 1])
    assert masked_psnr(truth, truth, hidden).tolist() == [100, 100]


def test_a_negative_has_the_opposite_structure():
    _, truth, _ = example(h=30, w=20)
    assert masked_ssim(255 - truth, truth, torch.ones(2, 1, 30, 20, dtype=torch.bool)).max() < -0.5


@pytest.mark.parametrize("measure", [masked_psnr, masked_ssim])
def test_what_a_picture_shows_at_visible_pixels_does_not_count(measure):
    pictures, truth, hidden = example()
    assert torch.equal(measure(pictures, truth, hidden), measure(torch.where(hidden, pictures, 7), truth, hidden))


def test_psnr_is_the_one_of_a_reconstruction(small_model):
    model = small_model()
    image, mask = load_image(asset_path("photos", "fig.jpg"), model), random_mask(24, 0.75, seed=2)
    shown = reconstruct(model, image, mask)
    output, original = (torch.from_numpy(x).permute(2, 0, 1)[None] for x in (shown.output, shown.original))
    assert masked_psnr(output, original, pixel_mask(mask, (4, 6), 4)).item() == pytest.approx(shown.psnr, abs=1e-3)


def test_ssim_of_a_fill_falls_as_more_is_hidden():
    cfg = PRESETS["nano"]
    image = load_image(asset_path("photos", "cat.jpg"), cfg)
    scores = []
    for ratio in (0.2, 0.5, 0.9):
        hidden = pixel_mask(random_mask(cfg.num_patches, ratio), cfg.grid_size, cfg.patch_size)
        scores.append(masked_ssim(to_uint8(harmonic_fill(image, hidden), cfg), to_uint8(image, cfg), hidden).item())
    assert 1 > scores[0] > scores[1] > scores[2] > 0, scores


@pytest.mark.parametrize("measure", [masked_psnr, masked_ssim])
def test_nothing_hidden_is_told(measure):
    pictures, truth, hidden = example()
    hidden[1] = False
    with pytest.raises(ValueError, match="hides no pixel"):
        measure(pictures, truth, hidden)
