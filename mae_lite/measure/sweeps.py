"""One photo, many masks or many models: what changes with the ratio, how far guesses differ, what is surprising."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.device import autocast
from mae_lite.images import load_image
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask, random_mask
from mae_lite.measure.reconstruct import Reconstruction, metric_words, patches_picture, reconstruct
from mae_lite.patches import patchify

RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95)
"""The mask ratios of a sweep."""


def ratio_sweep(
    model: MAE,
    image: Float[Tensor, "1 c h w"],
    mask_ratios: Sequence[float] = RATIOS,
    *,
    strategy: str = "random",
    seed: int = 0,
) -> list[Reconstruction]:
    """Reconstruct one image at several mask ratios. Masks of one seed are nested: a higher ratio uncovers no patch.

    One forward pass each, since a batch takes equally many visible patches in every row. `sweep_flipbook` shows them.

    Args:
        model: a trained model.
        image: as `load_image` gives it.
        mask_ratios: shares of patches to hide.
        strategy: how to choose them, as `draw_mask` takes it.
        seed: fixes the masks.

    Raises:
        ValueError: if a ratio, the strategy or the image does not fit.
    """
    masks = [draw_mask(strategy, model.cfg.grid_size, ratio, seed=seed) for ratio in mask_ratios]
    with autocast(next(model.parameters()).device):
        return [reconstruct(model, image, mask) for mask in masks]


def sweep_label(shown: Reconstruction) -> str:
    """How much is hidden and how far off the reconstruction is, in a line."""
    hidden, n = int(shown.mask.sum()), shown.mask.shape[1]
    measured = ", ".join(metric_words(shown)) or "nothing to measure"
    return f"{hidden / n:.0%} hidden ({hidden} of {n} patches): {measured}"


def compare_models(
    models: Mapping[str, MAE], photo: str | Path | bytes | Image.Image, mask: Bool[Tensor, "1 n"]
) -> dict[str, Reconstruction]:
    """The same photo under the same mask by several models, by name, for `show_comparison`.

    The models may differ in image size and patch size as long as they cut a photo into the same grid, so that one mask
    hides the same parts of it. Each sees the photo at its own size, and its MSE is over its own pixels: between models
    of different image size compare the skill.

    Raises:
        ValueError: if the grids differ, or the mask or the photo does not fit.
    """
    grids = {name: model.cfg.grid_size for name, model in models.items()}
    if len(set(grids.values())) > 1:
        words = ", ".join(f"{name} {rows}x{columns}" for name, (rows, columns) in grids.items())
        raise ValueError(f"One mask serves models of the same grid of patches; these have {words}. Compare others.")
    shown = {}
    for name, model in models.items():
        with autocast(next(model.parameters()).device):
            shown[name] = reconstruct(model, load_image(photo, model), mask)
    return shown


@dataclass(frozen=True)
class Guesses:
    """Predictions for one image under k masks. A patch counts only in the masks that hide it, so none saw its answer.

    Values are in normalised pixels and NaN where a patch is hidden in too few masks to have one.
    """

    cfg: MAEConfig
    patches: Float[Tensor, "n patch_dim"]
    """The image itself."""
    preds: Float[Tensor, "k n patch_dim"]
    """What the model painted under each mask, visible patches included, where it means nothing."""
    masks: Bool[Tensor, "k n"]
    """True = hidden."""

    @property
    def times(self) -> Int[Tensor, " n"]:
        """In how many masks each patch is hidden: how many guesses there are for it."""
        return self.masks.sum(dim=0)

    @property
    def mean(self) -> Float[Tensor, "n patch_dim"]:
        """Each patch's mean over the guesses for it."""
        return (self.preds * self.masks[..., None]).sum(dim=0) / self.times[:, None]

    @property
    def spread(self) -> Float[Tensor, " n"]:
        """How far the guesses for a patch lie apart: their standard deviation, root mean square over its values."""
        off = (self.preds - self.mean).square().mean(dim=2)
        variance = torch.where(self.masks, off, 0).sum(dim=0) / (self.times - 1)
        return variance.sqrt().where(self.times > 1, torch.nan)

    @property
    def error(self) -> Float[Tensor, " n"]:
        """Mean squared error of the mean guess, patch by patch: how little the rest of the picture tells about it."""
        return (self.mean - self.patches).square().mean(dim=1)

    @property
    def mse(self) -> float:
        """Error of the mean guess over all patches that have one."""
        return self.error.nanmean().item()

    @property
    def single_mse(self) -> float:
        """Error of one guess on average, over the same patches with the same weights; never below `mse`."""
        off = torch.where(self.masks, (self.preds - self.patches).square().mean(dim=2), 0)
        return (off.sum(dim=0) / self.times).nanmean().item()

    def picture(self, patches: Float[Tensor, "n patch_dim"]) -> UInt8[ndarray, "h w 3"]:
        """Patches as a picture, grey where there is no value."""
        return patches_picture(patches, self.cfg)


