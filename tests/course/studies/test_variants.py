import pytest
import torch

from mae_course.studies.variants import MAEOnAllPatches, MAEOnComponents, MAEWithMaskTokens
from mae_lite.config import MAEConfig
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.patches import patchify, unpatchify

CFG = MAEConfig(
    img_size=(24, 40), patch_size=8, embed_dim=24, depth=2, num_heads=2,
    decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip


def images(b=3, seed=0):
    return torch.randn(b, 3, *CFG.img_size, generator=torch.Generator().manual_seed(seed))


def repainted(imgs, mask):
    """The same images with other pixels in the hidden patches."""
    patches = patchify(imgs, CFG.patch_size)
    return unpatchify(torch.where(mask[..., None], patches + 1, patches), CFG.patch_size, CFG.grid_size)


def built(variant):
    torch.manual_seed(0)
    model = variant(CFG).eval()
    if isinstance(model, MAEOnComponents):
        model.fit(images(20, seed=1))
    return model


VARIANTS = [MAEWithMaskTokens, MAEOnAllPatches, MAEOnComponents]


@pytest.mark.parametrize("variant", VARIANTS)
def test_hidden_pixels_change_no_prediction(variant):
    model, imgs, mask = built(variant), images(), random_mask(CFG.num_patches, batch_size=3)
    one, other = model(imgs, mask), model(repainted(imgs, mask), mask)
    assert torch.equal(one.pred, other.pred)
    assert one.loss != other.loss
    assert not torch.equal(one.pred, model(repainted(imgs, ~mask), mask).pred), "visible ones do"


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_every_parameter(variant):
    model = built(variant)
    model(images(), random_mask(CFG.num_patches, batch_size=3)).loss.backward()
    assert not [
        name for name, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())
    ]


def test_the_encoder_with_mask_tokens_sees_every_position():
    model, imgs, mask = built(MAEWithMaskTokens), images(), random_mask(CFG.num_patches, batch_size=3)
    out = model(imgs, mask)
    assert out.latent.shape == (3, 1 + CFG.num_patches, 24)
    assert out.loss == mae_loss(out.pred, patchify(imgs, 8), mask), "the loss is the paper's"
    with torch.no_grad():
        model.encoder.mask_token.add_(1)
    assert not torch.equal(model(imgs, mask).pred, out.pred), "and the encoder's token is what it sees there"


def test_without_a_mask_it_is_the_same_encoder():
    """So features are compared like with like."""
    encoder = built(MAEWithMaskTokens).encoder
    plain = encoder.without_token()
    assert type(plain) is type(MAE(CFG).encoder)
    torch.testing.assert_close(encoder(images()), plain(images()), rtol=0, atol=1e-5)


def test_the_loss_on_all_patches():
    imgs, mask = images(), random_mask(CFG.num_patches, batch_size=3)
    model = built(MAEOnAllPatches)
    plain = MAE(CFG).eval()
    plain.load_state_dict(model.state_dict())
    out = model(imgs, mask)
    torch.testing.assert_close(out.pred, plain(imgs, mask).pred)
    torch.testing.assert_close(out.loss, (out.pred - patchify(imgs, 8)).square().mean())


def test_components_are_the_directions_of_most_variance():
    """Patches made of three pictures have three components, which hold all of them."""
    generator = torch.Generator().manual_seed(2)
    three = torch.randn(3, CFG.patch_dim, generator=generator)
    patches = 5 + torch.randn(40, CFG.num_patches, 3, generator=generator) @ three
    model = MAEOnComponents(CFG, share=3 / CFG.patch_dim)
    model.fit(unpatchify(patches, CFG.patch_size, CFG.grid_size))
    torch.testing.assert_close(model.components @ model.components.T, torch.eye(3), rtol=0, atol=1e-4)
    scores = (patches - model.centre) @ model.components.T
    torch.testing.assert_close(scores @ model.components + model.centre, patches, rtol=1e-3, atol=1e-2)
    variances = scores.flatten(0, 1).var(dim=0)
    assert (variances[:-1] >= variances[1:]).all(), "the largest first"


def test_the_paper_keeps_one_component_in_eight():
    assert MAEOnComponents(CFG).components.shape == (24, 192)


def test_all_components_are_the_pixels():
    """The loss of a complete orthonormal basis is the pixels' own."""
    model = MAEOnComponents(CFG, share=1.0).eval()
    model.fit(images(20, seed=1))
    imgs, mask = images(), random_mask(CFG.num_patches, batch_size=3)
    out = model(imgs, mask)
    torch.testing.assert_close(out.loss, mae_loss(out.pred, patchify(imgs, 8), mask), rtol=1e-4, atol=1e-4)
