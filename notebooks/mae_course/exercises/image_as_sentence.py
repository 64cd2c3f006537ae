"""Checks of notebook 02, An image as a sentence: patchify, unpatchify, patch_embed, sincos_2d.

All inputs have axes of different lengths, so that no swap of two axes goes unseen.
"""

from typing import Any

import torch
import torch.nn.functional as F

from mae_course.exercises.check import call, compare, exercise, random_tensor
from mae_lite import layers, patches

READING_ORDER = "patch 1 lies right of patch 0, and within a patch the order is (row, column, channel)."


@exercise
def patchify(mine: Any) -> str:
    """`mine(imgs, patch_size)` equals `mae_lite.patchify`."""
    b, c, rows, columns, p = 2, 3, 5, 6, 4
    imgs = random_tensor(b, c, rows * p, columns * p)
    got = call(mine, imgs, p, hint="Does it count the patches down and across each by itself?")
    split = imgs.reshape(b, c, rows, p, columns, p)
    flat = (b, rows * columns, p * p * c)
    slips = {
        "the shape is right, but reshape alone moves no number, so a patch holds pieces of whole rows of the image; "
        "split height and width first, and bring the axes into order with permute.": imgs.reshape(flat),
        "the patches are the right ones, but they run down the columns; they should run as one reads a page: patch 1 "
        "lies right of patch 0.": split.permute(0, 4, 2, 3, 5, 1).reshape(flat),
        "within a patch the channels come first, which is the order of a Conv2d's weight; here they come last: (row, "
        "column, channel).": split.permute(0, 2, 4, 1, 3, 5).reshape(flat),
        "each row holds one channel of several patches; the channels must stand behind the pixels before n and the "
        "values of a patch are merged.": split.permute(0, 1, 2, 4, 3, 5).reshape(flat),
        "each patch is there, but turned over its diagonal; within a patch one reads along the rows: (row, column, "
        "channel).": split.permute(0, 2, 4, 5, 3, 1).reshape(flat),
        "each patch has pixels of other places in it; the two axes of the grid must come first, then the two axes "
        "within a patch: (rows, columns, p, p).": split.permute(0, 2, 3, 4, 5, 1).reshape(flat),
    }  # fmt: skip
    compare(got, patches.patchify(imgs, p), slips=slips, otherwise=READING_ORDER)
    grey = random_tensor(1, 1, 6, 4)
    got = call(mine, grey, 2, hint="This image is grey: is the number of channels read from the images?")
    compare(got, patches.patchify(grey, 2), otherwise="this image is grey, with one channel.")
    return "all pixels are where the package puts them, on images that are not square and in grey as well."


@exercise
def unpatchify(mine: Any) -> str:
    """`mine(patches, patch_size, grid_size)` equals `mae_lite.unpatchify`."""
    b, c, rows, columns, p = 5, 3, 2, 8, 4
    cut = random_tensor(b, rows * columns, p * p * c)
    got = call(mine, cut, p, (rows, columns), hint="Do the sizes come from grid_size, down and across?")
    split = cut.reshape(b, rows, columns, p, p, c)
    flat = (b, c, rows * p, columns * p)
    slips = {
        "the result is square: a count of 16 patches cannot tell 2 x 8 from 4 x 4, so take rows and columns from "
        "grid_size and no root of n.": patches.unpatchify(cut, p, (4, 4)),
        "rows and columns are swapped: grid_size is (down, across).": patches.unpatchify(cut, p, (columns, rows)),
        "the shape is right, but reshape alone moves no number, so the patches are laid out one after the other; "
        "permute the axes first.": cut.reshape(flat),
        "the channels are in their place, but each patch became a strip: before the last reshape the axes must be "
        "(b, c, rows, p, columns, p), a patch's own rows right after the rows of patches.":
            split.permute(0, 5, 1, 2, 3, 4).reshape(flat),
        "the channels were taken as the first axis within a patch, they are the last: (row, column, channel).":
            cut.reshape(b, rows, columns, c, p, p).permute(0, 3, 1, 4, 2, 5).reshape(flat),
        "each patch is in its place, but turned over its diagonal; the first of its two axes goes down.":
            split.permute(0, 5, 1, 4, 2, 3).reshape(flat),
    }  # fmt: skip
    compare(got, patches.unpatchify(cut, p, (rows, columns)), slips=slips, otherwise="undo patchify step by step.")
    grey = random_tensor(1, 6, 4)
    got = call(mine, grey, 2, (3, 2), hint="These patches are grey: there are patch_dim / (p x p) channels.")
    compare(got, patches.unpatchify(grey, 2, (3, 2)), otherwise="this image is grey, with one channel.")
    return "every patch is back in its place, also in a picture that is wider than high and in grey."


