import torch

import mae_lite as ml
from mutants import Mutant


def holes(first, second):
    """The exercise solved with two holes, each given as slices of a grid."""

    def mine(model, image):
        grids = torch.zeros(2, 14, 14)
        for grid, where in zip(grids, (first, second), strict=True):
            grid[where] = 1
        return answer(model, image, *grids)

    return mine


def answer(model, image, *grids, value=lambda a, b: a.mse / b.mse):
    masks = [ml.mask_from_grid(grid) for grid in grids]
    shown = [ml.reconstruct(model, image, mask) for mask in masks]
    return *masks, value(*shown)


def named(function, name):
    function.__name__ = name
    return function


FIG, LEFT = (slice(5, 11), slice(6, 11)), (slice(5, 11), slice(0, 5))


def measured(value):
    def mine(model, image):
        grids = torch.zeros(2, 14, 14)
        grids[0][FIG] = grids[1][LEFT] = 1
        return answer(model, image, *grids, value=value)

    return mine


def visible_is_one(model, image):
    grids = torch.ones(2, 14, 14)
    grids[0][FIG] = grids[1][LEFT] = 0
    return answer(model, image, *grids)


def scattered(model, image):
    fig, elsewhere = torch.zeros(14, 14), torch.zeros(14, 14)
    fig[FIG] = 1
    elsewhere.view(-1)[(1 - fig).flatten().nonzero().flatten()[::5][:30]] = 1
    return answer(model, image, fig, elsewhere)


def grids_for_masks(model, image):
    grids = torch.zeros(2, 14, 14)
    grids[0][FIG] = grids[1][LEFT] = 1
    return *grids.bool(), 2.0


def alone(model, image, candidates, **how):
    errors = torch.stack([error(model, image, [patch]) for patch in candidates])
    return [candidates[k] for k in errors.argsort(**how)[:10]]


def error(model, image, visible):
    mask = torch.ones(1, 196, dtype=torch.bool)
    mask[0, visible] = False
    return model(image, mask).loss * mask.sum()


def best_alone(model, image, candidates):
    return alone(model, image, candidates)


def worst_alone(model, image, candidates):
    return alone(model, image, candidates, descending=True)


def most_contrast(model, image, candidates):
    contrast = ml.patchify(image, 8)[0].std(dim=1)
    return sorted(candidates, key=lambda patch: -contrast[patch])[:10]


def hardest_to_guess(model, image, candidates):
    losses = []
    for patch in candidates:
        mask = torch.zeros(1, 196, dtype=torch.bool)
        mask[0, patch] = True
        losses.append(model(image, mask).loss)
    return torch.tensor(candidates)[torch.stack(losses).argsort(descending=True)[:10]]


def loss_of_the_batch(model, image, candidates):
    chosen, left = [], list(candidates)
    for _ in range(10):
        masks = torch.ones(len(left), 196, dtype=torch.bool)
        masks[:, chosen] = False
        masks[range(len(left)), left] = False
        loss = model(image.expand(len(left), -1, -1, -1), masks).loss
        chosen.append(left.pop(int(loss.argmin())))
    return chosen


def places(model, image, candidates):
    errors = torch.stack([error(model, image, [patch]) for patch in candidates])
    return errors.argsort()[:10].tolist()


def ten_times_the_same(model, image, candidates):
    return best_alone(model, image, candidates)[:1] * 10


def all_errors(model, image, candidates):
    return torch.rand(49, generator=torch.Generator().manual_seed(0))


def any_ten(model, image, candidates):
    return candidates[:20:2]  # the upper part


def psnr(model, image, visible, seed=0):
    return ml.reconstruct(model, image, ml.random_mask(196, 1 - visible / 196, seed=seed)).psnr


def binary_search(model, image, target):
    low, high = 1, 195
    while low < high:
        middle = (low + high) // 2
        if psnr(model, image, middle) < target:
            low = middle + 1
        else:
            high = middle
    return high


def hidden_ones(model, image, target):
    return 196 - next(v for v in range(1, 196) if psnr(model, image, v) >= target)


def share(model, image, target):
    return next(v for v in range(1, 196) if psnr(model, image, v) >= target) / 196


def one_before(model, image, target):
    return next(v for v in range(1, 196) if psnr(model, image, v) >= target) - 1


