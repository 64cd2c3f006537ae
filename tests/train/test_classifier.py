"""An encoder as timm's Vision Transformer, and which parts of it learn."""

import pytest
import timm
import torch

from mae_lite.mae import MAE
from mae_lite.measure.features import extract_features
from mae_lite.train.classifier import freeze, make_classifier, to_timm


@pytest.fixture
def trained(small_config):
    """A function: a model none of whose tensors are trivial, as after training."""

    def build(**changes):
        torch.manual_seed(0)
        model = MAE(small_config(**changes))
        with torch.no_grad():
            for p in model.parameters():
                p += 0.1 * torch.randn_like(p)
        return model.eval()

    return build


SIZES = [
    {},
    {"depth": 0},
    {"depth": 5, "mlp_ratio": 2.0},
    {"img_size": (24, 8), "in_chans": 1},
    {"patch_size": 8, "num_heads": 2, "layer_norm_eps": 1e-3},
]


@pytest.mark.parametrize("pool", ["mean", "cls"])
@pytest.mark.parametrize("changes", SIZES, ids=str)
def test_timm_gives_the_same_features(trained, changes, pool):
    model = trained(**changes)
    imgs = torch.randn(3, model.cfg.in_chans, *model.cfg.img_size)
    vit = to_timm(model, pool=pool).eval()
    assert isinstance(vit, timm.models.VisionTransformer)
    torch.testing.assert_close(vit(imgs), extract_features(model, imgs, pool=pool), rtol=0, atol=1e-4)
    torch.testing.assert_close(vit.forward_features(imgs), model.encoder(imgs), rtol=0, atol=1e-4)


def test_it_is_a_copy_and_leaves_the_random_numbers_alone(trained):
    model = trained()
    before, state = [p.clone() for p in model.parameters()], torch.get_rng_state()
    vit = to_timm(model.encoder, 4)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        for p in vit.parameters():
            p.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def learning(vit):
    """The names that get a gradient from a loss."""
    vit.zero_grad()
    vit(torch.randn(6, 3, 16, 24)).square().sum().backward()
    return {name for name, p in vit.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}


@pytest.fixture
def classifier(trained):
    """A function: a classifier of a depth-3 encoder, its head away from zero so that gradients pass."""

    def build(blocks):
        vit = make_classifier(trained(depth=3), 4, blocks=blocks)
        torch.nn.init.normal_(vit.head[-1].weight)
        return vit

    return build


HEAD = {"head.1.weight", "head.1.bias"}


@pytest.mark.parametrize(
    ("blocks", "parts"),
    [
        (0, ()),
        (0.5, ("norm.", "blocks.2.norm2.", "blocks.2.mlp.")),
        (1, ("norm.", "blocks.2.")),
        (2, ("norm.", "blocks.2.", "blocks.1.")),
        (3, ("norm.", "blocks.", "patch_embed.", "cls_token")),
        (None, ("norm.", "blocks.", "patch_embed.", "cls_token")),
    ],
)
def test_gradients_reach_the_last_blocks_alone(classifier, blocks, parts):
    vit = classifier(blocks)
    want = HEAD | {name for name, _ in vit.named_parameters() if name.startswith(parts)} if parts else HEAD
    assert learning(vit) == want
    assert "pos_embed" not in want, "positions are a fixed table"


def test_freeze_can_be_changed_again(classifier):
    vit = classifier(0)
    everything = learning(classifier(None))
    freeze(vit, None)
    assert learning(vit) == everything


@pytest.mark.parametrize("blocks", [4, 1.5, -1, 0.25])
def test_blocks_that_are_not_there(classifier, blocks):
    with pytest.raises(ValueError, match=f"blocks is {blocks}; .* encoder's 3 blocks"):
        classifier(blocks)


def test_pool_of_another_name(trained):
    with pytest.raises(ValueError, match='use "mean" or "cls"'):
        to_timm(trained(), pool="max")
