import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mae_lite.patches import denormalize_patches, normalize_patches, patchify, unpatchify

SHAPES = [(2, 3, 8, 8, 4), (2, 1, 6, 15, 3), (3, 5, 12, 8, 2), (1, 3, 4, 4, 4)]  # b, c, h, w, p: all different


def sliced(imgs, p):
    """Patches by two loops and a slice: slow, and plainly right."""
    _, _, h, w = imgs.shape
    rows = []
    for top in range(0, h, p):
        for left in range(0, w, p):
            square = imgs[:, :, top : top + p, left : left + p]
            rows.append(torch.stack([square[:, :, y, x] for y in range(p) for x in range(p)], dim=1).flatten(1))
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize(("b", "c", "h", "w", "p"), SHAPES)
def test_patchify_equals_a_double_loop(b, c, h, w, p):
    imgs = torch.arange(b * c * h * w, dtype=torch.float32).reshape(b, c, h, w)
    assert torch.equal(patchify(imgs, p), sliced(imgs, p)), "patches run row by row, pixels as (row, column, channel)"


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_unpatchify_undoes_patchify(b, c, rows, columns, p):
    imgs = torch.rand(b, c, rows * p, columns * p)
    assert torch.equal(unpatchify(patchify(imgs, p), p, (rows, columns)), imgs)


def test_a_grid_is_not_known_from_its_count():
    wide = torch.rand(1, 3, 4, 16)
    square = unpatchify(patchify(wide, 2), 2, (4, 4))
    assert square.shape == (1, 3, 8, 8)
    assert torch.equal(unpatchify(patchify(wide, 2), 2, (2, 8)), wide)


def test_conv_weights_are_ordered_channel_row_column():
    imgs, p = torch.rand(2, 3, 8, 12, dtype=torch.float64), 4
    conv = torch.nn.Conv2d(3, 5, kernel_size=p, stride=p, bias=False, dtype=torch.float64)
    expected = conv(imgs).flatten(2).transpose(1, 2)
    as_pixels = conv.weight.permute(0, 2, 3, 1).flatten(1)  # (c, p, q) to (p, q, c)
    torch.testing.assert_close(patchify(imgs, p) @ as_pixels.T, expected)
    assert not torch.allclose(patchify(imgs, p) @ conv.weight.flatten(1).T, expected), "the two orders are not the same"


def test_norm_pix_by_hand():
    patches = torch.tensor([[[1.0, 2.0, 3.0, 6.0]]])
    normalised, mean, std = normalize_patches(patches)
    # mean 3, squared deviations 4 + 1 + 0 + 9 = 14, divided by 4 - 1: the unbiased variance
    assert mean.item() == 3
    assert std.item() == pytest.approx((14 / 3) ** 0.5)
    assert normalised.flatten().tolist() == pytest.approx([x / (14 / 3) ** 0.5 for x in (-2, -1, 0, 3)])


@pytest.mark.parametrize(("a", "b"), [(2.0, 0.0), (0.25, -3.0), (10.0, 7.0)])
def test_norm_pix_sees_neither_contrast_nor_brightness(a, b):
    patches = torch.randn(2, 5, 48, dtype=torch.float64)
    torch.testing.assert_close(
        normalize_patches(a * patches + b)[0], normalize_patches(patches)[0], rtol=1e-4, atol=1e-4
    )


def test_a_flat_patch_stays_finite():
    normalised, _, std = normalize_patches(torch.full((1, 1, 12), 0.7))
    assert normalised.isfinite().all()
    assert std.item() == pytest.approx(1e-3), "eps is part of the deviation"


def test_denormalize_undoes_normalize():
    patches = torch.randn(2, 3, 12, dtype=torch.float64)
    torch.testing.assert_close(denormalize_patches(*normalize_patches(patches)), patches)


@pytest.mark.parametrize(("h", "w"), [(9, 8), (8, 9)])
def test_sizes_that_do_not_divide(h, w):
    with pytest.raises(ValueError, match=f"{h}x{w} .* 4x4"):
        patchify(torch.rand(1, 3, h, w), 4)


@pytest.mark.parametrize(("n", "patch_dim"), [(5, 12), (6, 13)])
def test_patches_that_do_not_fill_the_grid(n, patch_dim):
    with pytest.raises(ValueError, match=f"{n} patches of {patch_dim} values .* 2x3 patches of 2x2"):
        unpatchify(torch.rand(1, n, patch_dim), 2, (2, 3))
