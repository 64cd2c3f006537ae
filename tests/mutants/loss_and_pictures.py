import torch
import torch.nn.functional as F

import mae_lite as ml
from mutants import Mutant


def over_all_patches(pred, patches, mask):
    return F.mse_loss(pred, patches)


def mean_of_the_product(pred, patches, mask):
    return ((pred - patches) ** 2).mean(-1).mul(mask).mean()


def never_divided(pred, patches, mask):
    return torch.sum(((pred - patches) ** 2).mean(-1) * mask)


def image_by_image(pred, patches, mask):
    per_image = [F.mse_loss(p[m], x[m]) for p, x, m in zip(pred, patches, mask, strict=True)]
    return torch.stack(per_image).mean()


def inverted(pred, patches, mask):
    return F.mse_loss(pred[~mask], patches[~mask])


def absolute(pred, patches, mask):
    return F.l1_loss(pred[mask], patches[mask])


def nothing_over_nothing(pred, patches, mask):
    return F.mse_loss(pred[mask], patches[mask])


def divided_by_n(patches, eps=1e-6):
    std, mean = torch.std_mean(patches, dim=-1, keepdim=True, correction=0)
    std = (std**2 + eps) ** 0.5
    return (patches - mean) / std, mean, std


def eps_outside(patches, eps=1e-6):
    std, mean = torch.std_mean(patches, dim=-1, keepdim=True)
    return (patches - mean) / (std + eps), mean, std + eps


def colour_by_colour(patches, eps=1e-6):
    x = patches.unflatten(-1, (-1, 3))
    std, mean = torch.std_mean(x, dim=-2, keepdim=True)
    return ((x - mean) / (std + eps)).flatten(-2), mean, std


def colours_with_eps_inside(patches, eps=1e-6):
    x = patches.unflatten(-1, (-1, 3))
    var, mean = torch.var_mean(x, dim=-2, keepdim=True)
    return ((x - mean) / (var + eps).sqrt()).flatten(-2), mean, var


def whole_image(patches, eps=1e-6):
    var, mean = torch.var_mean(patches, dim=(-2, -1), keepdim=True)
    return (patches - mean) / (var + eps).sqrt(), mean, (var + eps).sqrt()


def by_the_variance(patches, eps=1e-6):
    var, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    return (patches - mean) / (var + eps), mean, var + eps


def variance_returned(patches, eps=1e-6):
    var, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    return (patches - mean) / (var + eps).sqrt(), mean, var


def of(patches):
    std, mean = torch.std_mean(patches, dim=-1, keepdim=True)
    return mean, std


def true_ones(patches, mask, grid_size):
    return of(patches)


def box(values, weight, grid_size, k):
    """The mean of `values` in a square of k x k patches, by `weight`."""
    ones = torch.ones(1, 1, k, k)
    x, w = ((t.reshape(len(values), 1, *grid_size)) for t in (values[..., 0] * weight, weight))
    total, count = (F.conv2d(t, ones, padding=k // 2) for t in (x, w))
    return (total / count.clamp(min=1)).reshape(values.shape)


def blurred_with_hidden_ones(patches, mask, grid_size):
    return tuple(box(v, torch.ones(mask.shape), grid_size, 3) for v in of(patches))


def hidden_ones_as_zero(patches, mask, grid_size):
    seen = (~mask).float()[..., None]
    return tuple(box(v * seen, torch.ones(mask.shape), grid_size, 5) for v in of(patches))


def constant(patches, mask, grid_size):
    seen = (~mask).float()[..., None]
    return tuple(((v * seen).sum(1, keepdim=True) / seen.sum(1, keepdim=True)).expand(v.shape) for v in of(patches))


def nearest(values, mask, grid_size):
    """The value of the nearest visible patch."""
    at = torch.cartesian_prod(*map(torch.arange, grid_size)).float()
    rows = []
    for v, m in zip(values, mask, strict=True):
        seen = (~m).nonzero()[:, 0]
        rows.append(v[seen[torch.cdist(at, at[seen]).argmin(dim=1)]])
    return torch.stack(rows)


def one_neighbour(patches, mask, grid_size):
    return tuple(nearest(v, mask, grid_size) for v in of(patches))


def last_one_read(patches, mask, grid_size):
    place = torch.arange(mask.shape[1]).where(~mask, 0).cummax(dim=1).values
    first = (~mask).float().argmax(dim=1, keepdim=True)
    return tuple(v.gather(1, torch.maximum(place, first)[..., None]) for v in of(patches))


def deviation_first(patches, mask, grid_size):
    mean, std = of(patches)
    return nearest(std, mask, grid_size), nearest(mean, mask, grid_size)


def of_filled_pixels(patches, mask, grid_size):
    hidden = ml.pixel_mask(mask, grid_size, 8)
    return of(ml.patchify(ml.harmonic_fill(ml.unpatchify(patches, 8, grid_size), hidden), 8))


def no_neighbour_at_all(patches, mask, grid_size):
    seen = (~mask).float()
    return tuple(box(v, seen, grid_size, 3) / box(seen[..., None], seen, grid_size, 3) for v in of(patches))


MUTANTS = {
    "mae_loss": [
        Mutant(over_all_patches, "the visible ones included", "the choice the paper tested (footnote 1)"),
        Mutant(mean_of_the_product, "became 0 but were counted", "uncbiag/ICON#83"),
        Mutant(never_divided, "divide by how many there are"),
        Mutant(image_by_image, "divide once"),
        Mutant(inverted, "error of the visible patches", "Sllambias/asparagus#12"),
        Mutant(absolute, "are not squared", "SimMIM's loss, by choice"),
        Mutant(nothing_over_nothing, "0 / 0 is no loss", "Zhen-Dong/Magic-Me#14, in kind"),
    ],
    "normalize_patches": [
        Mutant(divided_by_n, "this is the biased variance", "TensorFlow version of huggingface/transformers' ViTMAE"),
        Mutant(eps_outside, "eps was added to the deviation", "half of pengzhiliang/MAE-pytorch's target"),
        Mutant(colour_by_colour, "each colour has statistics of its own", "pengzhiliang/MAE-pytorch"),
        Mutant(colours_with_eps_inside, "each colour channel has its own"),
        Mutant(whole_image, "for the whole image"),
        Mutant(by_the_variance, "take its root"),
        Mutant(variance_returned, "this is the variance;"),
    ],
    "visible_statistics": [
        Mutant(true_ones, "the leak itself", "pengzhiliang/MAE-pytorch#40"),
        Mutant(blurred_with_hidden_ones, "changes when hidden pixels change"),
        Mutant(hidden_ones_as_zero, "counted as 0"),
        Mutant(constant, "a constant for each photo"),
        Mutant(one_neighbour, "One neighbour is a noisy guess"),
        Mutant(last_one_read, "above and below as well"),
        Mutant(deviation_first, "swapped"),
        Mutant(of_filled_pixels, "pixels that were filled in"),
        Mutant(no_neighbour_at_all, "is not a number"),
    ],
    "which_checkpoint": [
        Mutant(["raw", "no decoder", "norm-pix", "leak"], "nobody could know", "pengzhiliang/MAE-pytorch#46"),
        Mutant(["leak", "no decoder", "raw", "norm-pix"], "has the same brightness", "facebookresearch/mae#12"),
        Mutant(["leak", "norm-pix", "no decoder", "raw"], "random decoder", "facebookresearch/mae#156"),
    ],
}
