"""Checks of notebook 11: partial_conv, gated_conv, add_position, design.

Slips are results that a usual mistake gives; each is computed here in its own way, so that its hint can name it.
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mae_course.exercises.check import call, compare, exercise, expect, given, parts, random_tensor
from mae_course.studies import conv_blocks
from mae_course.studies.design import PARAMETERS, DesignScore, score_design

ROWS, COLUMNS = 5, 7


def seeded_conv(d: int, d2: int) -> nn.Conv2d:
    """A 3 x 3 convolution with weights that leave the reader's random state alone."""
    conv = nn.utils.skip_init(nn.Conv2d, d, d2, 3, padding=1).requires_grad_(False)
    conv.weight.copy_(random_tensor(d2, d, 3, 3, seed=1))
    conv.bias.copy_(random_tensor(d2, seed=2))
    return conv


@exercise
def partial_conv(mine: Any) -> str:
    """`mine(conv, x, known)` equals `conv_blocks.partial_conv`: the features, and what is known now."""
    conv, x, known = seeded_conv(3, 4), random_tensor(2, 3, ROWS, COLUMNS), torch.zeros(2, 1, ROWS, COLUMNS)
    known[0, 0, :2, :3], known[1, 0, 4, 6], known[1, 0, 2, 2] = 1, 1, 1
    got = call(mine, conv, x, known, hint="conv is a 3 x 3 convolution, x (b, d, h, w), known (b, 1, h, w).")
    out, spread = parts(got, 2, "return two things: the features, and what is known now.")
    want, now = conv_blocks.partial_conv(conv, x, known)
    window = torch.ones(1, 1, 3, 3)
    count, inside = F.conv2d(known, window, padding=1), F.conv2d(torch.ones_like(known), window, padding=1)
    compare(spread, now, otherwise="a cell is known now if at least one cell of its window was.", slips={
        "what is known has not grown: a cell with a known neighbour is known afterwards.": known,
        "these are the counts of known cells; known is 1 or 0.": count,
        "every cell is taken for known; those whose window holds nothing known are not.": torch.ones_like(known),
        "a cell counts as known only if its whole window was; one known cell is enough.": (count == inside).float(),
    })  # fmt: skip
    bias = conv.bias[:, None, None]
    bare = F.conv2d(x * known, conv.weight, padding=1)
    scale = inside / count.clamp(min=1)
    compare(out, want, otherwise="sum over known cells, times window cells over known ones, plus the bias.", slips={
        "the sum is not scaled up for the cells that miss: multiply by the cells of the window over the known ones.":
            (bare + bias) * now,
        "the bias is scaled as well; scale the sum only, then add the bias.": (bare + bias) * scale * now,
        "at the border the window has fewer than 9 cells; count those that lie in the image.":
            (bare * 9 / count.clamp(min=1) + bias) * now,
        "cells with nothing known in the window hold the bias; they should be 0.": bare * scale + bias,
        "hidden cells were summed too: multiply x by known before you convolve.":
            (F.conv2d(x, conv.weight, padding=1) * scale + bias) * now,
        "this is divided by the known cells alone; a window that is known altogether should give what conv gives.":
            (bare / count.clamp(min=1) + bias) * now,
        "the bias is missing.": bare * scale * now,
    })  # fmt: skip
    return "a constant stays what it is, however many holes it has."


@exercise
def gated_conv(mine: Any) -> str:
    """`mine(conv, x)` is gelu(first half) times sigmoid(second half) of the channels."""
    conv, x = seeded_conv(3, 8), random_tensor(2, 3, ROWS, COLUMNS)
    got = call(mine, conv, x, hint="conv gives 8 channels here, the result has 4.")
    value, gate = conv(x)[:, :4], conv(x)[:, 4:]
    even, odd = conv(x)[:, ::2], conv(x)[:, 1::2]
    slips = {
        "the halves are swapped: the second half is the gate.": F.gelu(gate) * value.sigmoid(),
        "the gate has no sigmoid, so it can flip signs and blow up; it should be between 0 and 1.":
            F.gelu(value) * gate,
        "the values have no GELU.": value * gate.sigmoid(),
        "the gate is a softmax: cells or channels would compete. Each has its own gate, a sigmoid.":
            F.gelu(value) * gate.softmax(dim=1),
        "the gate was added; multiply by it.": F.gelu(value) + gate.sigmoid(),
        "even and odd channels were taken; the values are the first half, the gates the second.":
            F.gelu(even) * odd.sigmoid(),
        "this is the gate alone.": gate.sigmoid(),
        "there is no gate in it: these are the values.": F.gelu(value),
    }  # fmt: skip
    compare(got, F.gelu(value) * gate.sigmoid(), slips=slips, otherwise="gelu(values) times sigmoid(gates).")
    return "each cell and channel decides how much of itself passes."


