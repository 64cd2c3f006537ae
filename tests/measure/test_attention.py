"""The weights read out of a running model are those it used, and a decoder without some of them loses just these."""

import pytest
import torch

from mae_lite.layers import Attention
from mae_lite.masking import ids_from_mask, random_mask
from mae_lite.measure.attention import (
    KINDS,
    attention_weights,
    decoder_attention,
    encoder_attention,
    forward_without,
    token_kinds,
    untrained,
)

B, N = 2, 24  # 4 x 6 patches


@pytest.fixture
def imgs():
    return torch.randn(B, 3, 16, 24, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask():
    return random_mask(N, 0.75, batch_size=B, seed=3)


def by_loops(layer, x):
    """Softmax over scaled dot products, one pair of tokens at a time."""
    b, t, d = x.shape
    size = d // layer.num_heads
    weights = torch.zeros(b, layer.num_heads, t, t)
    q, k, _ = (layer.qkv(x)[..., part * d : (part + 1) * d] for part in range(3))
    for i in range(b):
        for head in range(layer.num_heads):
            part = slice(head * size, (head + 1) * size)
            for row in range(t):
                fits = torch.stack([(q[i, row, part] * k[i, key, part]).sum() / size**0.5 for key in range(t)])
                weights[i, head, row] = fits.exp() / fits.exp().sum()
    return weights


def test_weights_are_softmax_of_scaled_products_and_rows_sum_to_one():
    torch.manual_seed(0)
    layer, x = Attention(12, 3), torch.randn(2, 5, 12)
    weights = attention_weights(layer, x)
    torch.testing.assert_close(weights, by_loops(layer, x))
    torch.testing.assert_close(weights.sum(dim=3), torch.ones(2, 3, 5), msg="a row is one query's shares")


def test_weights_times_values_is_what_the_layer_computed():
    """The layer calls scaled_dot_product_attention, which keeps its weights to itself."""
    torch.manual_seed(1)
    layer, x = Attention(24, 3), torch.randn(2, 7, 24)
    v = layer.qkv(x)[..., 48:].reshape(2, 7, 3, 8).transpose(1, 2)
    mixed = attention_weights(layer, x) @ v
    torch.testing.assert_close(layer.proj(mixed.transpose(1, 2).reshape(2, 7, 24)), layer(x))


def test_every_layer_is_recorded_in_order_from_its_own_input(small_model, imgs, mask):
    model = small_model(decoder_depth=3).eval()
    ids_keep, ids_restore = ids_from_mask(mask)
    found = encoder_attention(model, imgs, mask)
    assert found.shape == (2, B, 3, 7, 7), "layers, images, heads, and the class token with 6 visible patches"
    x = model.encoder.patch_embed(imgs).flatten(2).transpose(1, 2) + model.encoder.pos_embed
    x = torch.cat([model.encoder.cls_token.expand(B, -1, -1), torch.stack([x[i, ids_keep[i]] for i in range(B)])], 1)
    for weights, block in zip(found, model.encoder.blocks, strict=True):
        torch.testing.assert_close(weights, attention_weights(block.attn, block.norm1(x)))
        x = block(x)
    assert encoder_attention(model.encoder, imgs).shape == (2, B, 3, 25, 25), "no mask: all patches"
    found = decoder_attention(model, imgs, mask)
    assert found.shape == (3, B, 2, 25, 25)
    x = model.decoder.embed(model.encoder(imgs, ids_keep))
    listed = torch.cat([x[:, 1:], model.decoder.mask_token.expand(B, 18, -1)], dim=1)
    placed = torch.stack([listed[i, ids_restore[i]] for i in range(B)]) + model.decoder.pos_embed
    x = torch.cat([x[:, :1], placed], dim=1)
    torch.testing.assert_close(
        found[0], attention_weights(model.decoder.blocks[0].attn, model.decoder.blocks[0].norm1(x))
    )


def test_one_mask_serves_the_batch(small_model, imgs, mask):
    model = small_model().eval()
    one = mask[:1]
    torch.testing.assert_close(encoder_attention(model, imgs, one), encoder_attention(model, imgs, one.expand(B, -1)))


def test_looking_changes_nothing_and_leaves_no_hook(small_model, imgs, mask):
    model = small_model().eval()
    before = model(imgs, mask).pred
    encoder_attention(model, imgs)
    decoder_attention(model, imgs, mask)
    forward_without(model, imgs, mask, ["hidden"])
    assert torch.equal(model(imgs, mask).pred, before)
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(ValueError, match=r"shape \(b, 3, 16, 24\), not \(2, 3, 16, 16\)"):
        decoder_attention(model, imgs[..., :16], mask)
    assert not any(module._forward_hooks for module in model.modules()), "a failed pass must clean up too"


def test_control_has_the_size_and_other_weights_and_leaves_the_random_state(small_model):
    model = small_model().eval()
    state = torch.get_rng_state()
    one, again, other = untrained(model), untrained(model), untrained(model, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.cfg == model.cfg
    assert not one.training
    key = "encoder.blocks.0.attn.qkv.weight"
    weights = [m.state_dict()[key] for m in (one, again, other, small_model())]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(weights[0], weights[3]), "seed 0 is how a training would begin"


def test_kinds_share_out_the_tokens(mask):
    kinds = token_kinds(mask)
    assert tuple(kinds) == KINDS
    assert torch.equal(sum(kind.long() for kind in kinds.values()), torch.ones(B, 1 + N, dtype=torch.long))
    assert kinds["class"].nonzero().tolist() == [[0, 0], [1, 0]], "the class token is first"
    assert torch.equal(kinds["hidden"][:, 1:], mask)


def slow_ban(model, imgs, mask, keys, queries):
    """The decoder token by token, where a query is given only the keys it may attend to."""
    decoder = model.decoder
    ids_keep, ids_restore = ids_from_mask(mask)
    x = decoder.embed(model.encoder(imgs, ids_keep))
    listed = torch.cat([x[:, 1:], decoder.mask_token.expand(len(x), N - 6, -1)], dim=1)
    placed = torch.stack([listed[i, ids_restore[i]] for i in range(len(x))]) + decoder.pos_embed
    x = torch.cat([x[:, :1], placed], dim=1)
    for block in decoder.blocks:
        y, attended = block.norm1(x), torch.zeros_like(x)
        for i in range(len(x)):
            kind = ["class", *("hidden" if hides else "visible" for hides in mask[i])]
            for t in range(1 + N):
                banned = [
                    kind[t] == queries and ("itself" in keys if key == t else kind[key] in keys) for key in range(1 + N)
                ]
                allowed = [key for key in range(1 + N) if not banned[key]]
                weights = attention_weights(block.attn, y[i : i + 1])[0, :, t, allowed]
                weights = weights / weights.sum(dim=1, keepdim=True)
                v = block.attn.qkv(y[i])[allowed, -x.shape[2] :].reshape(len(allowed), block.attn.num_heads, -1)
                attended[i, t] = block.attn.proj(torch.einsum("hk,khd->hd", weights, v).flatten())
        x = x + attended
        x = x + block.mlp(block.norm2(x))
    return decoder.pred(decoder.norm(x)[:, 1:])


@pytest.mark.parametrize(
    ("keys", "queries"),
    [
        (["hidden"], "hidden"),
        (["hidden", "itself"], "hidden"),
        (["visible", "class"], "hidden"),
        (["visible"], "class"),
    ],
)
@torch.no_grad()
def test_forbidden_keys_have_no_part_in_the_output(small_model, imgs, mask, keys, queries):
    model = small_model(decoder_depth=2).eval()
    got = forward_without(model, imgs[:1], mask[:1], keys, queries).pred
    torch.testing.assert_close(got, slow_ban(model, imgs[:1], mask[:1], keys, queries), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(got, model(imgs[:1], mask[:1]).pred), "the ban changed nothing"


@torch.no_grad()
def test_nothing_forbidden_changes_nothing(small_model, imgs, mask):
    model = small_model().eval()
    free, plain = forward_without(model, imgs, mask, []), model(imgs, mask)
    torch.testing.assert_close(free.pred, plain.pred)
    torch.testing.assert_close(free.loss, plain.loss)


@torch.no_grad()
def test_hidden_tokens_that_see_no_visible_one_know_nothing_of_the_picture(small_model, imgs, mask):
    """With neither visible patches nor class token a hidden patch is predicted from positions alone."""
    model = small_model(decoder_depth=2).eval()
    one = forward_without(model, imgs, mask, ["visible", "class"]).pred[0]
    other = forward_without(model, imgs.flip(0), mask[:1], ["visible", "class"]).pred[0]
    torch.testing.assert_close(one[mask[0]], other[mask[0]])
    assert not torch.allclose(one[~mask[0]], other[~mask[0]])


def test_what_cannot_be_asked_is_refused_in_a_sentence(small_model, imgs, mask):
    model = small_model().eval()
    with pytest.raises(ValueError, match='queries is "masked", .* use visible, hidden, class'):
        forward_without(model, imgs, mask, ["hidden"], queries="masked")
    with pytest.raises(ValueError, match="keys are neighbours"):
        forward_without(model, imgs, mask, ["neighbours"])
    with pytest.raises(ValueError, match="hidden token has nothing left to attend to"):
        forward_without(model, imgs, mask, ["visible", "hidden", "class", "itself"])
    with pytest.raises(ValueError, match="depth is 0"):
        decoder_attention(small_model(decoder_depth=0), imgs, mask)
    with pytest.raises(ValueError, match=r"shape \(b, 3, 16, 24\)"):
        encoder_attention(model, imgs[..., :16])
