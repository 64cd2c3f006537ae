"""What a model must beat: three ways to fill hidden patches that know nothing but the visible pixels of one image."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def pixel_mask(mask: Bool[Tensor, "b n"], grid_size: tuple[int, int], patch_size: int) -> Bool[Tensor, "b 1 h w"]:
    """A mask of patches as a mask of pixels, True = hidden."""
    grid = mask.reshape(len(mask), 1, *grid_size)
    return grid.repeat_interleave(patch_size, dim=2).repeat_interleave(patch_size, dim=3)


def visible_mean_fill(imgs: Float[Tensor, "b c h w"], hidden: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h w"]:
    """Fill hidden pixels with the mean colour of the image's visible pixels.

    Args:
        imgs: images in any units.
        hidden: True = hidden, as `pixel_mask` gives it; each image with at least one visible pixel.
    """
    visible = ~hidden
    mean = (imgs * visible).sum(dim=(2, 3), keepdim=True) / visible.sum(dim=(2, 3), keepdim=True)
    return torch.where(hidden, mean, imgs)


def nearest_fill(imgs: Float[Tensor, "b c h w"], hidden: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h w"]:
    """Fill each hidden pixel with the nearest visible one (Euclidean distance; the upper or left one on a tie).

    An exact distance transform: first the nearest visible pixel of each row, then the best row for each column.
    """
    return torch.stack([_nearest(img, mask[0]) for img, mask in zip(imgs, hidden, strict=True)])


def _nearest(img: Float[Tensor, "c h w"], hidden: Bool[Tensor, "h w"]) -> Float[Tensor, "c h w"]:
    h, w = hidden.shape
    far = 4 * (h + w)
    x = torch.arange(w, device=img.device).expand(h, w)
    left = torch.where(hidden, -far, x).cummax(dim=1).values
    right = torch.where(hidden, far, x).flip(1).cummin(dim=1).values.flip(1)
    nearest_x = torch.where(x - left <= right - x, left, right)
    row_distance = (nearest_x - x).square()
    y = torch.arange(h, device=img.device)
    distance = (y[:, None] - y[None, :]).square()[:, :, None] + row_distance[None]  # (h to fill, h from, w)
    best_y = distance.argmin(dim=1)
    best_x = nearest_x.gather(0, best_y)
    return img[:, best_y, best_x]


def harmonic_fill(
    imgs: Float[Tensor, "b c h w"], hidden: Bool[Tensor, "b 1 h w"], tol: float = 2e-4
) -> Float[Tensor, "b c h w"]:
    """Fill hidden pixels with the smoothest surface through the visible ones.

    Each hidden pixel becomes the mean of its neighbours (the discrete Laplace equation): a soap film held by the
    visible pixels, the natural yardstick for anything that claims to know what images look like. Solved by conjugate
    gradients from a start that is the same solution on a coarser grid.

    Args:
        imgs: images in any units of order 1.
        hidden: True = hidden; each image with at least one visible pixel.
        tol: largest allowed difference between a hidden pixel and the mean of its neighbours, times 4.
    """
    b, c, h, w = imgs.shape
    x = visible_mean_fill(imgs, hidden)
    if h % 2 == 0 and w % 2 == 0 and min(h, w) > 8:
        weight = F.avg_pool2d((~hidden).to(imgs.dtype), 2)
        coarse = F.avg_pool2d(torch.where(hidden, 0, imgs), 2) / weight.clamp(min=0.25)
        coarse = harmonic_fill(coarse, weight == 0, tol)
        x = torch.where(hidden, F.interpolate(coarse, size=(h, w), mode="bilinear"), imgs)
    return _conjugate_gradients(x, hidden, tol)


def _laplacian(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Four times a pixel less its four neighbours; beyond the border the pixel itself."""
    y = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return 4 * x - y[..., :-2, 1:-1] - y[..., 2:, 1:-1] - y[..., 1:-1, :-2] - y[..., 1:-1, 2:]


def _conjugate_gradients(x: Tensor, hidden: Tensor, tol: float, max_steps: int = 2000) -> Float[Tensor, "b c h w"]:
    """Solve laplacian(x) = 0 on the hidden pixels, the visible ones fixed."""
    zero = x.new_zeros(())
    residual = torch.where(hidden, -_laplacian(x), zero)
    direction = residual
    energy = residual.square().sum(dim=(2, 3), keepdim=True)
    for step in range(max_steps):
        if step % 8 == 0 and residual.abs().max() < tol:
            break
        applied = torch.where(hidden, _laplacian(direction), zero)
        alpha = energy / (direction * applied).sum(dim=(2, 3), keepdim=True).clamp(min=1e-30)
        x = x + alpha * direction
        residual = residual - alpha * applied
        new_energy = residual.square().sum(dim=(2, 3), keepdim=True)
        direction = residual + new_energy / energy.clamp(min=1e-30) * direction
        energy = new_energy
    return x
