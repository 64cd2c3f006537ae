"""Sweeps and guesses against slow loops over masks and patches, and: no patch's guess has seen the patch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask, random_mask
from mae_lite.measure.reconstruct import reconstruct
from mae_lite.measure.sweeps import (
    RATIOS,
    compare_models,
    complementary_masks,
    guess,
    predict_unseen,
    ratio_sweep,
    sweep_label,
    ten_guesses,
)
from mae_lite.patches import patchify, unpatchify


@pytest.fixture
def model(small_model):
    return small_model().eval()


@pytest.fixture
def image():
    return torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(1)) / 2


# Ratios


@pytest.mark.parametrize("strategy", ["random", "block"])
def test_sweep_is_the_reconstruction_at_each_ratio(model, image, strategy):
    shown = ratio_sweep(model, image, (0.25, 0.5, 0.75), strategy=strategy, seed=3)
    for ratio, one in zip((0.25, 0.5, 0.75), shown, strict=True):
        alone = reconstruct(model, image, draw_mask(strategy, (4, 6), ratio, seed=3))
        np.testing.assert_array_equal(one.pasted, alone.pasted)
        assert one.mse == alone.mse
        assert int(one.mask.sum()) == 24 * ratio


def test_a_sweep_only_ever_hides_more(model, image):
    shown = ratio_sweep(model, image)
    assert len(shown) == len(RATIOS)
    for less, more in zip(shown, shown[1:], strict=False):
        assert (less.mask <= more.mask).all()


def test_labels_where_there_is_little_to_say(model, small_model, image):
    (nothing,) = ratio_sweep(model, image, [0.0])
    assert sweep_label(nothing) == "0% hidden (0 of 24 patches): nothing to measure"
    (leaking,) = ratio_sweep(small_model(norm_pix_loss=True), image, [0.5])
    assert sweep_label(leaking) == f"50% hidden (12 of 24 patches): MSE {leaking.mse:.3f}"


# Guesses, by loops


def by_loops(model, image, masks):
    """Mean, spread and error of each patch, one mask and one patch at a time."""
    truth, n = patchify(image, 4)[0], 24
    mean, spread, error, single = torch.zeros(n, 48), torch.zeros(n), torch.zeros(n), torch.zeros(n)
    with torch.inference_mode():
        preds = [model(image, mask[None]).pred[0] for mask in masks]
    for i in range(n):
        found = [pred[i] for pred, mask in zip(preds, masks, strict=True) if mask[i]]
        mean[i] = sum(found) / len(found) if found else math.nan
        spread[i] = torch.stack(found).var(dim=0).mean().sqrt() if len(found) > 1 else math.nan
        error[i] = (mean[i] - truth[i]).square().mean()
        single[i] = sum((f - truth[i]).square().mean() for f in found) / len(found) if found else math.nan
    return mean, spread, error, single


@given(seed=st.integers(0, 1000), counts=st.lists(st.integers(0, 23), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_guesses_equal_loops_over_masks_and_patches(seed, counts):
    torch.manual_seed(seed)
    sizes = {"embed_dim": 24, "num_heads": 3, "decoder_embed_dim": 16, "decoder_num_heads": 2}
    cfg = MAEConfig(img_size=(16, 24), patch_size=4, depth=2, decoder_depth=1, **sizes)
    model, image = MAE(cfg).eval(), torch.randn(1, 3, 16, 24)
    masks = torch.cat([random_mask(24, count / 24, seed=seed + k) for k, count in enumerate(counts)])
    found = guess(model, image, masks)
    mean, spread, error, single = by_loops(model, image, masks)
    close = {"rtol": 1e-4, "atol": 1e-5, "equal_nan": True}
    torch.testing.assert_close(found.mean, mean, **close)
    torch.testing.assert_close(found.spread, spread, **close)
    torch.testing.assert_close(found.error, error, **close)
    assert found.single_mse == pytest.approx(single.nanmean().item(), rel=1e-4, nan_ok=True)
    if masks.any():
        assert found.mse <= found.single_mse * (1 + 1e-5), "the mean of guesses is never worse than a guess on average"


def test_ten_guesses_are_ten_random_masks(model, image):
    found = ten_guesses(model, image, mask_ratio=0.5, seed=7)
    assert torch.equal(found.masks, random_mask(24, 0.5, batch_size=10, seed=7))
    assert len({tuple(mask.tolist()) for mask in found.masks}) == 10
    assert torch.equal(found.times, found.masks.sum(dim=0))


def test_picture_is_the_image_and_grey_where_nothing_is_known(model, image):
    found = guess(model, image, random_mask(24, 0.5))
    np.testing.assert_array_equal(
        found.picture(found.patches), reconstruct(model, image, random_mask(24, 0.5)).original
    )
    shown = found.picture(found.mean)
    visible = unpatchify((~found.masks).float()[..., None].expand(-1, -1, 48), 4, (4, 6))[0].bool()
    assert (shown[visible.permute(1, 2, 0).numpy()] == 128).all(), "no mask hides these, so there is no guess"
    assert len(np.unique(shown)) > 10


# Every patch from masks that hide it


@given(num_patches=st.integers(2, 60), views=st.integers(2, 60), seed=st.integers(0, 99))
def test_complementary_masks_show_each_patch_once(num_patches, views, seed):
    if views > num_patches:
        with pytest.raises(ValueError, match=f"views is {views}; {num_patches} patches"):
            complementary_masks(num_patches, views, seed=seed)
        return
    masks = complementary_masks(num_patches, views, seed=seed)
    assert ((~masks).sum(dim=0) == 1).all(), "each patch is visible in one mask"
    shown = (~masks).sum(dim=1)
    assert shown.min() >= 1
    assert shown.max() - shown.min() <= 1


def test_four_views_hide_three_quarters_each():
    masks = complementary_masks(196, 4)
    assert masks.sum(dim=1).tolist() == [147] * 4
    assert not torch.equal(masks, complementary_masks(196, 4, seed=1))


@pytest.mark.parametrize("views", [2, 4, 5])  # 24 patches do not divide by 5: masks of two counts
def test_no_leak_a_patch_has_no_part_in_its_own_prediction(model, image, views):
    before = predict_unseen(model, image, views, seed=2)
    assert (before.times == views - 1).all()
    for i in (0, 7, 23):
        patches = patchify(image, 4).clone()
        patches[0, i] += 1
        after = predict_unseen(model, unpatchify(patches, 4, (4, 6)), views, seed=2)
        torch.testing.assert_close(after.mean[i], before.mean[i], rtol=0, atol=0)
        assert not torch.equal(after.mean, before.mean), "the other patches' predictions do use it"
        assert after.error[i] != before.error[i]


def test_an_odd_patch_stands_out_once_the_model_is_trained_a_little(small_model):
    """Flat images of any colour are learnt in moments; a patch of another colour is what the rest does not tell."""
    torch.manual_seed(0)
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(150):
        flat = torch.randn(16, 3, 1, 1).expand(-1, -1, 16, 24)
        loss = model(flat, random_mask(24, 0.75, batch_size=16, seed=step)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    patches = patchify(torch.full((1, 3, 16, 24), 0.3), 4)
    patches[0, 9] = -1.5
    found = predict_unseen(model.eval(), unpatchify(patches, 4, (4, 6)))
    assert found.error.argmax() == 9
    assert found.error[9] > 5 * found.error.sort().values[-2]


# What cannot be


def test_models_and_numbers_that_do_not_fit_are_refused(small_model, model, image):
    with pytest.raises(ValueError, match="normalised patches"):
        ten_guesses(small_model(norm_pix_loss=True), image)
    with pytest.raises(ValueError, match="this model has 5"):
        predict_unseen(small_model(in_chans=5), torch.zeros(1, 5, 16, 24))
    with pytest.raises(ValueError, match="n is 1"):
        ten_guesses(model, image, 1)


# Models


def test_models_of_one_grid_share_a_mask_and_a_photo(small_model):
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    mask = random_mask(24, 0.5)
    models = {"small": small_model(), "large": small_model(img_size=(32, 48), patch_size=8)}
    shown = compare_models(models, photo, mask)
    assert list(shown) == ["small", "large"]
    assert [one.original.shape for one in shown.values()] == [(16, 24, 3), (32, 48, 3)]
    assert all(torch.equal(one.mask, mask) for one in shown.values())
    grey = [(one.masked == 128).all(axis=2) for one in shown.values()]
    np.testing.assert_array_equal(grey[0], grey[1][::2, ::2], "the same parts are hidden")
    other = models | {"other": small_model(img_size=(24, 24))}
    with pytest.raises(ValueError, match="small 4x6, large 4x6, other 6x6"):
        compare_models(other, photo, mask)
