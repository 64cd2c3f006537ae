import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from mae_lite.train import augment as augmentations
from mae_lite.train.augment import AUGMENTATIONS, augment, colour_jitter, random_resized_crop_flip, resize_matrix

stretches = st.tuples(st.integers(1, 40), st.integers(0, 39), st.integers(1, 30)).map(
    lambda t: (t[0], min(t[1], 40 - t[0]), t[2])
)


@given(stretches)
@settings(deadline=None)
def test_resize_matrix_equals_torch(stretch):
    length, start, size = stretch
    x = torch.rand(1, 1, 40, 1, generator=torch.Generator().manual_seed(0))
    cropped = x[:, :, start : start + length].expand(-1, -1, -1, 3)
    expected = F.interpolate(cropped, (size, 3), mode="bicubic", antialias=True, align_corners=False)[0, 0, :, 0]
    matrix = resize_matrix(torch.tensor([float(start)]), torch.tensor([float(length)]), 40, size)[0]
    torch.testing.assert_close(matrix @ x[0, 0, :, 0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("box", "size"), [((3, 5, 33, 25), (16, 12)), ((0, 0, 40, 30), (20, 50)), ((7, 2, 9, 30), (8, 8))]
)
def test_resize_matrix_equals_pillow(box, size):
    """In Pillow's float mode, since for bytes it rounds and clips after each axis, not alike in every version."""
    left, top, right, bottom = box
    array = np.random.default_rng(0).uniform(0, 255, (30, 40)).astype(np.float32)
    expected = np.asarray(Image.fromarray(array).crop(box).resize((size[1], size[0]), Image.Resampling.BICUBIC))
    rows = resize_matrix(torch.tensor([float(top)]), torch.tensor([float(bottom - top)]), 30, size[0])[0]
    columns = resize_matrix(torch.tensor([float(left)]), torch.tensor([float(right - left)]), 40, size[1])[0]
    torch.testing.assert_close(rows @ torch.from_numpy(array) @ columns.T, torch.tensor(expected), rtol=1e-4, atol=1e-2)


def ramps(b, side):
    """Images whose first channel is the column and whose second is the row: a crop can be read off its output."""
    line = torch.arange(side, dtype=torch.uint8)
    return torch.stack([line.expand(side, -1), line[:, None].expand(-1, side), line.expand(side, -1)]).expand(
        b, -1, -1, -1
    )


@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
def test_crops_as_the_paper_draws_them(size):
    side, b = 200, 600
    out = random_resized_crop_flip(ramps(b, side), size, torch.Generator().manual_seed(0)).float()
    assert out.shape == (b, 3, *size)
    h, w = size
    across = out[:, 0, h // 2]
    down = out[:, 1, :, w // 2]
    wide = (across[:, 3 * w // 4] - across[:, w // 4]) * 2  # from the inner half, where the resize is exact
    high = (down[:, 3 * h // 4] - down[:, h // 4]) * 2
    flipped = wide < 0
    assert 0.42 < flipped.float().mean() < 0.58, "half of them are flipped"
    assert (high > 0).all(), "and none upside down"
    share = wide.abs() * high / side**2
    assert share.min() > 0.18, "no crop has less than a fifth of the area"
    assert share.min() < 0.25, "and some come near"
    widest = 0.75 * min(h / w, w / h)
    assert share.max() > widest, "and some are nearly as large as the image can hold"
    for limit in torch.linspace(0.2, widest, 5)[1:-1].tolist():  # beyond, boxes that do not fit are made smaller
        assert (share < limit).float().mean() == pytest.approx((limit - 0.2) / 0.8, abs=0.05), "all sizes alike"
    stretch = (wide.abs() / high) / (w / h)  # how much wider than tall the crop is, beyond the target
    assert 3 / 4 - 0.05 < stretch.min() < 0.8
    assert 1.25 < stretch.max() < 4 / 3 + 0.05
    place = [across.mean(dim=1), down.mean(dim=1)]
    ties = torch.corrcoef(torch.stack([flipped.float(), *place, share, stretch]))[0, 1:]
    assert ties.abs().max() < 0.13, "where and how large it is tells nothing of the flip"
    assert len(torch.stack([across[:, 0], down[:, 0]]).unique(dim=1)[0]) > b / 2, "each image has a box of its own"


def test_a_crop_is_fixed_by_its_generator():
    imgs = ramps(4, 50)
    one, same, other = (random_resized_crop_flip(imgs, (16, 16), torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_flat_colours_stay_exact():
    imgs = torch.tensor([0, 77, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 40, 40)
    out = random_resized_crop_flip(imgs, (12, 20), torch.Generator().manual_seed(0))
    assert [x.unique().tolist() for x in out] == [[0], [77], [255]]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_crop_is_the_papers_default():
    imgs = ramps(4, 50)
    assert torch.equal(
        augment(imgs, (16, 16), generator()), random_resized_crop_flip(imgs, (16, 16), generator(), (0.2, 1.0))
    )


def test_none_is_the_whole_image_for_every_draw():
    imgs = torch.randint(256, (2, 3, 40, 40), dtype=torch.uint8, generator=generator())
    one, other = (augment(imgs, (20, 10), generator(seed), "none") for seed in (1, 2))
    assert torch.equal(one, other)
    expected = F.interpolate(imgs.float(), (20, 10), mode="bicubic", antialias=True).round().clamp(0, 255)
    assert (one.float() - expected).abs().max() <= 1
    assert torch.equal(augment(imgs, (40, 40), generator(), "none"), imgs), "which is a copy at the same size"


def test_a_fixed_crop_copies_pixels():
    """No pixel is resampled: each crop is found in its image, or in the mirrored one, at one place."""
    side, (h, w), b = 30, (20, 12), 400
    out = augment(ramps(b, side), (h, w), generator(), "fixed").int()
    across, down = out[:, 0, 0], out[:, 1, :, 0]
    step = across[:, 1:] - across[:, :-1]
    assert ((step == 1).all(dim=1) | (step == -1).all(dim=1)).all()
    assert (down[:, 1:] - down[:, :-1] == 1).all()
    assert 0.42 < (step[:, 0] == -1).float().mean() < 0.58, "half of them are flipped"
    assert set(across.min(dim=1).values.tolist()) == set(range(side - w + 1)), "every place across occurs"
    assert set(down[:, 0].tolist()) == set(range(side - h + 1)), "and every place down"


def test_a_fixed_crop_of_too_small_images_is_refused():
    with pytest.raises(ValueError, match="A fixed crop of 20x12 does not fit in images of 16x16; store them larger"):
        augment(ramps(2, 16), (20, 12), generator(), "fixed")


def test_an_unknown_augmentation_is_refused():
    with pytest.raises(ValueError, match='There is no augmentation "blur"; use one of crop, fixed, colour, none'):
        augment(ramps(2, 16), (8, 8), generator(), "blur")


def test_colour_jitter_equals_torchvision():
    imgs = torch.randint(256, (5, 3, 9, 7), dtype=torch.uint8, generator=generator())
    got = colour_jitter(imgs, generator(3))
    u = torch.rand(3, 5, generator=generator(3))
    for i, img in enumerate(imgs):
        bright, contrast, saturation = (0.6 + 0.8 * u[:, i]).tolist()
        expected = tv.adjust_saturation(tv.adjust_contrast(tv.adjust_brightness(img, bright), contrast), saturation)
        assert (got[i].int() - expected.int()).abs().max() <= 2, "it rounds a little differently"


def test_colour_jitter_moves_each_image_by_itself(monkeypatch):
    imgs = torch.full((3, 3, 4, 4), 100, dtype=torch.uint8)
    shades = colour_jitter(imgs, generator()).float().mean(dim=(1, 2, 3))
    assert len(shades.unique()) == 3
    assert ((shades >= 59) & (shades <= 140)).all()
    monkeypatch.setattr(augmentations, "JITTER", 0.0)
    assert torch.equal(colour_jitter(imgs, generator()), imgs)


def test_colour_is_the_crop_and_the_jitter():
    imgs = torch.randint(256, (3, 3, 30, 30), dtype=torch.uint8, generator=generator())
    draw = generator(5)
    cropped = random_resized_crop_flip(imgs, (16, 16), draw, (0.2, 1.0))
    assert torch.equal(augment(imgs, (16, 16), generator(5), "colour"), colour_jitter(cropped, draw))


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_every_augmentation_gives_bytes_of_the_size(kind):
    imgs = torch.randint(256, (3, 3, 30, 40), dtype=torch.uint8, generator=generator())
    out = augment(imgs, (16, 24), generator(), kind, min_scale=0.5)
    assert (out.shape, out.dtype) == ((3, 3, 16, 24), torch.uint8)
    assert torch.equal(out, augment(imgs, (16, 24), generator(), kind, min_scale=0.5)), "fixed by the generator"
