"""What a model must beat: three ways to fill hidden patches that know nothing but the visible pixels of one image."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor


def visible_pixels(hidden: Bool[Tensor, "b 1 h w"]) -> Bool[Tensor, "b 1 h w"]:
    """What is not hidden, once each image has some of it."""
    if hidden.flatten(1).all(dim=1).any():
        raise ValueError("An image has no visible pixel to fill the hidden ones from; leave at least one visible.")
    return ~hidden


def visible_mean_fill(imgs: Float[Tensor, "b c h w"], hidden: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h w"]:
    """Fill hidden pixels with the mean colour of the image's visible pixels.

    Args:
        imgs: images in any units.
        hidden: True = hidden, as `pixel_mask` gives it; each image with at least one visible pixel.

    Raises:
        ValueError: if an image has none.
    """
    visible = visible_pixels(hidden)
    mean = (imgs * visible).sum(dim=(2, 3), keepdim=True) / visible.sum(dim=(2, 3), keepdim=True)
    return torch.where(hidden, mean, imgs)


def nearest_fill(imgs: Float[Tensor, "b c h w"], hidden: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h w"]:
    """Fill each hidden pixel with the nearest visible one (Euclidean distance; the upper or left one on a tie).

    An exact distance transform: first the nearest visible pixel of each row, then the best row for each column.
    """
    visible_pixels(hidden)
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
    visible pixels, the natural yardstick for anything that claims to know what images look like. Solved in numpy by
    conjugate gradients with a multigrid preconditioner: some ten steps, too small for threads or a GPU to pay.

    Args:
        imgs: images in any units of order 1.
        hidden: True = hidden; each image with at least one visible pixel.
        tol: largest allowed difference between a hidden pixel and the mean of its neighbours, times 4.
    """
    visible_pixels(hidden)
    filled = [_soap_film(x, mask[0], tol) for x, mask in zip(imgs.cpu().numpy(), hidden.cpu().numpy(), strict=True)]
    return torch.from_numpy(np.stack(filled)).to(imgs)


def _soap_film(
    x: Float[np.ndarray, "c h w"], hidden: Bool[np.ndarray, "h w"], tol: float, steps: int = 2000
) -> np.ndarray:
    """Solve laplacian(x) = 0 on the hidden pixels, the visible ones fixed, by preconditioned conjugate gradients."""
    grids = _grids(hidden)
    inside, _ = grids[0]
    x = np.where(hidden, x[:, ~hidden].mean(axis=1)[:, None, None], x)
    residual = -_laplacian(x) * inside
    direction, energy = np.zeros(()), np.ones(())
    for _ in range(steps):
        if np.abs(residual).max() < tol:
            break
        correction = _v_cycle(residual, grids)
        energy, last = _dot(residual, correction), energy
        direction = correction + energy / np.maximum(last, 1e-30) * direction
        applied = _laplacian(direction) * inside
        alpha = energy / np.maximum(_dot(direction, applied), 1e-30)
        x = x + alpha * direction
        residual = residual - alpha * applied
    return x


def _grids(hidden: Bool[np.ndarray, "h w"]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The grid and coarser ones: what is hidden on each as 0 and 1, and the step of a damped Jacobi sweep there."""
    h, w = hidden.shape
    inside, neighbours = hidden.astype(np.float32), np.full((h, w), 4, dtype=np.float32)
    for edge in (neighbours[0], neighbours[-1], neighbours[:, 0], neighbours[:, -1]):
        edge -= 1
    grid = inside, 0.8 * inside / np.maximum(neighbours, 1)
    if h % 2 or w % 2 or min(h, w) <= 8:
        return [grid]
    return [grid, *_grids(_of_four(inside) == 4)]


def _v_cycle(residual: Float[np.ndarray, "c h w"], grids: list) -> Float[np.ndarray, "c h w"]:
    """Nearly the solution of laplacian(x) = residual: multigrid, since on a coarse grid far is near (Brandt 1977)."""
    (inside, sweep), *coarser = grids
    x = residual * sweep
    if coarser:
        rest = _of_four(residual - _laplacian(x) * inside) * coarser[0][0]
        x += _v_cycle(rest, coarser).repeat(2, axis=1).repeat(2, axis=2) * inside
    for _ in range(1 if coarser else 9):
        x += (residual - _laplacian(x)) * sweep
    return x


def _of_four(x: Float[np.ndarray, "*c h w"]) -> Float[np.ndarray, "*c h//2 w//2"]:
    """The sums of 2 x 2 pixels."""
    rows = x[..., ::2, :] + x[..., 1::2, :]
    return rows[..., ::2] + rows[..., 1::2]


def _laplacian(x: Float[np.ndarray, "c h w"]) -> Float[np.ndarray, "c h w"]:
    """The sum of a pixel's differences to its neighbours, of which there are fewer at the border."""
    out = np.zeros_like(x)
    down, right = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    out[:, 1:] += down
    out[:, :-1] -= down
    out[:, :, 1:] += right
    out[:, :, :-1] -= right
    return out


def _dot(a: Float[np.ndarray, "c h w"], b: Float[np.ndarray, "c h w"]) -> Float[np.ndarray, "c 1 1"]:
    return np.einsum("chw,chw->c", a, b)[:, None, None]
