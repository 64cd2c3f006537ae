import pytest
import torch

from mae_course.studies.fillers import (
    CELL,
    DEPTH,
    KINDS,
    PARAMETERS,
    Filler,
    count_parameters,
    load_filler,
    make_filler,
    save_filler,
)
from mae_lite.masking import pixel_mask, random_mask

CONVOLUTIONS = [kind for kind in KINDS if kind != "vit"]


def images(b=2, seed=0):
    return torch.randn(b, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def some_hidden(b=2, seed=0):
    return pixel_mask(random_mask(64, 0.75, batch_size=b, seed=seed), (8, 8), 8)


def built(kind):
    torch.manual_seed(0)
    return make_filler(kind).eval()


@pytest.fixture(scope="module")
def nets():
    return {kind: built(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_pixels_change_nothing(nets, kind):
    net, x, hidden = nets[kind], images(), some_hidden()
    painted = net(x, hidden)
    assert painted.shape == x.shape
    assert torch.equal(net(torch.where(hidden, images(seed=1), x), hidden), painted), "no network sees the answer"
    assert not torch.equal(net(torch.where(hidden, x, images(seed=1)), hidden), painted)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind):
    net = built(kind)
    for _, p in net.named_parameters():  # place, biases and the like begin at 0, which would hide a missing path
        p.data += 0.01 * torch.randn_like(p)
    net(images(), some_hidden()).square().mean().backward()
    unused = {name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()}
    assert unused <= {"blocks.5.kind.weight", "blocks.5.kind.bias"}, "the last indicator is not read"


@pytest.mark.parametrize("kind", KINDS)
def test_all_are_about_equally_large(nets, kind):
    assert count_parameters(nets[kind]) == pytest.approx(PARAMETERS, rel=0.08)


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_features_are_those_the_picture_is_made_from(nets, kind):
    net, x, hidden = nets[kind], images(), some_hidden()
    features = net.features(x, hidden)
    assert len(features) == DEPTH + 1
    assert all(f.shape[2:] == (64 // CELL, 64 // CELL) for f in features)
    painted = torch.nn.functional.pixel_shuffle(net.head(features[-1]), CELL)
    assert torch.equal(painted, net(x, hidden))


def told_apart(net, hidden):
    """Whether an image that is the mean colour everywhere gives other features where it is hidden: only if told."""
    features = net.features(torch.zeros(1, 3, 64, 64), hidden)[0]
    cells = hidden[0, 0, ::CELL, ::CELL]
    return (features[0, :, cells].mean(dim=1) - features[0, :, ~cells].mean(dim=1)).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("kind", "told"),
    [("zeros", False), ("mask channel", True), ("embedding", True), ("sparse", True), ("partial", True),
     ("gated", True), ("mask and position", True), ("at the end", False), ("no padding", False)],
)  # fmt: skip
def test_who_is_told_what_is_hidden(nets, kind, told):
    assert told_apart(nets[kind], some_hidden(1)) == told


def test_position_channels_run_from_edge_to_edge():
    net = Filler("position channels", 8)
    row, column = net.channels(torch.zeros(1, 1, 4, 6, dtype=torch.bool), torch.float32)
    assert row[0, 0, :, 0].tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert (row == row[..., :1]).all()
    assert column[0, 0, 0].tolist() == pytest.approx([-1, -0.6, -0.2, 0.2, 0.6, 1])


def test_at_the_end_is_told_before_the_last_block_only():
    told, plain = Filler("at the end", 8), Filler("zeros", 8)
    plain.load_state_dict({name: x for name, x in told.state_dict().items() if not name.startswith("late")})
    one, other = (net.features(images(), some_hidden()) for net in (told, plain))
    assert all(torch.equal(a, b) for a, b in zip(one[:DEPTH], other[:DEPTH], strict=True))
    x, cells = other[DEPTH - 1], some_hidden()[:, :, ::CELL, ::CELL].float()
    where = torch.linspace(-1, 1, 16).view(1, 1, 16, 1).expand_as(cells)
    expected = told.blocks[-1](x + told.late(torch.cat([cells, where, where.transpose(2, 3)], dim=1)), cells)
    torch.testing.assert_close(one[DEPTH], expected)


@pytest.mark.parametrize("kind", ["sparse", "at the end", "vit"])
def test_weights_are_kept_in_half_precision(tmp_path, kind):
    net = make_filler(kind, 20_000).eval()
    save_filler(net, tmp_path / "new" / "net.safetensors")
    again = load_filler(tmp_path / "new" / "net.safetensors")
    assert (again.kind, count_parameters(again)) == (kind, count_parameters(net))
    torch.testing.assert_close(again(images(), some_hidden()), net(images(), some_hidden()), atol=0.02, rtol=0.02)
    assert (tmp_path / "new" / "net.safetensors").stat().st_size < 2.5 * count_parameters(net) + 10_000


def test_without_padding_no_place_is_special(nets):
    """A shifted image gives shifted features; with padding the border differs."""
    x, hidden = images(1), some_hidden(1)
    moved = [t.roll((16, 24), dims=(2, 3)) for t in (x, hidden)]
    for kind, same in (("no padding", True), ("zeros", False)):
        one, other = nets[kind].features(x, hidden)[-1], nets[kind].features(*moved)[-1]
        close = torch.allclose(one.roll((16 // CELL, 24 // CELL), dims=(2, 3)), other, atol=1e-4)
        assert close == same, kind


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match='There is no kind "magic"; use one of zeros'):
        make_filler("magic")