@exercise
def patch_embed(mine: Any) -> str:
    """`mine(imgs, weight, bias)` equals `F.conv2d(imgs, weight, bias, stride=p)` as tokens (b, n, d)."""
    b, c, rows, columns, p, d = 2, 3, 5, 6, 4, 7
    imgs = random_tensor(b, c, rows * p, columns * p)
    weight, bias = random_tensor(d, c, p, p, seed=1), random_tensor(d, seed=2)
    got = call(mine, imgs, weight, bias, hint=f"Here d = {d}, c = {c}, p = {p}, and the result is (b, n, d).")
    maps = F.conv2d(imgs, weight, bias, stride=p)  # (b, d, rows, columns)
    tokens = maps.flatten(2).transpose(1, 2)
    cut = patches.patchify(imgs, p)
    slips = {
        "the weight was flattened as it stands, (channel, row, column), while a patch runs (row, column, channel); "
        "permute the weight first.": cut @ weight.flatten(1).T + bias,
        "the weight's rows and columns are swapped; a patch runs (row, column, channel).":
            cut @ weight.permute(0, 3, 2, 1).flatten(1).T + bias,
        "the product is right, but the bias is missing.": tokens - bias,
        "the shape is right, but the tokens are scrambled: (b, d, n) becomes (b, n, d) by transpose, not by reshape.":
            maps.reshape(b, rows * columns, d),
        "these are the right numbers as (b, d, n); tokens are rows, (b, n, d).": tokens.transpose(1, 2),
    }  # fmt: skip
    compare(got, tokens, slips=slips, otherwise="each token is one patch times the permuted weight, plus the bias.")
    return "the convolution and the matrix product agree for every token, up to rounding."


@exercise
def sincos_2d(mine: Any) -> str:
    """`mine(grid_size, dim)` equals `mae_lite.layers.sincos_2d`."""
    rows, columns, dim = 3, 5, 16
    got = call(mine, (rows, columns), dim, hint="The result is (rows x columns, dim).")
    want = layers.sincos_2d((rows, columns), dim)
    first, second = want.chunk(2, dim=1)
    sin_x, cos_x, sin_y, cos_y = want.chunk(4, dim=1)
    interleaved = [torch.stack(pair, dim=2).flatten(1) for pair in ((sin_x, cos_x), (sin_y, cos_y))]
    slips = {
        "the two halves are swapped: the first half of the channels is the column, the second half the row, as in the "
        "official weights.": torch.cat([second, first], dim=1),
        "the positions run down the columns; patches are counted as one reads, so position 1 is row 0, column 1.":
            want.reshape(rows, columns, dim).transpose(0, 1).reshape(-1, dim),
        "this is the table of a grid 5 down and 3 across; grid_size is (down, across).":
            layers.sincos_2d((columns, rows), dim),
        "this numbers the patches 0 to 14 along one line, so that patch 5 is not known to lie below patch 0; encode "
        "column and row each by itself.": layers.sincos_2d((1, rows * columns), 2 * dim)[:, :dim],
        "sines and cosines alternate; here all sines of an axis come first, then all its cosines.":
            torch.cat(interleaved, dim=1),
    }  # fmt: skip
    compare(got, want, slips=slips, otherwise="column first, then row, each as dim / 4 sines and dim / 4 cosines.")
    return "every position has its own code, the column in the first half and the row in the second."
