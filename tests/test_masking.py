import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mae_lite.masking import (
    STRATEGIES,
    block_mask,
    draw_mask,
    draw_order,
    grid_mask,
    ids_from_mask,
    mask_from_grid,
    num_masked,
    pixel_mask,
    random_mask,
)

grids = st.tuples(st.integers(1, 9), st.integers(1, 9))
ratios = st.floats(0, 1, exclude_max=True)
seeds = st.integers(0, 2**32)


def largest_region(mask, grid):
    """Patches in the largest connected hidden region, by flood fill."""
    left, best = {divmod(i, grid[1]) for i in mask.flatten().nonzero().flatten().tolist()}, 0
    while left:
        todo, size = [left.pop()], 0
        while todo:
            r, c = todo.pop()
            size += 1
            for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if near in left:
                    left.remove(near)
                    todo.append(near)
        best = max(best, size)
    return best


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(grids, ratios, seeds)
@settings(max_examples=40, deadline=None)
def test_the_count_is_exact(strategy, grid, ratio, seed):
    n = grid[0] * grid[1]
    mask = draw_mask(strategy, grid, ratio, batch_size=2, seed=seed)
    assert mask.shape == (2, n)
    assert mask.dtype == torch.bool
    assert mask.sum(dim=1).tolist() == [min(round(n * ratio), n - 1)] * 2, "True = hidden; at least one stays visible"


@pytest.mark.parametrize(("n", "ratio", "hidden"), [(196, 0.75, 147), (196, 0.9, 176), (10, 0.0, 0), (10, 0.99, 9)])
def test_counts_by_hand(n, ratio, hidden):
    assert num_masked(n, ratio) == hidden


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(grids, ratios, ratios, seeds)
@settings(max_examples=40, deadline=None)
def test_a_higher_ratio_uncovers_nothing(strategy, grid, one, other, seed):
    low, high = (draw_mask(strategy, grid, ratio, seed=seed) for ratio in sorted((one, other)))
    assert (high | ~low).all(), "masks are nested: what the lower ratio hides, the higher hides too"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_order_cut_anywhere_is_the_mask(strategy):
    order = draw_order(strategy, (3, 5), seed=4)
    assert sorted(order.tolist()) == list(range(15))
    for k in range(15):
        assert torch.equal(order[None] < k, draw_mask(strategy, (3, 5), k / 15, seed=4)), f"{k} patches hidden"


@pytest.mark.parametrize("strategy", ["random", "block"])
def test_seeds(strategy):
    one = draw_mask(strategy, (14, 14), batch_size=4, seed=3)
    assert torch.equal(one, draw_mask(strategy, (14, 14), batch_size=4, seed=3)), "one seed, one draw"
    assert not torch.equal(one, draw_mask(strategy, (14, 14), batch_size=4, seed=4))
    assert len(one.unique(dim=0)) == 4, "all images share one mask: draw noise per image"


def test_the_generator_goes_on():
    generator = torch.Generator().manual_seed(5)
    first, second = (random_mask(64, generator=generator) for _ in range(2))
    assert torch.equal(first, random_mask(64, seed=5))
    assert not torch.equal(first, second)


def test_random_is_uniform_over_patches():
    share = random_mask(16, 0.75, batch_size=4000).float().mean(dim=0)
    assert (share - 0.75).abs().max() < 0.035  # five standard deviations


def test_random_is_uniform_over_subsets():
    subsets, counts = random_mask(4, 0.5, batch_size=6000).unique(dim=0, return_counts=True)
    assert len(subsets) == math.comb(4, 2), "any 2 of 4 patches can be the hidden ones"
    assert (counts - 1000).abs().max() < 150  # five standard deviations


@given(st.integers(1, 8), st.integers(1, 8), seeds)
@settings(max_examples=60, deadline=None)
def test_grid_keeps_one_of_each_2x2(half_rows, half_columns, seed):
    grid = 2 * half_rows, 2 * half_columns
    visible = ~grid_mask(grid, 0.75, seed=seed).reshape(grid)
    squares = visible.reshape(half_rows, 2, half_columns, 2).sum(dim=(1, 3))
    assert (squares == 1).all()
    places = visible.nonzero() % 2
    assert (places == places[0]).all(), "a lattice keeps the same corner of every 2x2"


def test_grid_seed_shifts_the_lattice():
    corners = [tuple((~grid_mask((2, 2), seed=seed)).nonzero()[0].tolist()) for seed in range(4)]
    assert corners[0] == (0, 0), "seed 0 keeps the upper left patch"
    assert len(set(corners)) == 4


def test_blocks_hang_together():
    grid = (14, 14)
    size = {
        s: sum(largest_region(draw_mask(s, grid, 0.3, seed=seed), grid) for seed in range(20)) / 20 for s in STRATEGIES
    }
    assert size["block"] > 2 * size["random"], size
    assert size["block"] > 0.5 * num_masked(196, 0.3), f"half of the hidden patches are one region, not {size['block']}"


def test_the_first_block_is_a_rectangle():
    for seed in range(20):
        rows, columns = block_mask((14, 14), 0.06, seed=seed).reshape(14, 14).nonzero().unbind(1)  # 12 patches
        box = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
        assert box - len(rows) < columns.max() - columns.min() + 1, "only its last row may be cut"


def test_blocks_are_wide_and_tall():
    """A block has 8 to 25 % of the area, so a square one of 28 x 28 patches is 8 to 14 wide; BEiT's are 4 to 26."""
    masks = torch.cat([block_mask((28, 28), 0.06, seed=seed) for seed in range(60)]).reshape(-1, 28, 28)
    widths = masks.any(dim=1).sum(dim=1)
    assert widths.min() <= 6
    assert widths.max() >= 18
    assert 0.3 < (widths < 11).float().mean() < 0.7, "as often tall as wide"