@torch.inference_mode()
def guess(model: MAE, image: Float[Tensor, "1 c h w"], masks: Bool[Tensor, "k n"]) -> Guesses:
    """Predict one image under each of several masks; masks that hide equally many patches run as one batch.

    Raises:
        ValueError: if image or masks do not fit the model, or the model predicts norm-pix targets.
    """
    cfg, device = model.cfg, next(model.parameters()).device
    if cfg.norm_pix_loss:
        raise ValueError(
            "This model predicts normalised patches, whose pixels cannot be averaged; use a raw-pixel one."
        )
    if cfg.in_chans not in (1, 3):
        raise ValueError(f"Only images of 1 or 3 channels can be shown, this model has {cfg.in_chans}; call model().")
    preds = torch.empty(len(masks), cfg.num_patches, cfg.patch_dim)
    for count in masks.sum(dim=1).unique():
        rows = masks.sum(dim=1) == count
        with autocast(next(model.parameters()).device):
            out = model(image.to(device).expand(int(rows.sum()), -1, -1, -1), masks[rows])
        preds[rows] = out.pred.float().cpu()
    return Guesses(cfg, patchify(image.cpu(), cfg.patch_size)[0], preds, masks.cpu())


def ten_guesses(
    model: MAE, image: Float[Tensor, "1 c h w"], n: int = 10, *, mask_ratio: float = 0.75, seed: int = 0
) -> Guesses:
    """The same photo under n random masks: where do the guesses agree, and is their mean better than one of them?

    Raises:
        ValueError: if n is below 2, or anything does not fit.
    """
    if n < 2:
        raise ValueError(f"n is {n}; it takes at least 2 guesses to see where they differ.")
    return guess(model, image, random_mask(model.num_patches, mask_ratio, batch_size=n, seed=seed))


def complementary_masks(num_patches: int, views: int = 4, *, seed: int = 0) -> Bool[Tensor, "views n"]:
    """Masks whose visible patches share out the image: each patch is visible in exactly one and hidden in the others.

    With 4 views each hides 75 %. Where the patches do not divide evenly, some masks show one more than others.

    Raises:
        ValueError: if there are not at least 2 views and at most as many as patches.
    """
    if not 2 <= views <= num_patches:
        raise ValueError(f"views is {views}; {num_patches} patches can be shared out among 2 to {num_patches}.")
    order = torch.randperm(num_patches, generator=torch.Generator().manual_seed(seed))
    masks = torch.ones(views, num_patches, dtype=torch.bool)
    masks[torch.arange(num_patches) % views, order] = False
    return masks


def predict_unseen(model: MAE, image: Float[Tensor, "1 c h w"], views: int = 4, *, seed: int = 0) -> Guesses:
    """Predict every patch of a photo, each from masks that hide it: under `complementary_masks`, one forward pass each.

    A patch's prediction is the mean over the views - 1 masks that hide it; none of them saw any of its pixels. Its
    error is large where the rest of the picture does not tell what is there: an odd thing, but fine texture as well.

    Raises:
        ValueError: if anything does not fit.
    """
    return guess(model, image, complementary_masks(model.num_patches, views, seed=seed))