def another_seed_each(model, image, target):
    return next(v for v in range(1, 196) if psnr(model, image, v, seed=v) >= target)


def whole_picture(model, image, target):
    for v in range(1, 196):
        shown = ml.reconstruct(model, image, ml.random_mask(196, 1 - v / 196, seed=0))
        off = (torch.tensor(shown.pasted) - torch.tensor(shown.original).float()) / 255
        if -10 * off.square().mean().log10() >= target:
            return v


def all_but_one(model, image, target):
    return 195


def ramps(height, width):
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return x, y


def grey_ramp(height, width):
    return ramps(height, width)[0].expand(3, -1, -1)


def flat(height, width):
    return torch.tensor([0.1, 0.5, 0.9])[:, None, None].expand(3, height, width)


def noise(height, width):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def photo(height, width):
    model = ml.load_model(device="cpu")
    image = ml.load_image(ml.asset_path("photos", "fig.jpg"), model)
    return ml.to_uint8(image, model.cfg)[0] / 255


def channels_last(height, width):
    x, y = ramps(height, width)
    return torch.stack([x, 1 - x, y], dim=-1)


def bytes_of_a_picture(height, width):
    x, y = ramps(height, width)
    return (torch.stack([x, 1 - x, y]) * 255).to(torch.uint8)


def waves_around_zero(height, width):
    x, _ = ramps(height, width)
    return torch.stack([torch.cos(torch.pi * x), -torch.cos(torch.pi * x), torch.cos(torch.pi * x)])


MUTANTS = {
    "object_or_background": [
        Mutant(visible_is_one, "everything but the fig"),
        Mutant(named(holes(FIG[::-1], LEFT), "columns_first"), "turned over the diagonal"),
        Mutant(named(holes((slice(6, 9), slice(7, 10)), (slice(6, 9), slice(0, 3))), "too_small"), "the fig fills are"),
        Mutant(named(holes((slice(3, 13), slice(4, 14)), (slice(0, 10), slice(0, 4))), "too_large"), "48 at most"),
        Mutant(named(holes(FIG, (slice(5, 11), slice(3, 8))), "overlap"), "a part of the fig as well"),
        Mutant(named(holes(FIG, (slice(5, 10), slice(0, 4))), "fewer_elsewhere"), "how much and not what"),
        Mutant(scattered, "another shape"),
        Mutant(grids_for_masks, "booleans of the shape"),
        Mutant(named(measured(lambda a, b: b.mse / a.mse), "upside_down"), "is upside down"),
        Mutant(named(measured(lambda a, b: a.psnr / b.psnr), "quotient_of_psnrs"), "which are logarithms"),
        Mutant(named(measured(lambda a, b: a.mse - b.mse), "difference"), "the difference of the two"),
        Mutant(named(measured(lambda a, b: a.skill / b.skill), "quotient_of_skills"), "by them the factor is"),
    ],
    "ten_best": [
        Mutant(best_alone, "they repeat each other", "scoring each feature by itself, as SelectKBest does"),
        Mutant(worst_alone, "tell least when shown alone"),
        Mutant(most_contrast, "with the most contrast"),
        Mutant(hardest_to_guess, "the other way round"),
        Mutant(loss_of_the_batch, "one number for all of its rows"),
        Mutant(places, "places in the list"),
        Mutant(ten_times_the_same, "in it twice"),
        Mutant(all_errors, "not a mask and not all errors"),
        Mutant(any_ten, "beside those chosen before"),
    ],
    "fewest_visible": [
        Mutant(binary_search, "what a binary search finds", "git bisect, where a bug comes and goes"),
        Mutant(hidden_ones, "is how many are hidden"),
        Mutant(share, "a share or a PSNR"),
        Mutant(one_before, "the number before it"),
        Mutant(another_seed_each, "a mask of another seed"),
        Mutant(whole_picture, "over the whole picture"),
        Mutant(all_but_one, "from 1 up"),
    ],
    "beat_the_model": [
        Mutant(grey_ramp, "shades of one colour"),
        Mutant(flat, "almost flat"),
        Mutant(noise, "little to do with each other"),
        Mutant(photo, "unlike any photo"),
        Mutant(channels_last, "the channels come first"),
        Mutant(bytes_of_a_picture, "divide bytes by 255"),
        Mutant(waves_around_zero, "a screen has 0 to 1"),
    ],
}
