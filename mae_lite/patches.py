"""An image as a sentence of patches, and back (section 3, "Masking" and "Reconstruction target")."""

from jaxtyping import Float
from torch import Tensor


def patchify(imgs: Float[Tensor, "b c h w"], patch_size: int) -> Float[Tensor, "b n patch_dim"]:
    """Cut images into non-overlapping patches, row by row, each flattened as (row, column, channel).

    That pixel order is the one the official weights predict; a Conv2d's weight is ordered (channel, row, column).

    Raises:
        ValueError: if the height or width is not a multiple of `patch_size`.
    """
    b, c, h, w = imgs.shape
    p = patch_size
    if p < 1 or h % p or w % p:
        raise ValueError(f"An image of {h}x{w} pixels does not divide into patches of {p}x{p}; crop or resize it.")
    x = imgs.reshape(b, c, h // p, p, w // p, p)
    x = x.permute(0, 2, 4, 3, 5, 1)  # (b, rows, columns, p, p, c)
    return x.reshape(b, (h // p) * (w // p), p * p * c)


def unpatchify(
    patches: Float[Tensor, "b n patch_dim"], patch_size: int, grid_size: tuple[int, int]
) -> Float[Tensor, "b c h w"]:
    """Put patches back in their places: the inverse of `patchify`.

    Args:
        patches: as `patchify` gives them.
        patch_size: side of a patch in pixels.
        grid_size: patches down and across; a count alone cannot tell 2 x 8 from 4 x 4.

    Raises:
        ValueError: if the number of patches or of values in a patch does not fit.
    """
    b, n, patch_dim = patches.shape
    p, (rows, columns) = patch_size, grid_size
    if n != rows * columns or patch_dim % (p * p):
        raise ValueError(
            f"{n} patches of {patch_dim} values do not fill a grid of {rows}x{columns} patches of {p}x{p} pixels."
        )
    c = patch_dim // (p * p)
    x = patches.reshape(b, rows, columns, p, p, c)
    x = x.permute(0, 5, 1, 3, 2, 4)  # (b, c, rows, p, columns, p)
    return x.reshape(b, c, rows * p, columns * p)


def normalize_patches(
    patches: Float[Tensor, "b n patch_dim"], eps: float = 1e-6
) -> tuple[Float[Tensor, "b n patch_dim"], Float[Tensor, "b n 1"], Float[Tensor, "b n 1"]]:
    """Normalise each patch by its own mean and deviation: the norm-pix target (section 3, Table 1d).

    Mean and *unbiased* variance run over all values of a patch jointly, as in the official code.

    Returns:
        The normalised patches, their means and their standard deviations (of which `eps` is part).
    """
    mean = patches.mean(dim=-1, keepdim=True)
    std = (patches.var(dim=-1, keepdim=True) + eps).sqrt()
    return (patches - mean) / std, mean, std


def denormalize_patches(
    patches: Float[Tensor, "b n patch_dim"], mean: Float[Tensor, "b n 1"], std: Float[Tensor, "b n 1"]
) -> Float[Tensor, "b n patch_dim"]:
    """Undo `normalize_patches`.

    With the true mean and std of a hidden patch this leaks a part of the answer: a picture made so must say it.
    """
    return patches * std + mean