@exercise
def add_position(mine: Any) -> str:
    """`mine(x)` appends the row and the column of each place, from -1 to 1."""
    x = random_tensor(2, 3, ROWS, COLUMNS)
    got = call(mine, x, hint="x is (b, c, h, w), the result (b, c + 2, h, w).")
    row = torch.linspace(-1, 1, ROWS)[:, None].expand(2, 1, ROWS, COLUMNS)
    column = torch.linspace(-1, 1, COLUMNS).expand(2, 1, ROWS, COLUMNS)
    down = torch.arange(float(ROWS))[:, None].expand(2, 1, ROWS, COLUMNS)
    across = torch.arange(float(COLUMNS)).expand(2, 1, ROWS, COLUMNS)
    slips = {
        "the column comes before the row.": torch.cat([x, column, row], dim=1),
        "these count cells, 0, 1, 2 ...; scale them to run from -1 to 1, whatever the size.":
            torch.cat([x, down, across], dim=1),
        "they run from 0 to 1; let them run from -1 to 1.": torch.cat([x, (row + 1) / 2, (column + 1) / 2], dim=1),
        "the new channels stand in front; append them.": torch.cat([row, column, x], dim=1),
        "this is the positions alone, without x.": torch.cat([row, column], dim=1),
        "the positions were added to x; as channels of their own they leave x as it was.": x + row + column,
        "the last cell does not reach 1: h cells have h - 1 steps between them.":
            torch.cat([x, 2 * down / ROWS - 1, 2 * across / COLUMNS - 1], dim=1),
        "rows and columns are scaled by one length; each runs from -1 to 1 by itself.":
            torch.cat([x, 2 * down / (COLUMNS - 1) - 1, 2 * across / (COLUMNS - 1) - 1], dim=1),
    }  # fmt: skip
    want = torch.cat([x, row, column], dim=1)
    compare(got, want, slips=slips, otherwise="x, then the row of each place, then its column.")
    return f"{len(slips)} usual slips avoided; the next convolution can now tell top left from bottom right."


@exercise
def design(mine: Any) -> str:
    """`mine(width)` is a block; it is tried, then raced against plain convolution for some seconds."""
    given(mine, "the block")
    expect(
        not isinstance(mine, nn.Module), "this is a block already; give its class, so that other widths can be made."
    )
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        for width in (4, 12):
            _try_out(mine, width)
    result = _raced(mine)
    return f"it works, it is told what is hidden, and it was raced: {result} Report that as it is."


def _try_out(mine: Any, width: int) -> None:
    """Whether a block can run in the race, reads the indicator, and is a convolution in spirit: what is far is far."""
    block = call(mine, width, hint="It takes the number of channels.")
    expect(isinstance(block, nn.Module), f"{type(block).__name__} is no torch.nn.Module; write a class that is one.")
    x, hidden = random_tensor(2, width, 12, 16), (random_tensor(2, 1, 12, 16, seed=3) > 0).float()

    def run(features: Tensor, cells: Tensor) -> Any:
        return call(block.forward, features, cells, hint="It takes features and hidden cells.")

    out = run(x, hidden)
    expect(isinstance(out, Tensor), f"the block gives a {type(out).__name__}; give the features, one tensor.")
    shapes = f"features of shape {tuple(x.shape)} became {tuple(out.shape)}"
    expect(out.shape == x.shape, f"{shapes}; the next block needs the same shape.")
    expect(bool(out.isfinite().all()), "some features are not finite; is something divided by 0, or a softmax empty?")
    told = not torch.equal(run(x, 1 - hidden), out)
    expect(told, "the block does not look at `hidden`: it is a convolution without an indicator.")
    far = x.clone()
    far[:, :, :3, :3] += 1
    near = torch.allclose(run(far, hidden)[:, :, -1, -1], out[:, :, -1, -1], atol=1e-5)
    expect(near, "the last cell changes with the first: that is global attention. Keep to a window.")
    out.square().mean().backward()
    idle = [name for name, p in block.named_parameters() if p.grad is None]
    expect(not idle, f"the parameters {', '.join(idle)} are not used; they count, so leave them out.")


@cache
def _raced(mine: Any) -> DesignScore:
    """The race, once for each class; what stops it becomes a hint."""
    said = ""
    try:
        return score_design(mine)
    except ValueError as error:
        said = str(error).rstrip(".")
    expect(False, f"{said} (a network of three blocks may have about {PARAMETERS:,} weights).")
