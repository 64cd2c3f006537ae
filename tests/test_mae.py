import math

import pytest
import torch
from torch import nn

from mae_lite.images import load_image
from mae_lite.mae import MAE
from mae_lite.masking import ids_from_mask, random_mask
from mae_lite.patches import normalize_patches, patchify, unpatchify
from mae_lite.weights.assets import list_photos

torch.manual_seed(0)
IMGS = torch.randn(3, 3, 16, 24)
MASK = random_mask(24, 0.75, batch_size=3)


def changed_where(mask, imgs=IMGS):
    """The images with other pixels in the patches of `mask`."""
    patches = patchify(imgs, 4)
    return unpatchify(torch.where(mask[..., None], torch.randn_like(patches), patches), 4, (4, 6))


def test_no_leak_of_hidden_pixels(small_model):
    model = small_model().eval()
    out, other = model(IMGS, MASK), model(changed_where(MASK), MASK)
    assert torch.equal(out.latent, other.latent), "hidden pixels reached the encoder"
    assert torch.equal(out.pred, other.pred), "hidden pixels reached the prediction"
    assert out.loss != other.loss, "yet the loss compares with them"


def test_visible_pixels_matter(small_model):
    model = small_model().eval()
    for patch in (~MASK[0]).nonzero().flatten():
        one = torch.zeros_like(MASK)
        one[0, patch] = True
        out, other = model(IMGS, MASK), model(changed_where(one), MASK)
        assert not torch.isclose(out.pred[0], other.pred[0]).all(dim=-1).any(), "each visible patch reaches every patch"
        assert torch.equal(out.pred[1:], other.pred[1:]), "images of a batch do not see each other"


def test_masked_positions_are_told_apart_from_the_start(small_model):
    pred = small_model()(IMGS, MASK).pred[0][MASK[0]]
    distances = torch.cdist(pred, pred) + torch.eye(len(pred)) * 9
    assert distances.min() > 1e-3, "two masked patches get the same prediction: positions are missing in the decoder"


def test_gradients_reach_every_parameter(small_model):
    model = small_model()
    model(IMGS, MASK).loss.backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    keys = [name for name, p in model.named_parameters() if name.endswith("qkv.bias")]
    assert not without
    for name in keys:  # softmax ignores a constant added to all its scores, so a key's bias has none
        d = dict(model.named_parameters())[name].grad.chunk(3)
        assert d[0].any(), name
        assert d[2].any(), name


def test_weights_at_the_start_are_the_papers(small_config):
    """Xavier's uniform bounds for linear layers, of which the patch embedding is one (appendix A.1)."""
    torch.manual_seed(0)
    model = MAE(small_config())
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) == 1 + 3 * 4 + 2, "patch embedding, four in each block, the decoder's ends"
    for layer in layers:
        weight = layer.weight.flatten(1)
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.9 * bound < weight.abs().max() <= bound, layer
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1), layer
        assert not layer.bias.any(), layer
    for token in (model.encoder.cls_token, model.decoder.mask_token):
        assert 0.01 < token.std() < 0.03


def test_deterministic(small_model):
    model = small_model().eval()
    for one, other in zip(model(IMGS, MASK), model(IMGS, MASK), strict=True):
        assert torch.equal(one, other)


def test_a_batch_of_one_is_a_row_of_a_batch(small_model):
    model = small_model().eval()
    whole = model(IMGS, MASK)
    for i in range(3):
        one = model(IMGS[i : i + 1], MASK[i : i + 1])
        torch.testing.assert_close(one.pred[0], whole.pred[i], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one.latent[0], whole.latent[i], rtol=1e-4, atol=1e-5)


