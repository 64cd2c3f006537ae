import math

import pytest
import torch
import torch.nn.functional as F

from mae_lite.layers import Attention, Block, Mlp, attend, sincos_2d


@pytest.mark.parametrize(("rows", "columns", "dim"), [(3, 4, 8), (5, 2, 12), (1, 1, 4)])
def test_positions_equal_a_scalar_loop(rows, columns, dim):
    table = sincos_2d((rows, columns), dim)
    quarter = dim // 4
    for r in range(rows):
        for c in range(columns):
            expected = []
            for axis in (c, r):  # the first half is the column
                for f in (math.sin, math.cos):
                    expected += [f(axis / 10000 ** (k / quarter)) for k in range(quarter)]
            assert table[r * columns + c].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_first_half_of_the_channels_is_the_column():
    table = sincos_2d((3, 4), 16).reshape(3, 4, 16)
    assert (table[:, :, :8] == table[:1, :, :8]).all(), "the first half must not change down a column"
    assert (table[:, :, 8:] == table[:, :1, 8:]).all(), "the second half must not change along a row"
    assert len(table.flatten(0, 1).unique(dim=0)) == 12, "every patch has a position of its own"


def test_attention_equals_an_explicit_softmax():
    torch.manual_seed(0)
    b, n, d, heads = 2, 5, 12, 3
    attention, x = Attention(d, heads).double(), torch.randn(b, n, d, dtype=torch.float64)
    weight, bias = attention.qkv.weight, attention.qkv.bias
    q, k, v = (x @ weight[i * d : (i + 1) * d].T + bias[i * d : (i + 1) * d] for i in range(3))
    parts = []
    for h in range(heads):
        s = slice(h * d // heads, (h + 1) * d // heads)
        scores = torch.softmax(q[..., s] @ k[..., s].transpose(1, 2) / math.sqrt(d / heads), dim=-1)
        parts.append(scores @ v[..., s])
    expected = torch.cat(parts, dim=-1) @ attention.proj.weight.T + attention.proj.bias
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.bfloat16, 0.01), (torch.float32, 1e-6)])
def test_attention_in_training_is_that_of_full_precision_to_rounding(dtype, rounding):
    """Output and gradients, whichever kernel serves the precision; what trains nothing gives the same."""
    torch.manual_seed(0)
    exact = torch.randn(3, 2, 4, 50, 16, dtype=torch.float64)
    upstream = torch.randn(2, 4, 50, 16, dtype=torch.float64)
    found = {}
    for kind in (dtype, torch.float64):
        qkv = exact.to(dtype).to(kind).requires_grad_()
        out = attend(*qkv)
        out.backward(upstream.to(kind))
        found[kind] = out.detach().double(), qkv.grad.double()
        with torch.no_grad():
            torch.testing.assert_close(attend(*qkv), out, rtol=2 * rounding, atol=2 * rounding)
    for what, true in zip(found[dtype], found[torch.float64], strict=True):
        assert (what - true).norm() / true.norm() < rounding


def test_attention_does_not_know_the_order():
    torch.manual_seed(0)
    attention, x, order = Attention(8, 2), torch.randn(1, 6, 8), torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(attention(x)[:, order], attention(x[:, order]))


def test_mlp_works_on_each_token_alone():
    torch.manual_seed(0)
    mlp, x = Mlp(8, 20), torch.randn(2, 3, 8)
    erf_gelu = lambda z: 0.5 * z * (1 + torch.erf(z / math.sqrt(2)))  # noqa: E731, the exact GELU, not its tanh form
    expected = erf_gelu(x @ mlp.fc1.weight.T + mlp.fc1.bias) @ mlp.fc2.weight.T + mlp.fc2.bias
    torch.testing.assert_close(mlp(x), expected)
    torch.testing.assert_close(mlp(x[:, 1:2]), mlp(x)[:, 1:2])


def test_block_is_pre_norm_with_two_residuals():
    torch.manual_seed(0)
    block, x = Block(8, 2, mlp_ratio=3.0, eps=1e-3), torch.randn(2, 5, 8)
    for norm in (block.norm1, block.norm2):
        torch.nn.init.normal_(norm.weight)
    norm = lambda x, m: F.layer_norm(x, (8,), m.weight, m.bias, 1e-3)  # noqa: E731
    middle = x + block.attn(norm(x, block.norm1))
    torch.testing.assert_close(block(x), middle + block.mlp(norm(middle, block.norm2)))
    assert block.mlp.fc1.out_features == 24


def test_a_block_that_adds_nothing_is_the_identity():
    block, x = Block(8, 2), torch.randn(1, 4, 8)
    for last in (block.attn.proj, block.mlp.fc2):
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
    assert torch.equal(block(x), x), "both branches add to the stream; nothing else touches it"
