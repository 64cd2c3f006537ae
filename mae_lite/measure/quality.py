"""How like the truth a filled-in picture looks on a screen: PSNR and SSIM of its hidden pixels."""

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn.functional import conv2d

WINDOW, SIGMA = 11, 1.5
"""Side of the window of SSIM and deviation of its Gaussian, in pixels (Wang et al. 2004, section III.B)."""
C1, C2 = 0.01**2, 0.03**2
"""Constants that keep SSIM's quotients from 0 / 0, for pixels from 0 to 1 (same section)."""


def masked_mse(
    pictures: Float[Tensor, "b c h w"], truth: Float[Tensor, "#b c h w"], hidden: Bool[Tensor, "#b 1 h w"]
) -> Float[Tensor, " b"]:
    """Mean squared error of each picture's hidden pixels, in the units of the pictures.

    Args:
        pictures: in any units.
        truth: the original, one for each picture or for all.
        hidden: True = hidden, as `pixel_mask` gives it.

    Raises:
        ValueError: if nothing is hidden in an image.
    """
    return _hidden_mean((pictures - truth).square(), hidden)


def masked_psnr(
    pictures: UInt8[Tensor, "b c h w"], truth: UInt8[Tensor, "#b c h w"], hidden: Bool[Tensor, "#b 1 h w"]
) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio of each picture's hidden pixels in dB: -10 log10(mean squared error, pixels 0 to 1).

    Args:
        pictures: bytes as a screen shows them, so clipped and rounded.
        truth: the original, one for each picture or for all.
        hidden: True = hidden, as `pixel_mask` gives it.

    Returns:
        At most 100 dB, also for a perfect picture.

    Raises:
        ValueError: if nothing is hidden in an image.
    """
    off = masked_mse(pictures.float(), truth.float(), hidden) / 255**2
    return -10 * off.clamp(min=1e-10).log10()


def masked_ssim(
    pictures: UInt8[Tensor, "b c h w"], truth: UInt8[Tensor, "#b c h w"], hidden: Bool[Tensor, "#b 1 h w"]
) -> Float[Tensor, " b"]:
    """Structural similarity (Wang et al. 2004) of each picture's hidden pixels, the true visible ones pasted over.

    It compares mean, contrast and structure in a window around each pixel. The map is computed by channel and averaged
    over hidden pixels and channels. Windows that reach over the border count only what is inside, so that every hidden
    pixel has its value. Windows near a visible patch see true pixels, which lifts every rival alike.

    Args:
        pictures: bytes as a screen shows them.
        truth: the original, one for each picture or for all.
        hidden: True = hidden, as `pixel_mask` gives it.

    Returns:
        1 for equal pictures, about 0 for unrelated ones.

    Raises:
        ValueError: if nothing is hidden in an image.
    """
    x, y = torch.where(hidden, pictures, truth) / 255, truth / 255
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    var_x = _local_mean(x.square()) - mean_x.square()
    var_y = _local_mean(y.square()) - mean_y.square()
    covariance = _local_mean(x * y) - mean_x * mean_y
    brightness = (2 * mean_x * mean_y + C1) / (mean_x.square() + mean_y.square() + C1)
    structure = (2 * covariance + C2) / (var_x + var_y + C2)
    return _hidden_mean(brightness * structure, hidden)


def _local_mean(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """The Gaussian mean around each pixel, of those pixels of its window that exist."""
    weights = torch.exp(-(torch.arange(WINDOW, device=x.device) - WINDOW // 2).square() / (2 * SIGMA**2))
    return _blur(x, weights) / _blur(torch.ones_like(x[:1, :1]), weights)


def _blur(x: Float[Tensor, "b c h w"], weights: Float[Tensor, " k"]) -> Float[Tensor, "b c h w"]:
    """Weighted sums down, then across, with nothing outside the picture."""
    half, maps = len(weights) // 2, x.shape[0] * x.shape[1]
    # The maps are groups of one image, several times faster on a CPU than a batch of one-channel images.
    kernel = weights.expand(maps, 1, 1, -1)
    down = conv2d(x.reshape(1, maps, *x.shape[2:]), kernel.transpose(2, 3), padding=(half, 0), groups=maps)
    return conv2d(down, kernel, padding=(0, half), groups=maps).view_as(x)


def _hidden_mean(values: Float[Tensor, "b c h w"], hidden: Bool[Tensor, "#b 1 h w"]) -> Float[Tensor, " b"]:
    count = hidden.sum(dim=(1, 2, 3)) * values.shape[1]
    if not count.all():
        raise ValueError("An image hides no pixel, so there is nothing to measure; mask at least one patch.")
    return (values * hidden).sum(dim=(1, 2, 3)) / count
