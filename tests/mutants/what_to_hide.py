import math

import torch

from mutants import Mutant


def lowest_hidden(noise, count):
    ids = torch.sort(noise, dim=1).indices[:, :count]
    return torch.zeros_like(noise, dtype=torch.bool).scatter(1, ids, True)


def visible_is_true(noise, count):
    ids = noise.topk(noise.shape[1] - count, dim=1, largest=False).indices
    return torch.zeros_like(noise, dtype=torch.bool).scatter(1, ids, True)


def sorted_once(noise, count):
    keep = noise.shape[1] - count
    mask = torch.ones_like(noise, dtype=torch.bool)
    mask[:, :keep] = False
    return mask.gather(1, noise.argsort(dim=1))


def not_put_back(noise, count):
    mask = torch.zeros_like(noise, dtype=torch.bool)
    mask[:, noise.shape[1] - count :] = True
    return mask


def one_for_the_batch(noise, count):
    mask = torch.zeros(noise.shape[1], dtype=torch.bool)
    mask[noise[0].argsort(descending=True)[:count]] = True
    return mask.repeat(len(noise), 1)


def with_replacement(noise, count):
    b, n = noise.shape
    ids = torch.randint(n, (b, count), generator=torch.Generator().manual_seed(5))
    return torch.zeros(b, n, dtype=torch.bool).scatter(1, ids, True)


def a_coin_for_each(noise, count):
    return noise < count / noise.shape[1]


def floor_of_kept(num_patches, mask_ratio):
    return num_patches - int(num_patches * (1 - mask_ratio))


def floor_of_hidden(num_patches, mask_ratio):
    return int(mask_ratio * num_patches)


def how_many_stay(num_patches, mask_ratio):
    return num_patches - round(mask_ratio * num_patches)


def class_token_too(num_patches, mask_ratio):
    sequence_length = num_patches + 1
    return round(sequence_length * mask_ratio)


def rounded_up(num_patches, mask_ratio):
    return math.ceil(num_patches * mask_ratio)


def all_hidden(num_patches, mask_ratio):
    return round(num_patches * mask_ratio)


def a_float(num_patches, mask_ratio):
    return min(num_patches * mask_ratio // 1, num_patches - 1)


def rectangle(grid_size, generator):
    """Rows and columns of a rectangle, as slices."""
    u, sides = torch.rand(4, generator=generator).tolist(), []
    for size, (length, start) in zip(grid_size, (u[:2], u[2:]), strict=True):
        length = 2 + int(length * (size // 2 - 1))
        start = int(start * (size - length + 1))
        sides.append(slice(start, start + length))
    return tuple(sides)


def until_covered(grid_size, count, generator):
    mask = torch.zeros(grid_size, dtype=torch.bool)
    while mask.sum() < count:
        mask[rectangle(grid_size, generator)] = True
    return mask.flatten()


def areas_added_up(grid_size, count, generator):
    mask, area = torch.zeros(grid_size, dtype=torch.bool), 0
    while area < count:
        block = rectangle(grid_size, generator)
        room = mask[block].clone().flatten()
        room[: count - area] = True
        mask[block] = room.reshape(mask[block].shape)
        area += len(room)
    return mask.flatten()


def cut_in_reading_order(grid_size, count, generator):
    hidden = until_covered(grid_size, count, generator).nonzero()[:count, 0]
    return torch.zeros(grid_size[0] * grid_size[1], dtype=torch.bool).scatter(0, hidden, True)


def scattered(grid_size, count, generator):
    return torch.randperm(grid_size[0] * grid_size[1], generator=generator) < count


def block_kept(grid_size, count, generator):
    return ~grown(grid_size, count, generator)


def grown(grid_size, count, generator):
    """A right answer: patch by patch through each rectangle until the count is reached."""
    mask = torch.zeros(grid_size, dtype=torch.bool)
    while True:
        down, across = rectangle(grid_size, generator)
        for y in range(down.start, down.stop):
            for x in range(across.start, across.stop):
                if mask.sum() == count:
                    return mask.flatten()
                mask[y, x] = True


def seeded_inside(grid_size, count, generator):
    return grown(grid_size, count, torch.Generator().manual_seed(0))


def covariances_for_weights(pixels, hidden, covariance):
    filled = pixels.clone()
    filled[:, hidden] = pixels[:, ~hidden] @ covariance[~hidden][:, hidden]
    return filled


def inverse_of_everything(pixels, hidden, covariance):
    filled = pixels.clone()
    filled[:, hidden] = pixels[:, ~hidden] @ covariance.inverse()[~hidden][:, hidden]
    return filled


def straight_lines(pixels, hidden, covariance):
    filled, seen = pixels.clone(), (~hidden).nonzero()[:, 0].tolist()
    for left, right in zip(seen, seen[1:], strict=False):
        for k in range(left + 1, right):
            filled[:, k] = torch.lerp(pixels[:, left], pixels[:, right], (k - left) / (right - left))
    return filled


def mean_of_visible(pixels, hidden, covariance):
    mean = (pixels * ~hidden).sum(dim=1, keepdim=True) / (~hidden).sum()
    return torch.where(hidden, mean, pixels)


def hidden_alone(pixels, hidden, covariance):
    c = covariance
    return pixels[:, ~hidden] @ torch.linalg.inv(c[~hidden][:, ~hidden]) @ c[~hidden][:, hidden]


MUTANTS = {
    "random_mask": [
        Mutant(lowest_hidden, "those are the ones to keep"),
        Mutant(visible_is_true, "it should stand for hidden", "facebookresearch/mae#157 asks which is which"),
        Mutant(sorted_once, "sort the list again", "facebookresearch/mae#124 asks why it is sorted twice"),
        Mutant(not_put_back, "every image hides its last patches"),
        Mutant(one_for_the_batch, "all images got the mask", "JiahuiYu/generative_inpainting#85"),
        Mutant(with_replacement, "drawn twice", "torch-points3d/torch-points3d#784"),
        Mutant(a_coin_for_each, "a threshold hides"),
    ],
    "num_masked": [
        Mutant(floor_of_kept, "so int keeps 9", "facebookresearch/mae, random_masking"),
        Mutant(floor_of_hidden, "so int hides 28", "pengzhiliang/MAE-pytorch#28 quotes it"),
        Mutant(how_many_stay, "how many stay visible", "a name in facebookresearch/mae#173 misleads so"),
        Mutant(class_token_too, "class token was counted", "lightly-ai/lightly#1583"),
        Mutant(rounded_up, "always rounds up"),
        Mutant(all_hidden, "one has to stay visible"),
        Mutant(a_float, "is a float"),
    ],
    "block_mask": [
        Mutant(until_covered, "has to be cut"),
        Mutant(areas_added_up, "counted twice"),
        Mutant(cut_in_reading_order, "from one end of the picture", "lightly-ai/lightly#2064, as first written"),
        Mutant(scattered, "lie scattered"),
        Mutant(block_kept, "it should stand for hidden"),
        Mutant(seeded_inside, "never seed it", "pengzhiliang/MAE-pytorch#28: the same mask in every epoch"),
    ],
    "linear_fill": [
        Mutant(covariances_for_weights, "counts several times"),
        Mutant(inverse_of_everything, "inverse of the whole covariance"),
        Mutant(straight_lines, "a soap film"),
        Mutant(mean_of_visible, "near ones tell more"),
        Mutant(hidden_alone, "return whole strips"),
    ],
}
