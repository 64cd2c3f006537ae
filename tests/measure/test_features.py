"""Features of whole images: the encoder without a mask, pooled."""

import pytest
import torch
from safetensors.torch import save_file

from mae_lite.encoder import MAEEncoder
from mae_lite.images import normalize
from mae_lite.measure.features import extract_features, load_features, pixel_features


@pytest.fixture
def photos():
    return torch.randint(0, 256, (5, 3, 16, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("pool", ["mean", "cls"])
def test_features_are_the_encoder_on_all_patches_pooled(small_model, photos, pool):
    model = small_model().eval()
    latent = model.encoder(normalize(photos, model.cfg))
    assert latent.shape == (5, 25, 24), "the encoder must see the class token and all 4 x 6 patches"
    by_hand = torch.stack([one[0] if pool == "cls" else sum(one[1:]) / 24 for one in latent])
    for source in (model, model.encoder):
        for batch_size in (2, 64):
            got = extract_features(source, photos, pool=pool, batch_size=batch_size)
            torch.testing.assert_close(got, by_hand, msg=f"wrong for {pool}, {batch_size} at a time")


def test_class_token_and_mean_differ(small_model, photos):
    model = small_model().eval()
    assert (extract_features(model, photos, pool="cls") - extract_features(model, photos)).abs().max() > 0.1


def test_bytes_give_what_normalised_images_give(small_model, photos):
    model = small_model()
    torch.testing.assert_close(extract_features(model, photos), extract_features(model, normalize(photos, model.cfg)))


def test_every_patch_counts(small_model, photos):
    """Nothing is masked: to change any patch changes the features."""
    model = small_model().eval()
    before = extract_features(model, photos[:1])
    for row in range(4):
        for column in range(6):
            changed = photos[:1].clone()
            changed[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] ^= 255
            assert not torch.equal(extract_features(model, changed), before), f"patch {row}, {column} is not seen"


def test_one_image_has_the_same_features_in_any_company(small_model, photos):
    model = small_model().eval()
    torch.testing.assert_close(extract_features(model, photos[3:4]), extract_features(model, photos)[3:4])


def test_features_can_be_trained_on_and_carry_no_graph(small_config, photos):
    features = extract_features(MAEEncoder(small_config()), photos)
    assert not features.requires_grad
    weight = torch.zeros(24, requires_grad=True)
    (features @ weight).sum().backward()
    torch.testing.assert_close(weight.grad, features.sum(dim=0))


@pytest.mark.parametrize(
    ("imgs", "pool", "part"),
    [
        (torch.zeros(2, 3, 24, 16), "mean", r"not \(2, 3, 24, 16\)"),
        (torch.zeros(0, 3, 16, 24), "mean", "at least one"),
        (torch.zeros(2, 3, 16, 24), "max", 'use "mean" or "cls"'),
    ],
)
def test_what_cannot_work_is_told(small_model, imgs, pool, part):
    with pytest.raises(ValueError, match=part):
        extract_features(small_model(), imgs, pool=pool)


def test_pixel_features_are_means_of_tiles(photos):
    got = pixel_features(photos, (2, 3)).reshape(5, 3, 2, 3)
    for row in range(2):
        for column in range(3):
            tile = photos[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            torch.testing.assert_close(got[:, :, row, column], tile.float().mean(dim=(2, 3)) / 255)


def test_stored_features_come_back(tmp_path):
    x = torch.randn(4, 6)
    pixels = torch.randint(0, 256, (4, 6), dtype=torch.uint8)
    tensors = {
        "a.b.train": x.half(),
        "a.b.test": x[:2].half(),
        "raw pixels.train": pixels,
        "raw pixels.test": pixels[:1].clone(),
    }
    tensors |= {"labels.train": torch.tensor([3, 1, 0, 2]).byte(), "labels.test": torch.tensor([1, 0]).byte()}
    save_file(tensors, tmp_path / "x.safetensors", {"classes": '["w", "x", "y", "z"]'})
    found = load_features(tmp_path / "x.safetensors")
    assert (found.labels.tolist(), found.test_labels.tolist(), found.classes) == ([3, 1, 0, 2], [1, 0], list("wxyz"))
    assert list(found.train) == list(found.test) == ["a.b", "raw pixels"]
    assert torch.equal(found.train["a.b"], x.half().float())
    torch.testing.assert_close(found.train["raw pixels"] * 255, pixels.float())


def test_no_features_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="studies.transfer writes them"):
        load_features(tmp_path / "none.safetensors")
