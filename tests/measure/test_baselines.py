import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mae_lite.config import PRESETS
from mae_lite.images import load_image
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.baselines import harmonic_fill, nearest_fill, visible_mean_fill
from mae_lite.weights.assets import asset_path

FILLS = [visible_mean_fill, nearest_fill, harmonic_fill]


def example(seed=0, b=2, c=3, grid=(3, 5), p=4, ratio=0.6):
    imgs = torch.rand(b, c, grid[0] * p, grid[1] * p, generator=torch.Generator().manual_seed(seed))
    mask = random_mask(grid[0] * grid[1], ratio, batch_size=b, seed=seed)
    return imgs, pixel_mask(mask, grid, p)


@pytest.mark.parametrize("fill", FILLS)
@given(seed=st.integers(0, 1000), ratio=st.floats(0, 0.95))
@settings(max_examples=15, deadline=None)
def test_fills_keep_visible_pixels_and_never_look_at_hidden_ones(fill, seed, ratio):
    imgs, hidden = example(seed, ratio=ratio)
    filled = fill(imgs, hidden)
    assert torch.equal(torch.where(hidden, 0, filled), torch.where(hidden, 0, imgs))
    other = torch.where(hidden, 100.0, imgs)
    assert torch.equal(fill(other, hidden), filled), "the fill depends on pixels it must not see"


@pytest.mark.parametrize("fill", FILLS)
def test_fills_stay_within_the_visible_range(fill):
    imgs, hidden = example()
    filled = fill(imgs, hidden)
    for img, mask, result in zip(imgs, hidden, filled, strict=True):
        for channel in range(3):
            seen = img[channel][~mask[0]]
            assert result[channel].min() >= seen.min() - 1e-3
            assert result[channel].max() <= seen.max() + 1e-3


def test_visible_mean_by_hand():
    imgs = torch.tensor([[[[1.0, 2.0, 6.0, 50.0]]]])
    hidden = torch.tensor([[[[False, False, False, True]]]])
    assert visible_mean_fill(imgs, hidden).tolist() == [[[[1.0, 2.0, 6.0, 3.0]]]]


def test_nearest_equals_a_search_over_all_visible_pixels():
    imgs, hidden = example(seed=3, b=1, grid=(4, 3), p=3, ratio=0.8)
    filled = nearest_fill(imgs, hidden)[0]
    seen = (~hidden[0, 0]).nonzero().tolist()
    for y, x in hidden[0, 0].nonzero().tolist():
        distances = [(y - v) ** 2 + (x - u) ** 2 for v, u in seen]
        nearest = [imgs[0, :, v, u] for (v, u), d in zip(seen, distances, strict=True) if d == min(distances)]
        assert any(torch.equal(filled[:, y, x], pixel) for pixel in nearest), f"pixel {y}, {x}"


def test_nearest_takes_the_upper_or_left_one_of_two():
    hidden = torch.tensor([[False, True, False]])
    row = torch.tensor([[1.0, 0, 2]])
    assert nearest_fill(row[None, None], hidden[None, None])[0, 0, 0, 1] == 1
    assert nearest_fill(row.T[None, None], hidden.T[None, None])[0, 0, 1, 0] == 1


@pytest.mark.parametrize(("grid", "p"), [((3, 5), 4), ((4, 4), 8), ((2, 3), 5), ((6, 2), 2)])
def test_harmonic_equals_a_dense_solve_of_the_laplace_equation(grid, p):
    imgs, hidden = example(seed=1, b=1, grid=grid, p=p, ratio=0.7)
    mask = hidden[0, 0].numpy()
    h, w = mask.shape
    unknown = {pixel: k for k, pixel in enumerate(zip(*mask.nonzero(), strict=True))}
    matrix, right = np.zeros((len(unknown), len(unknown))), np.zeros((len(unknown), 3))
    for (y, x), k in unknown.items():
        for v, u in [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]:
            if 0 <= v < h and 0 <= u < w:
                matrix[k, k] += 1
                if (v, u) in unknown:
                    matrix[k, unknown[v, u]] -= 1
                else:
                    right[k] += imgs[0, :, v, u].numpy()
    exact = np.linalg.solve(matrix, right)
    found = harmonic_fill(imgs, hidden)[0].permute(1, 2, 0)[hidden[0, 0]].numpy()
    np.testing.assert_allclose(found, exact, atol=5e-3)


def test_fills_rank_as_expected_on_a_photo_and_the_best_is_fast():
    cfg = PRESETS["tiny"]
    image = load_image(asset_path("photos", "cat.jpg"), cfg)
    hidden = pixel_mask(random_mask(cfg.num_patches, 0.75), cfg.grid_size, cfg.patch_size)
    mean, nearest, harmonic = ((fill(image, hidden) - image).square().mean().item() for fill in FILLS)
    assert mean > nearest > harmonic
    times = []  # of this process, whatever else the machine does; the fill uses one thread
    for _ in range(5):
        start = time.process_time()
        harmonic_fill(image, hidden)
        times.append(time.process_time() - start)
    assert min(times) < 0.3


@pytest.mark.parametrize("fill", FILLS)
def test_nothing_visible_is_told(fill):
    imgs, hidden = example()
    hidden[1] = True
    with pytest.raises(ValueError, match="no visible pixel"):
        fill(imgs, hidden)
