"""Shares add up, a uniform attention has the distance geometry gives it, and roll-out multiplies in the right order."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mae_lite.masking import ids_from_mask, random_mask
from mae_lite.measure.attention import decoder_attention, encoder_attention
from mae_lite.measure.inspection import (
    attention_distance,
    attention_rollout,
    attention_shares,
    patch_distances,
    token_distances,
    token_shares,
)

LAYERS, B, HEADS = 3, 2, 4
MASK = torch.tensor([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1]]).bool()


def random_weights(t, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(LAYERS, B, HEADS, t, t, generator=generator).mul(2).softmax(dim=4)


def test_shares_of_each_token_by_hand():
    weights = random_weights(6)
    shares = token_shares(weights, MASK)
    assert list(shares) == ["visible", "hidden", "class", "itself"]
    torch.testing.assert_close(sum(shares.values()), torch.ones(LAYERS, B, HEADS, 6))
    row = weights[
        1, 0, 2, 3
    ].tolist()  # image 0: tokens are class, hidden, visible, hidden, hidden, visible; 3 is hidden
    assert [shares[kind][1, 0, 2, 3].item() for kind in shares] == pytest.approx(
        [row[2] + row[5], row[1] + row[4], row[0], row[3]]
    )
    row = weights[2, 1, 0, 0]  # the class token itself
    assert shares["class"][2, 1, 0, 0].item() == 0
    assert shares["itself"][2, 1, 0, 0].item() == pytest.approx(row[0].item())


@pytest.mark.parametrize("queries", ["visible", "hidden", "class"])
def test_mean_shares_are_over_the_tokens_asked_for(queries):
    weights = random_weights(6)
    each, found = token_shares(weights, MASK), attention_shares(weights, MASK, queries)
    tokens = {"class": [[0], [0]], "hidden": [[1, 3, 4], [2, 3, 5]], "visible": [[2, 5], [1, 4]]}[queries]
    for kind, share in found.items():
        values = torch.cat([each[kind][:, i][..., tokens[i]] for i in range(B)], dim=2)
        torch.testing.assert_close(share, values.mean(dim=2))
    torch.testing.assert_close(sum(found.values()), torch.ones(LAYERS, HEADS))


def test_uniform_attention_gives_each_kind_its_number_of_tokens():
    found = attention_shares(torch.full((1, B, 1, 6, 6), 1 / 6), MASK, "hidden")
    assert {kind: share.item() * 6 for kind, share in found.items()} == pytest.approx(
        {"visible": 2, "hidden": 2, "class": 1, "itself": 1}
    )


def test_shares_of_no_token_are_refused():
    with pytest.raises(ValueError, match='no "hidden" token'):
        attention_shares(random_weights(6), torch.zeros(B, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match='no "mask" token here; queries is one of visible, hidden, class'):
        attention_shares(random_weights(6), MASK, "mask")


def test_distances_between_patches_by_loops():
    rows, columns = 3, 5
    found = patch_distances((rows, columns))
    for i in range(15):
        for j in range(15):
            expected = math.hypot(i // columns - j // columns, i % columns - j % columns)
            assert found[i, j].item() == pytest.approx(expected), "patches are numbered row by row"


def test_uniform_attention_has_the_known_distance():
    """On a line of n patches the mean of |i - j| over all pairs is (n^2 - 1) / (3 n)."""
    n = 9
    weights = torch.full((1, 1, 1, n + 1, n + 1), 1 / (n + 1))
    for grid in ((1, n), (n, 1)):
        assert attention_distance(weights, grid).item() == pytest.approx((n * n - 1) / (3 * n))


def test_attention_to_itself_is_at_no_distance_and_to_the_right_neighbour_at_one():
    rows, columns = 3, 4
    same = torch.eye(13)[None, None, None]
    assert attention_distance(same, (rows, columns)).item() == 0
    right = torch.zeros(13, 13)
    right[0, 0] = 1
    for patch in range(12):
        right[1 + patch, 1 + (patch + 1 if (patch + 1) % columns else patch - 1)] = 1
    assert attention_distance(right[None, None, None], (rows, columns)).item() == 1


def test_the_class_token_does_not_count_however_much_it_gets():
    weights = random_weights(13)
    other = weights.clone()
    other[..., 1:, 0] = 0.9
    other[..., 1:, 1:] *= 0.1 / weights[..., 1:, 1:].sum(dim=4, keepdim=True)
    other[..., 0, :] = torch.eye(13)[5]
    torch.testing.assert_close(attention_distance(weights, (3, 4)), attention_distance(other, (3, 4)))


def test_distance_under_a_mask_is_between_the_patches_that_are_left():
    mask = random_mask(20, 0.7, batch_size=B, seed=1)
    ids_keep = ids_from_mask(mask)[0]
    weights = random_weights(7)
    found = token_distances(weights, (4, 5), ids_keep)
    for i in range(B):
        for q in range(6):
            row = weights[2, i, 1, 1 + q, 1:]
            apart = [math.dist(divmod(ids_keep[i, q].item(), 5), divmod(k, 5)) for k in ids_keep[i].tolist()]
            expected = (row * torch.tensor(apart)).sum() / row.sum()
            assert found[2, i, 1, q].item() == pytest.approx(expected.item(), abs=1e-5)
    torch.testing.assert_close(attention_distance(weights, (4, 5), ids_keep), found.mean(dim=(1, 3)))


def test_rollout_of_identity_is_identity():
    same = torch.eye(5).expand(LAYERS, B, HEADS, 5, 5)
    torch.testing.assert_close(attention_rollout(same), torch.eye(5).expand(B, 5, 5))


@given(t=st.integers(1, 9), seed=st.integers(0, 1000))
def test_rollout_rows_sum_to_one_and_are_positive(t, seed):
    rolled = attention_rollout(random_weights(t, seed))
    torch.testing.assert_close(rolled.sum(dim=2), torch.ones(B, t))
    assert (rolled > 0).all()


def test_rollout_of_two_layers_by_hand():
    """Layer 1 sends token 0 to look at 1, layer 2 sends 2 to look at 0: so 2 reaches 1 by way of 0, and never back."""
    first, second = torch.eye(3), torch.eye(3)
    first[0] = torch.tensor([0.0, 1, 0])
    second[2] = torch.tensor([1.0, 0, 0])
    weights = torch.stack([first, second])[:, None, None]
    expected = torch.tensor([[0.5, 0.5, 0], [0, 1, 0], [0.25, 0.25, 0.5]])
    torch.testing.assert_close(attention_rollout(weights)[0], expected)
    turned = attention_rollout(weights.flip(0))[0]
    assert turned[2, 1].item() == 0, "with the layers the other way round nothing gets from 1 to 2"


def test_rollout_takes_the_mean_of_the_heads():
    weights = random_weights(5)
    torch.testing.assert_close(attention_rollout(weights), attention_rollout(weights.mean(dim=2, keepdim=True)))


def test_on_a_real_model(small_model):
    model = small_model().eval()
    imgs = torch.randn(B, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    mask = random_mask(24, 0.75, batch_size=1, seed=3)
    weights = decoder_attention(model, imgs, mask)
    shares = attention_shares(weights, mask)
    torch.testing.assert_close(sum(shares.values()), torch.ones(1, 2))
    assert attention_distance(encoder_attention(model, imgs), (4, 6)).shape == (2, 3)
