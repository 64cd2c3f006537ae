"""The best a linear masked autoencoder can do, in closed form: ridge regression from visible to hidden pixels.

The regression needs only how strongly two pixels vary together. In photographs that depends, nearly, on the offset
between them alone, so a few photographs are enough to measure it, and no training is needed for any mask.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mae_lite.measure.baselines import visible_pixels


def autocovariance(imgs: Float[Tensor, "b c h w"]) -> Float[Tensor, "h2 w2"]:
    """How pixels vary together, by the offset between them: the mean over images and channels.

    Args:
        imgs: images normalised so that the data set's mean is 0, as `load_image` gives them.

    Returns:
        The covariance at each offset (down, right), negative offsets from the end, as in a Fourier transform. Sums over
        the overlap are divided by h x w, so that the result is a valid covariance (positive semi-definite).
    """
    h, w = imgs.shape[2:]
    size = (2 * h, 2 * w)  # room for every offset without wrapping round
    power = torch.fft.rfft2(imgs, s=size).abs().square().mean(dim=(0, 1))
    return torch.fft.irfft2(power, s=size) / (h * w)


def linear_fill(
    imgs: Float[Tensor, "b c h w"],
    hidden: Bool[Tensor, "b 1 h w"],
    covariance: Float[Tensor, "h2 w2"],
    ridge: float = 1e-3,
) -> Float[Tensor, "b c h w"]:
    """Fill hidden pixels with the linear function of the visible ones that has the least expected squared error.

    Solves one system of as many equations as there are visible pixels for each different mask, and uses it for all
    images and channels under that mask: a tenth of a second at 3,000 visible pixels, 30 times as much at 10,000.

    Args:
        imgs: images in the units `covariance` was measured in.
        hidden: True = hidden, as `pixel_mask` gives it; each image with at least one visible pixel.
        covariance: from `autocovariance`, of images of this size.
        ridge: added to each pixel's variance, as a share of it; larger trusts the visible pixels less.

    Raises:
        ValueError: if the covariance is of images of another size, or an image has no visible pixel.
    """
    h, w = imgs.shape[2:]
    if covariance.shape != (2 * h, 2 * w):
        raise ValueError(
            f"The covariance was measured on {covariance.shape[0] // 2}x{covariance.shape[1] // 2} images and these "
            f"are {h}x{w}; measure it on images of the same size."
        )
    visible_pixels(hidden)
    filled = imgs.clone().flatten(2)
    masks, which = torch.unique(hidden.flatten(1), dim=0, return_inverse=True)
    for i, mask in enumerate(masks):
        here = filled[which == i]
        here[:, :, mask] = _regress(here[:, :, ~mask], mask.reshape(h, w), covariance, ridge)
        filled[which == i] = here
    return filled.reshape(imgs.shape)


def _regress(
    visible: Float[Tensor, "b c n_visible"], hidden: Bool[Tensor, "h w"], covariance: Tensor, ridge: float
) -> Float[Tensor, "b c n_hidden"]:
    """C_hv (C_vv + ridge)^-1 x_v, where C holds the covariances of pixels h and v."""
    seen, unseen = (~hidden).nonzero(), hidden.nonzero()
    among = _between(seen, seen, covariance)
    among.diagonal().add_(ridge * covariance[0, 0])
    factor = torch.linalg.cholesky(among)
    weights = torch.cholesky_solve(visible.flatten(0, 1).T, factor)
    return (_between(unseen, seen, covariance) @ weights).T.reshape(*visible.shape[:2], len(unseen))


def _between(a: Tensor, b: Tensor, covariance: Tensor) -> Float[Tensor, "n_a n_b"]:
    """Covariances of the pixels at positions a with those at positions b."""
    offset = a[:, None] - b[None]
    return covariance[offset[..., 0], offset[..., 1]]  # a negative offset counts from the end, as it should
