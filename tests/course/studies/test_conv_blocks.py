import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mae_course.studies.conv_blocks import ConvBlock, GatedBlock, PartialBlock, SemanticBlock, SparseBlock, partial_conv

D, H, W = 6, 7, 9


def features(b=2, seed=0):
    return torch.randn(b, D, H, W, generator=torch.Generator().manual_seed(seed))


def some_cells(b=2, share=0.4, seed=1):
    return (torch.rand(b, 1, H, W, generator=torch.Generator().manual_seed(seed)) < share).float()


def test_partial_convolution_against_a_double_loop():
    conv, x, known = nn.Conv2d(D, 4, 3, padding=1), features(), some_cells()
    got, spread = partial_conv(conv, x, known)
    for b in range(2):
        for row in range(H):
            for column in range(W):
                window = [
                    (i, j) for i in range(row - 1, row + 2) for j in range(column - 1, column + 2)
                    if 0 <= i < H and 0 <= j < W
                ]  # fmt: skip
                seen = [(i, j) for i, j in window if known[b, 0, i, j]]
                assert spread[b, 0, row, column] == bool(seen)
                expected = torch.zeros(4)
                if seen:
                    total = sum(conv.weight[:, :, i - row + 1, j - column + 1] @ x[b, :, i, j] for i, j in seen)
                    expected = total * len(window) / len(seen) + conv.bias
                torch.testing.assert_close(got[b, :, row, column], expected, rtol=1e-4, atol=1e-5)


def test_partial_convolution_of_a_constant_does_not_see_the_holes():
    """Which is what the scaling is for: a constant stays what it would be without holes."""
    conv, x = nn.Conv2d(D, 4, 3, padding=1), torch.ones(1, D, H, W)
    with torch.no_grad():
        conv.weight.copy_(conv.weight.mean(dim=(2, 3), keepdim=True).expand_as(conv.weight))
    got, spread = partial_conv(conv, x, known := some_cells(1))
    whole = conv(x)[:, :, 1:-1, 1:-1]  # at the border a plain convolution sees padding
    seen = spread[:, :, 1:-1, 1:-1].expand_as(whole) > 0
    assert 0 < known.mean() < spread.mean()
    torch.testing.assert_close(got[:, :, 1:-1, 1:-1][seen], whole[seen], rtol=1e-4, atol=1e-5)


def test_what_is_known_spreads_one_cell_a_convolution():
    known = torch.zeros(1, 1, H, W)
    known[0, 0, 3, 4] = 1
    _, spread = PartialBlock(D)(features(1), known)  # two convolutions
    expected = torch.zeros(1, 1, H, W)
    expected[0, 0, 1:6, 2:7] = 1
    assert torch.equal(spread, expected)


@pytest.mark.parametrize("block", [PartialBlock, SparseBlock])
def test_unknown_features_change_nothing(block):
    net, x, known = block(D), features(), some_cells()
    told = known if block is PartialBlock else 1 - known
    one, other = net(x * known, told), net(x * known + (1 - known) * 0, told)
    wild = net(torch.where(known > 0, x, 100 * features(seed=9)), told)
    for got in (one, other, wild):
        y = got[0] if isinstance(got, tuple) else got
        first = one[0] if isinstance(one, tuple) else one
        seen = (known > 0).expand_as(y)
        torch.testing.assert_close(y[seen], first[seen])


def test_sparse_features_stay_where_they_are():
    hidden = some_cells()
    x = features() * (1 - hidden)
    y = SparseBlock(D)(x, hidden)
    assert not y[(hidden > 0).expand_as(y)].any(), "hidden cells stay empty, through any number of blocks"
    assert (y != x)[(hidden == 0).expand_as(y)].any()


def test_sparse_without_holes_is_plain_convolution():
    sparse, plain = SparseBlock(D), ConvBlock(D)
    plain.load_state_dict(sparse.state_dict())
    nothing = torch.zeros(2, 1, H, W)
    torch.testing.assert_close(sparse(features(), nothing), plain(features(), nothing))


def test_a_plain_block_has_a_window_of_five():
    """Two 3 x 3 convolutions, a norm of each cell by itself."""
    net, x = ConvBlock(D), features(1)
    changed = x.clone()
    changed[0, :, 3, 4] = torch.randn(D)
    nothing = torch.zeros(1, 1, H, W)
    moved = ((net(changed, nothing) - net(x, nothing)).abs().amax(dim=1) > 1e-6)[0]
    expected = torch.zeros(H, W, dtype=torch.bool)
    expected[1:6, 2:7] = True
    assert torch.equal(moved, expected)


def test_gates_close():
    """With gates shut nothing is added; with gates open it is a plain pair of convolutions."""
    net, x, nothing = GatedBlock(D), features(), torch.zeros(2, 1, H, W)
    with torch.no_grad():
        for conv in (net.conv1, net.conv2):
            conv.weight[D:] = 0
            conv.bias[D:] = -40
    torch.testing.assert_close(net(x, nothing), x)
    with torch.no_grad():
        net.conv1.bias[D:] = 40
        net.conv2.bias[D:] = 40
    y = F.conv2d(F.gelu(F.conv2d(net.norm(x), net.conv1.weight[:D], net.conv1.bias[:D], padding=1)),
                 net.conv2.weight[:D], net.conv2.bias[:D], padding=1)  # fmt: skip
    torch.testing.assert_close(net(x, nothing), x + y)


def test_a_semantic_window_against_a_loop():
    """Attention over the 3 x 3 cells that exist, with what the indicator adds to queries and keys."""
    torch.manual_seed(0)
    net, x, kinds = SemanticBlock(D, kinds=3), features(1), torch.randn(1, 3, H, W)
    with torch.no_grad():
        net.place.normal_()
        net.mix.weight.zero_()
        net.mix.bias.zero_()
    got, _ = net(x, kinds)
    q, k, v = net.qkv(torch.cat([net.norm(x), kinds], dim=1)).chunk(3, dim=1)
    for row, column in ((0, 0), (3, 4), (H - 1, 2)):
        scores, values = [], []
        for n, (dy, dx) in enumerate((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
            i, j = row + dy, column + dx
            if 0 <= i < H and 0 <= j < W:
                scores.append((q[0, :, row, column] * k[0, :, i, j]).sum() * D**-0.5 + net.place[n])
                values.append(v[0, :, i, j])
        mixed = torch.stack(scores).softmax(dim=0) @ torch.stack(values)
        expected = x[0, :, row, column] + net.proj.weight[:, :, 0, 0] @ mixed + net.proj.bias
        torch.testing.assert_close(got[0, :, row, column], expected, rtol=1e-4, atol=1e-5)


def test_the_indicator_changes_from_block_to_block():
    net, kinds = SemanticBlock(D, kinds=3), torch.zeros(1, 3, H, W)
    _, refined = net(features(1), kinds)
    assert refined.shape == kinds.shape
    assert (refined != kinds).any()