def test_the_order_of_visible_patches_does_not_matter(small_model):
    model = small_model().eval()
    ids_keep, ids_restore = ids_from_mask(MASK)
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    place = torch.cat([order.argsort(), torch.arange(6, 24)])
    shuffled = model.decoder(model.encoder(IMGS, ids_keep[:, order]), place[ids_restore])
    torch.testing.assert_close(shuffled, model(IMGS, MASK).pred, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("in_chans", [1, 5])
def test_other_channels_and_a_tall_picture(small_model, in_chans):
    model = small_model(img_size=(20, 8), in_chans=in_chans)
    mask = random_mask(10, 0.6)
    out = model(torch.randn(1, in_chans, 20, 8), mask)
    assert out.pred.shape == (1, 10, 16 * in_chans)
    assert out.latent.shape == (1, 1 + 4, 24)
    assert out.loss.isfinite()


def test_loss_is_the_error_of_the_masked_patches(small_model):
    out = small_model()(IMGS, MASK)
    errors = (out.pred - patchify(IMGS, 4))[MASK].square()
    torch.testing.assert_close(out.loss, errors.mean())


def test_the_target_is_the_configs(small_model):
    losses = {on: small_model(norm_pix_loss=on)(IMGS, MASK).loss for on in (False, True)}
    pred = small_model()(IMGS, MASK).pred
    target = normalize_patches(patchify(IMGS, 4))[0]
    torch.testing.assert_close(losses[True], (pred - target)[MASK].square().mean())
    assert not torch.isclose(*losses.values())


def test_nothing_masked(small_model):
    out = small_model()(IMGS, random_mask(24, 0.0, batch_size=3))
    assert out.loss == 0
    assert out.pred.isfinite().all()
    assert out.latent.shape == (3, 1 + 24, 24)


def test_one_row_of_mask_serves_the_batch(small_model, unchecked):
    model = small_model().eval()
    one, many = model(IMGS, MASK[:1]), model(IMGS, MASK[:1].expand(3, -1))
    assert torch.equal(one.pred, many.pred)
    assert one.mask.shape == (3, 24)


@pytest.mark.parametrize(
    ("shape", "mask", "numbers"),
    [
        ((1, 3, 24, 16), torch.zeros(1, 24, dtype=torch.bool), ["(b, 3, 16, 24)", "(1, 3, 24, 16)"]),
        ((1, 1, 16, 24), torch.zeros(1, 24, dtype=torch.bool), ["(b, 3, 16, 24)", "(1, 1, 16, 24)"]),
        ((2, 3, 16, 24), torch.zeros(2, 25, dtype=torch.bool), ["(2, 24)", "4x6", "(2, 25)"]),
        ((3, 3, 16, 24), torch.zeros(2, 24, dtype=torch.bool), ["(3, 24)", "(2, 24)"]),
        ((1, 3, 16, 24), torch.zeros(1, 24), ["boolean", "torch.float32"]),
        ((1, 3, 16, 24), torch.ones(1, 24, dtype=torch.bool), ["hides every patch", "leave at least one visible"]),
    ],
)
def test_what_does_not_fit_is_told(small_model, unchecked, shape, mask, numbers):
    with pytest.raises(ValueError, match=r"\.$") as caught:
        small_model()(torch.zeros(shape), mask)
    for number in numbers:
        assert number in str(caught.value)


def test_overfits_eight_photos(small_model, unchecked):
    sizes = {"embed_dim": 64, "num_heads": 4, "decoder_embed_dim": 48, "decoder_num_heads": 4}
    model = small_model(img_size=(32, 48), patch_size=8, **sizes)
    imgs = torch.cat([load_image(path, model) for path in list_photos()[:8]])
    mask = random_mask(24, 0.5, batch_size=8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.95), weight_decay=0)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=100, cycle_momentum=False)
    losses = []
    for _ in range(100):
        loss = model(imgs, mask).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
        losses.append(loss.item())
    assert losses[-1] < 0.25 * losses[0], f"{losses[0]:.3f} to {losses[-1]:.3f}: it must learn 8 photos by heart"


def test_a_step_in_bfloat16(small_model):
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            out = model(IMGS, MASK)
        assert out.loss.dtype == torch.float32, "the loss is computed in float32"
        out.loss.backward()
        optimizer.step()
    full = model(IMGS, MASK).loss
    assert torch.isclose(out.loss, full, rtol=0.3), "and close to the one in full precision"
    assert all(p.isfinite().all() for p in model.parameters())
