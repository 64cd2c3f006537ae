"""Read-outs find what was put in, CKA does not mind a rotation, and components are those of a known matrix."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mae_lite.layers import sincos_2d
from mae_lite.measure.probes import linear_readout
from mae_lite.measure.representations import (
    cka_matrix,
    cosine_similarity,
    layer_features,
    linear_cka,
    pca_colours,
    plain_facts,
    position_readout,
    principal_components,
    r_squared,
    share_explained,
)

GRID = (4, 6)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rotation(d, seed=0):
    return torch.linalg.qr(noise(d, d, seed=seed))[0]


@torch.no_grad()
def test_layers_are_the_stream_before_and_after_each_block(small_model):
    model, imgs = small_model().eval(), noise(2, 3, 16, 24)
    found = layer_features(model, imgs)
    assert found.shape == (3, 2, 24, 24), "embedding and two blocks, without the class token"
    embedded = model.encoder.patch_embed(imgs).flatten(2).transpose(1, 2) + model.encoder.pos_embed
    torch.testing.assert_close(found[0], embedded)
    torch.testing.assert_close(model.encoder.norm(found[2]), model.encoder(imgs)[:, 1:])
    torch.testing.assert_close(layer_features(model.encoder, imgs), found)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert layer_features(small_model(depth=0), imgs).shape == (1, 2, 24, 24)
    with pytest.raises(ValueError, match=r"\(b, 3, 16, 24\)"):
        layer_features(model, imgs[..., :16])


def test_cosine_of_rows():
    x = torch.tensor([[3.0, 0], [0, 2], [-1, 0], [1, 1]])
    expected = torch.tensor([[1, 0, -1, 0.5**0.5], [0, 1, 0, 0.5**0.5]])
    torch.testing.assert_close(cosine_similarity(x)[:2], expected)


def test_readout_recovers_a_linear_law_and_its_intercept():
    x, law = noise(200, 7), noise(7, 2, seed=1)
    y, asked = x @ law + torch.tensor([5.0, -3.0]), noise(30, 7, seed=2) + 1
    guess = linear_readout(x, y, asked, ridge=1e-6)
    torch.testing.assert_close(guess, asked @ law + torch.tensor([5.0, -3.0]), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(linear_readout(x, y, asked[:1], ridge=1e-6), guess[:1], msg="rows are asked one by one")


def test_r_squared_is_one_for_the_truth_and_none_for_the_mean():
    y = noise(50, 2)
    torch.testing.assert_close(r_squared(y, y), torch.ones(2))
    torch.testing.assert_close(r_squared(y.mean(dim=0).expand_as(y), y), torch.zeros(2), atol=1e-6, rtol=0)
    assert (r_squared(-y, y) < 0).all()


def test_position_is_found_where_it_is_and_not_where_it_is_not():
    """Tokens that hold the row plainly, the column not at all: R2 near 1 and near 0, in this order."""
    row = torch.arange(24) // 6
    tokens = noise(40, 24, 8)
    tokens[..., 3] += 10 * row
    found = position_readout(tokens, GRID)
    assert found[0] > 0.98
    assert abs(found[1]) < 0.2
    table = sincos_2d((10, 12), 64)
    assert (position_readout(table[None], (10, 12)) > 0.95).all(), "the package's own positions, by other squares"


def test_position_cannot_be_learned_by_heart():
    """A token that says which patch it is, and nothing about where, tells nothing of patches not seen in fitting."""
    tokens = torch.eye(24).expand(6, -1, -1)
    assert (position_readout(tokens, GRID) < 0.1).all()
    with pytest.raises(ValueError, match="25 tokens do not fill a grid of 4x6"):
        position_readout(noise(2, 25, 8), GRID)


def test_position_is_measured_on_other_images():
    """The first of two images holds it plainly, the second not at all: a readout fitted to the first finds nothing."""
    tokens = noise(2, 24, 4)
    tokens[0, :, :2] = torch.cartesian_prod(torch.arange(4), torch.arange(6)).float()
    assert (position_readout(tokens[:1], GRID) > 0.9).all()
    assert (position_readout(tokens, GRID) < 0.3).all()


def test_components_of_a_matrix_of_known_rank():
    """x = 3 u1 v1' + 2 u2 v2' in 10 dimensions: two directions hold everything, 9 to 4."""
    u, _ = torch.linalg.qr(noise(40, 2) - noise(40, 2).mean(dim=0))
    v = rotation(10)[:2]
    scores, share = principal_components(3 * u[:, :1] @ v[:1] + 2 * u[:, 1:] @ v[1:] + 7, k=3)
    torch.testing.assert_close(share, torch.tensor([9 / 13, 4 / 13, 0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(scores[:, :2].abs(), (u * torch.tensor([3.0, 2.0])).abs(), atol=1e-4, rtol=0)
    assert scores[:, 2].abs().max() < 1e-4
    with pytest.raises(ValueError, match="40 rows of 10 numbers have no 11"):
        principal_components(noise(40, 10), 11)


@pytest.mark.parametrize("seed", range(5))
def test_components_have_a_fixed_sign(seed):
    x = noise(30, 5, seed=seed)
    scores, _ = principal_components(x)
    directions = (x - x.mean(dim=0)).T @ scores  # as long as they like
    assert (directions.gather(0, directions.abs().argmax(dim=0, keepdim=True)) > 0).all(), (
        "the largest entry is positive"
    )
    one, other = principal_components(x)[0], principal_components(x.clone()[torch.arange(29, -1, -1)])[0]
    torch.testing.assert_close(one, other.flip(0), msg="the order of the rows must not turn a direction round")


def test_colours_are_common_to_all_images_and_within_bounds():
    tokens = noise(3, 24, 8)
    tokens[1] = tokens[0]
    colours = pca_colours(tokens)
    assert colours.shape == (3, 24, 3)
    assert torch.equal(colours[0], colours[1]), "equal tokens have equal colours, whichever image they are in"
    assert colours.min() == 0
    assert colours.max() == 1
    assert (colours.flatten(0, 1).std(dim=0) > 0.2).all()


@given(d=st.integers(2, 12), scale=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_cka_of_a_rotated_and_scaled_copy_is_one(d, scale, seed):
    x = noise(50, d, seed=seed)
    assert linear_cka(x, scale * x @ rotation(d, seed) + 3) == pytest.approx(1, abs=1e-4)


def test_cka_of_unrelated_things_is_small_and_it_is_symmetric():
    x, y = noise(2000, 6), noise(2000, 9, seed=1)
    assert linear_cka(x, y) < 0.02
    assert linear_cka(x, y) == pytest.approx(linear_cka(y, x), rel=1e-4)
    assert linear_cka(x, torch.cat([x, y], dim=1)) > 0.5


def test_cka_by_gram_matrices():
    """The definition: the inner product of the centred Gram matrices, over their norms."""
    x, y = noise(20, 4), noise(20, 7, seed=1) + noise(20, 4) @ noise(4, 7, seed=2)
    centre = torch.eye(20) - 1 / 20
    kx, ky = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    assert linear_cka(x, y) == pytest.approx(((kx * ky).sum() / (kx.norm() * ky.norm())).item(), rel=1e-4)
    stack = torch.stack([y, y * noise(7, seed=3)])
    found = cka_matrix(x[None], stack)
    assert found.shape == (1, 2)
    assert found[0].tolist() == pytest.approx([linear_cka(x, other) for other in stack], rel=1e-4)


def test_plain_facts_of_a_patch():
    imgs = torch.zeros(1, 3, 8, 12)
    imgs[:, 0] = 2
    imgs[0, 1, 4:, 8:] = torch.eye(4)  # the last of 2 x 3 patches
    facts = plain_facts(imgs, 4)[0]
    assert facts.shape == (6, 6)
    torch.testing.assert_close(facts[0], torch.tensor([2, 0, 0, imgs[0, :, :4, :4].std(), -1, -1]))
    torch.testing.assert_close(facts[5], torch.tensor([2, 0.25, 0, imgs[0, :, 4:, 8:].std(), 1, 1]))
    assert facts[1, 4:].tolist() == [-1, 0], "row, then column"


def test_share_explained():
    causes, other = noise(100, 3), noise(100, 2, seed=1)
    assert share_explained(causes @ noise(3, 4, seed=2) + 5, causes) == pytest.approx(1, abs=1e-4)
    assert share_explained(other, causes) < 0.1
    half = torch.cat([causes[:, :1], other[:, :1] * (causes[:, :1].std() / other[:, :1].std())], dim=1)
    assert share_explained(half, causes[:, :1]) == pytest.approx(0.5, abs=0.05)
