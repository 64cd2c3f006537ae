"""The linear fill is the regression it says it is."""

import numpy as np
import pytest
import torch

from mae_lite.config import MAEConfig
from mae_lite.images import load_image
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.baselines import harmonic_fill
from mae_lite.measure.linear_mae import autocovariance, linear_fill
from mae_lite.weights.assets import list_photos


def markov(h, w, rho):
    """The covariance rho^(|down| + |right|)."""
    down, right = (np.minimum(np.arange(2 * n), 2 * n - np.arange(2 * n)) for n in (h, w))
    return torch.from_numpy(rho ** (down[:, None] + right[None])).float()


def test_autocovariance_against_a_double_loop():
    imgs = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = autocovariance(imgs)
    for down in range(-3, 4):
        for right in range(-4, 5):
            total = 0.0
            for y in range(4):
                for x in range(5):
                    if 0 <= y + down < 4 and 0 <= x + right < 5:
                        total += (imgs[:, :, y, x] * imgs[:, :, y + down, x + right]).mean().item()
            assert found[down, right].item() == pytest.approx(total / 20, abs=1e-5), (down, right)


def test_between_two_neighbours_by_hand():
    """In a Markov chain only the two neighbours count, each with weight rho / (1 + rho^2)."""
    rho = 0.8
    imgs = torch.tensor([[[[5.0, 1.0, 9.0, 3.0, -2.0]]]])
    hidden = torch.tensor([[[[False, False, True, False, False]]]])
    filled = linear_fill(imgs, hidden, markov(1, 5, rho), ridge=0.0)
    assert filled[0, 0, 0, 2].item() == pytest.approx(rho / (1 + rho**2) * (1.0 + 3.0), abs=1e-4)
    assert torch.equal(filled[~hidden], imgs[~hidden])


def test_equals_least_squares_on_samples():
    """Regression fitted to 200,000 pictures drawn from a covariance gives the same fill, without knowing it."""
    h, w, rho = 2, 3, 0.7
    covariance = markov(h, w, rho)
    at = torch.cartesian_prod(torch.arange(h), torch.arange(w))
    full = rho ** (at[:, None] - at[None]).abs().sum(dim=2).double().numpy()
    samples = np.random.default_rng(0).multivariate_normal(np.zeros(h * w), full, size=200_000)
    hidden = np.array([True, False, False, False, True, False])
    weights = np.linalg.lstsq(samples[:, ~hidden], samples[:, hidden], rcond=None)[0]
    imgs = torch.randn(4, 2, h, w, generator=torch.Generator().manual_seed(0))
    filled = linear_fill(imgs, torch.from_numpy(hidden).reshape(1, 1, h, w).expand(4, -1, -1, -1), covariance, 0.0)
    expected = imgs.flatten(2).numpy()[..., ~hidden] @ weights
    np.testing.assert_allclose(filled.flatten(2).numpy()[..., hidden], expected, atol=0.03)


def test_each_image_under_its_own_mask():
    imgs = torch.randn(4, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    hidden = pixel_mask(random_mask(6, 0.5, batch_size=4), (2, 3), 2)
    together = linear_fill(imgs, hidden, markov(4, 6, 0.9))
    for i in range(4):
        alone = linear_fill(imgs[i : i + 1], hidden[i : i + 1], markov(4, 6, 0.9))
        torch.testing.assert_close(together[i : i + 1], alone)


def test_the_unit_does_not_matter():
    imgs = torch.randn(2, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    hidden = pixel_mask(random_mask(6, 0.5, batch_size=2), (2, 3), 2)
    one, other = (linear_fill(x * imgs, hidden, x * x * markov(4, 6, 0.9), ridge=0.3) for x in (1, 10))
    torch.testing.assert_close(10 * one, other, rtol=1e-4, atol=1e-4)


def test_white_noise_cannot_be_guessed():
    covariance = torch.zeros(8, 8)
    covariance[0, 0] = 1.0
    imgs = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    hidden = pixel_mask(random_mask(4, 0.5), (2, 2), 2)
    filled = linear_fill(imgs, hidden, covariance)
    assert not filled[hidden.expand_as(imgs)].any()


def test_beats_the_harmonic_fill_on_photos_it_was_not_measured_on():
    cfg = MAEConfig(img_size=(56, 56), patch_size=4, embed_dim=24, num_heads=3)
    photos = [load_image(path, cfg) for path in list_photos()]
    test, rest = torch.cat(photos[::3]), torch.cat([p for i, p in enumerate(photos) if i % 3])
    mask = random_mask(cfg.num_patches, 0.75, batch_size=1).expand(len(test), -1)
    hidden = pixel_mask(mask, cfg.grid_size, 4)

    def error(filled):
        return (filled - test).square()[hidden.expand_as(test)].mean().item()

    assert error(linear_fill(test, hidden, autocovariance(rest))) < error(harmonic_fill(test, hidden))


def test_wrong_sizes_are_told():
    imgs, hidden = torch.zeros(1, 3, 4, 6), torch.zeros(1, 1, 4, 6, dtype=torch.bool)
    with pytest.raises(ValueError, match="measured on 6x4 images and these are 4x6"):
        linear_fill(imgs, hidden, torch.zeros(12, 8))
    with pytest.raises(ValueError, match="no visible pixel"):
        linear_fill(imgs, ~hidden, torch.ones(8, 12))
