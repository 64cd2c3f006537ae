"""The searches of notebook 07 against plain loops, on a model small enough for them."""

import math

import pytest
import torch

from mae_course.exercises.searches import best_alone, bisect, errors_when_shown, greedy_patches, scan, visible_psnr
from mae_lite import MAE, MAEConfig, load_image, random_mask, reconstruct
from mae_lite.weights.assets import asset_path

CFG = MAEConfig(
    img_size=(32, 48), patch_size=8, embed_dim=16, depth=1, num_heads=2,
    decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MAE(CFG).eval()


@pytest.fixture(scope="module")
def image(model):
    return load_image(asset_path("photos", "fig.jpg"), model)


@torch.no_grad()
def error(model, image, visible):
    mask = torch.ones(1, model.num_patches, dtype=torch.bool)
    mask[0, list(visible)] = False
    return (model(image, mask).loss * mask.sum()).item()


def test_errors_of_a_batch_are_those_of_its_rows(model, image):
    shown = torch.tensor([[0, 5], [23, 2], [7, 8]])
    want = [error(model, image, row) for row in shown.tolist()]
    assert errors_when_shown(model, image, shown).tolist() == pytest.approx(want, rel=1e-4)


def test_best_alone_is_sorted_by_the_error_of_each(model, image):
    candidates = [3, 9, 14, 20, 22]
    want = sorted(candidates, key=lambda patch: error(model, image, [patch]))
    assert best_alone(model, image, candidates, k=3) == want[:3]


def test_greedy_takes_what_helps_most_beside_those_chosen(model, image):
    candidates = [1, 4, 9, 13, 18, 23]
    chosen = greedy_patches(model, image, candidates, k=3)
    for k, patch in enumerate(chosen):
        left = [other for other in candidates if other not in chosen[:k]]
        assert patch == min(left, key=lambda other: error(model, image, [*chosen[:k], other]))


def test_psnr_is_that_of_a_reconstruction(model, image):
    psnr, anew = visible_psnr(model, image), visible_psnr(model, image, seed=None)
    for visible in (1, 9, 23):
        mask = random_mask(24, 1 - visible / 24, seed=0)
        assert int((~mask).sum()) == visible
        assert psnr(visible) == pytest.approx(reconstruct(model, image, mask).psnr)
        other = random_mask(24, 1 - visible / 24, seed=visible)
        assert anew(visible) == pytest.approx(reconstruct(model, image, other).psnr)


def test_psnr_of_the_whole_picture_counts_visible_pixels_as_right(model, image):
    part, whole = visible_psnr(model, image)(6), visible_psnr(model, image, whole=True)(6)
    assert whole == pytest.approx(part - 10 * math.log10(18 / 24), abs=1e-3)


def test_scan_finds_the_first_and_bisect_the_same_where_nothing_falls():
    for step in range(1, 196, 13):
        quality = {v: float(v >= step) for v in range(1, 196)}
        assert scan(quality.get, 1.0) == bisect(quality.get, 1.0) == step
    assert scan(dict.fromkeys(range(1, 21), 0.0).get, 1.0, most=20) is None


def test_bisect_misses_an_early_peak():
    quality = {v: 9.0 if v == 3 or v > 100 else 0.0 for v in range(1, 196)}
    assert scan(quality.get, 5.0) == 3
    assert bisect(quality.get, 5.0) == 101