@given(grids, ratios, seeds)
@settings(max_examples=60, deadline=None)
def test_centre_hides_the_nearest(grid, ratio, seed):
    mask = draw_mask("centre", grid, ratio, batch_size=2, seed=seed)
    middle = (grid[0] - 1) / 2, (grid[1] - 1) / 2
    away = [math.dist(middle, divmod(i, grid[1])) for i in range(grid[0] * grid[1])]
    for row in mask.tolist():
        hidden = [d for d, m in zip(away, row, strict=True) if m]
        visible = [d for d, m in zip(away, row, strict=True) if not m]
        assert max(hidden, default=0) <= min(visible) + 1e-9, "a visible patch is nearer than a hidden one"


def test_centre_by_hand():
    assert draw_mask("centre", (3, 5), 5 / 15).reshape(3, 5).int().tolist() == [
        [0, 0, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 0, 0],
    ]
    assert len({tuple(draw_mask("centre", (4, 4), 1 / 16, seed=seed)[0].tolist()) for seed in range(30)}) == 4, (
        "four patches touch the centre of a 4x4 grid, and the seed decides between them"
    )


@pytest.mark.parametrize(
    ("seed", "drawn"),
    [
        (0, [[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]),
        (1, [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]),
        (2, [[0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1]]),
        (3, [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]),
    ],
)
def test_half_hides_from_one_side_on(seed, drawn):
    assert draw_mask("half", (3, 4), 4 / 12, seed=seed).reshape(3, 4).int().tolist() == drawn
    assert torch.equal(draw_mask("half", (3, 4), 4 / 12, seed=seed + 4), draw_mask("half", (3, 4), 4 / 12, seed=seed))


@given(grids, ratios, seeds)
@settings(max_examples=60, deadline=None)
def test_ids_split_and_restore(grid, ratio, seed):
    mask = random_mask(grid[0] * grid[1], ratio, batch_size=3, seed=seed)
    ids_keep, ids_restore = ids_from_mask(mask)
    for row, keep, restore in zip(mask, ids_keep, ids_restore, strict=True):
        hidden = row.nonzero().flatten().tolist()
        assert sorted(keep.tolist() + hidden) == list(range(len(row))), "visible and hidden together are all patches"
        assert keep.tolist() == sorted(keep.tolist()), "visible patches stay in raster order"
        shuffled = torch.tensor(keep.tolist() + hidden)
        assert torch.equal(shuffled[restore], torch.arange(len(row))), "ids_restore undoes the shuffle"


def test_ids_by_hand():
    ids_keep, ids_restore = ids_from_mask(torch.tensor([[True, False, True, False]]))
    assert ids_keep.tolist() == [[1, 3]]
    assert ids_restore.tolist() == [[2, 0, 3, 1]]  # patch 0 is the first mask token, patch 1 the first visible one


@pytest.mark.parametrize("ratio", [1.2, 1.0, -0.1, math.nan])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_bad_ratio_is_told(strategy, ratio):
    with pytest.raises(ValueError, match=f"mask_ratio is {ratio}; it must be at least 0 and below 1"):
        draw_mask(strategy, (4, 4), ratio)


def test_an_unknown_strategy_is_told():
    with pytest.raises(ValueError, match='"stripes"; use one of random, block, grid, centre, half'):
        draw_mask("stripes", (4, 4))


def test_unequal_rows_are_told():
    with pytest.raises(ValueError, match=r"equally many patches; these leave \[1, 2\] visible"):
        ids_from_mask(torch.tensor([[True, False, False], [True, True, False]]))


def test_a_mask_that_is_not_boolean_is_told(unchecked):
    with pytest.raises(ValueError, match=r"boolean, True = hidden, not torch\.int64"):
        ids_from_mask(torch.tensor([[1, 0, 1]]))


@pytest.mark.parametrize(
    "grid", [[[0, 1, 1], [1, 0, 1]], np.array([[0, 1, 1], [1, 0, 1]], dtype=bool), torch.tensor([[0, 1, 1], [1, 0, 1]])]
)
def test_mask_from_grid(grid):
    mask = mask_from_grid(grid)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[False, True, True, True, False, True]]


@pytest.mark.parametrize(
    "grid", [[0, 1], [[0, 2]], [[0.5, 1.0]], [[math.nan, 1.0]], [[0, 1], [1]], [["a", "b"]], [], [[[0, 1]]]]
)
def test_a_grid_that_is_no_mask_is_told(grid):
    with pytest.raises(ValueError, match="two axes .* only 0 and 1"):
        mask_from_grid(grid)


def test_a_grid_that_hides_everything_is_told():
    with pytest.raises(ValueError, match="hides every patch; leave at least one visible"):
        mask_from_grid([[1, 1], [1, 1]])


def test_a_drawn_grid_is_checked_against_the_models():
    assert mask_from_grid([[1, 0, 1], [0, 0, 0]], (2, 3)).tolist() == [[True, False, True, False, False, False]]
    with pytest.raises(ValueError, match="has 2x3 patches, the model 3x2 patches"):
        mask_from_grid([[1, 0, 1], [0, 0, 0]], (3, 2))


def test_pixel_mask_blows_each_patch_up():
    mask = torch.tensor([[True, False, False, False, True, False]])
    expected = [[1, 1, 0, 0, 0, 0]] * 2 + [[0, 0, 1, 1, 0, 0]] * 2
    assert pixel_mask(mask, (2, 3), 2)[0, 0].int().tolist() == expected
