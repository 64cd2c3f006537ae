"""The loss: mean squared error on masked patches only (section 3, "Reconstruction target")."""

from jaxtyping import Bool, Float
from torch import Tensor

from mae_lite.patches import normalize_patches


def mae_loss(
    pred: Float[Tensor, "b n patch_dim"],
    patches: Float[Tensor, "b n patch_dim"],
    mask: Bool[Tensor, "b n"],
    norm_pix_loss: bool = False,
) -> Float[Tensor, ""]:
    """Mean squared error per patch, averaged over the masked patches; computed in float32.

    Visible patches carry no loss (footnote 1 of the paper: a result-driven choice), so nothing asks the model to
    copy them well. With nothing masked the loss is 0.

    Args:
        pred: predicted patches.
        patches: true patches, normalised images cut by `patchify`.
        mask: True = hidden.
        norm_pix_loss: compare with each patch normalised by its own mean and deviation (Table 1d).
    """
    target = patches.float()
    if norm_pix_loss:
        target, _, _ = normalize_patches(target)
    per_patch = (pred.float() - target).square().mean(dim=-1)  # (b, n)
    return (per_patch * mask).sum() / mask.sum().clamp(min=1)
