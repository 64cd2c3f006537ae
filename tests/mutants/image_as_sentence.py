import math

import torch

from mutants import Mutant


def view_only(imgs, patch_size):
    b, c, h, w = imgs.shape
    return imgs.reshape(b, (h // patch_size) * (w // patch_size), -1)


def unfold_and_flatten(imgs, patch_size):
    x = imgs.unfold(2, patch_size, patch_size).unfold(3, patch_size, patch_size)  # (b, c, rows, columns, p, p)
    return x.flatten(4).flatten(2, 3).transpose(1, 2).flatten(2)


def unfold_and_view(imgs, patch_size):
    x = imgs.unfold(2, patch_size, patch_size).unfold(3, patch_size, patch_size).contiguous()
    return x.view(len(imgs), -1, patch_size * patch_size * imgs.shape[1])


def down_the_columns(imgs, patch_size):
    return torch.stack([
        imgs[:, :, y : y + patch_size, x : x + patch_size].permute(0, 2, 3, 1).flatten(1)
        for x in range(0, imgs.shape[3], patch_size)
        for y in range(0, imgs.shape[2], patch_size)
    ], dim=1)  # fmt: skip


def height_used_twice(imgs, patch_size):
    p, side = patch_size, imgs.shape[2] // patch_size
    x = imgs.reshape(len(imgs), imgs.shape[1], side, p, side, p)
    return torch.einsum("nchpwq->nhwpqc", x).flatten(3).flatten(1, 2)


def three_channels(imgs, patch_size):
    b, _, h, w = imgs.shape
    p = patch_size
    x = imgs.reshape(b, 3, h // p, p, w // p, p)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * 3)


def grid_and_pixels_mixed(imgs, patch_size):
    b, c, h, w = imgs.shape
    p = patch_size
    x = imgs.reshape(b, c, h // p, p, w // p, p)
    return x.permute(0, 2, 3, 4, 5, 1).reshape(b, (h // p) * (w // p), p * p * c)


def root_of_n(patches, patch_size, grid_size):
    b, n, _ = patches.shape
    side, p = int(math.sqrt(n)), patch_size
    x = patches.reshape(b, side, side, p, p, -1)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(b, -1, side * p, side * p)


def reshape_only(patches, patch_size, grid_size):
    rows, columns = grid_size
    return patches.reshape(len(patches), -1, rows * patch_size, columns * patch_size)


def across_and_down(patches, patch_size, grid_size):
    (columns, rows), p = grid_size, patch_size
    x = patches.reshape(len(patches), rows, columns, p, p, -1)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), -1, rows * p, columns * p)


def channels_first_pixels(patches, patch_size, grid_size):
    (rows, columns), p = grid_size, patch_size
    x = patches.reshape(len(patches), rows, columns, -1, p, p)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(len(patches), -1, rows * p, columns * p)


def channels_moved_only(patches, patch_size, grid_size):
    (rows, columns), p = grid_size, patch_size
    x = patches.reshape(len(patches), rows, columns, p, p, -1).movedim(5, 1)
    return x.reshape(len(patches), -1, rows * p, columns * p)


def three_channels_back(patches, patch_size, grid_size):
    (rows, columns), p = grid_size, patch_size
    x = patches.reshape(len(patches), rows, columns, p, p, 3)
    return torch.einsum("nhwpqc->nchpwq", x).reshape(len(patches), 3, rows * p, columns * p)


def cut(imgs, p):
    return torch.nn.functional.unfold(imgs, p, stride=p).transpose(1, 2)  # patches as (channel, row, column)


def flattened_as_it_is(imgs, weight, bias):
    p, c = weight.shape[2], weight.shape[1]
    patches = cut(imgs, p).reshape(len(imgs), -1, c, p, p).permute(0, 1, 3, 4, 2).flatten(2)
    return patches @ weight.reshape(len(weight), -1).T + bias


def no_bias(imgs, weight, bias):
    return cut(imgs, weight.shape[2]) @ weight.flatten(1).T


def reshaped_for_transposed(imgs, weight, bias):
    x = torch.nn.functional.conv2d(imgs, weight, bias, stride=weight.shape[2])
    return x.reshape(len(imgs), -1, len(weight))


def not_transposed(imgs, weight, bias):
    return torch.nn.functional.conv2d(imgs, weight, bias, stride=weight.shape[2]).flatten(2)


def wave(positions, dim):
    angles = positions[:, None] * 10000 ** -(torch.arange(dim // 2) / (dim // 2))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def row_first(grid_size, dim):
    n, columns = grid_size[0] * grid_size[1], grid_size[1]
    patch = torch.arange(n)
    return torch.cat([wave(patch // columns, dim // 2), wave(patch % columns, dim // 2)], dim=1)


def width_outside(grid_size, dim):
    x, y = torch.meshgrid(torch.arange(grid_size[1]), torch.arange(grid_size[0]), indexing="ij")
    return torch.cat([wave(x.flatten(), dim // 2), wave(y.flatten(), dim // 2)], dim=1)


def one_line(grid_size, dim):
    return wave(torch.arange(grid_size[0] * grid_size[1]), dim)


def alternating(grid_size, dim):
    def turns(positions):
        angles = positions[:, None] * 10000 ** -(torch.arange(dim // 4) / (dim // 4))
        table = torch.zeros(len(positions), dim // 2)
        table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
        return table

    patch = torch.arange(grid_size[0] * grid_size[1])
    return torch.cat([turns(patch % grid_size[1]), turns(patch // grid_size[1])], dim=1)


def square_table(grid_size, dim):
    side = int((grid_size[0] * grid_size[1]) ** 0.5)
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.cat([wave(x.flatten(), dim // 2), wave(y.flatten(), dim // 2)], dim=1)


def left_at_zero(grid_size, dim):
    return torch.zeros(grid_size[0] * grid_size[1], dim)


MUTANTS = {
    "patchify": [
        Mutant(view_only, "pieces of whole rows", "duoan/TorchCode#21, whose own check let it pass"),
        Mutant(unfold_and_flatten, "the channels come first", "the order of unfold and of a Conv2d's weight"),
        Mutant(unfold_and_view, "one channel of several patches", "gupta-abhay/pytorch-vit#7"),
        Mutant(down_the_columns, "run down the columns"),
        Mutant(grid_and_pixels_mixed, "pixels of other places"),
        Mutant(height_used_twice, "each by itself?", "facebookresearch/mae#108: square images only"),
        Mutant(three_channels, "number of channels", "facebookresearch/mae#182: 3 is written into it"),
    ],
    "unpatchify": [
        Mutant(root_of_n, "no root of n", "facebookresearch/mae#108: square images only"),
        Mutant(reshape_only, "laid out one after the other", "michaeltrs/DeepSatModels#22"),
        Mutant(across_and_down, "grid_size is (down, across)"),
        Mutant(channels_first_pixels, "taken as the first axis", "the order of a Conv2d's weight"),
        Mutant(channels_moved_only, "became a strip"),
        Mutant(three_channels_back, "patch_dim / (p x p)", "facebookresearch/mae#182: 3 is written into it"),
    ],
    "patch_embed": [
        Mutant(flattened_as_it_is, "permute the weight first"),
        Mutant(no_bias, "the bias is missing"),
        Mutant(reshaped_for_transposed, "by transpose, not by reshape", "lightly-ai/lightly-train#119, in kind"),
        Mutant(not_transposed, "tokens are rows"),
    ],
    "sincos_2d": [
        Mutant(row_first, "the two halves are swapped", "facebookresearch/mae#18, repaired the wrong way"),
        Mutant(width_outside, "run down the columns", "huggingface/transformers#41380"),
        Mutant(one_line, "along one line", "pengzhiliang/MAE-pytorch#39"),
        Mutant(alternating, "alternate"),
        Mutant(square_table, "it should be (15, 16)", "Mountchicken/Union14M#12"),
        Mutant(left_at_zero, "are not; column first", "a position table that nobody filled"),
    ],
}
