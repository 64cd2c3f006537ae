"""From an image and a mask to named pictures and honest numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.images import picture_bytes, to_picture, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import pixel_mask
from mae_lite.measure.baselines import harmonic_fill
from mae_lite.measure.quality import masked_mse, masked_psnr
from mae_lite.patches import denormalize_patches, normalize_patches, patchify, unpatchify

GREY = 128
"""What hidden patches look like in the masked picture."""
FLAT = 1e-4
"""Error of the harmonic fill below which there is nothing left to be better at: a plain wall, a clear sky."""
PANELS = ("original", "masked", "output", "pasted", "error")
"""The pictures of a reconstruction, in their usual order."""


@dataclass(frozen=True)
class Reconstruction:
    """What the model saw, what it predicted, and how far off it was. Pictures are (h, w, 3) bytes.

    Metrics are over masked patches only and None where they mean nothing: with no patch masked, and, for `psnr` and
    `skill`, for a norm-pix model, whose pictures need the true patch statistics.
    """

    original: UInt8[np.ndarray, "h w 3"]
    """The photo as the model gets it."""
    masked: UInt8[np.ndarray, "h w 3"]
    """The same with hidden patches in grey."""
    output: UInt8[np.ndarray, "h w 3"]
    """The prediction for every patch; the visible ones look worse since they carry no loss."""
    pasted: UInt8[np.ndarray, "h w 3"]
    """The output with the true visible patches pasted over."""
    error: UInt8[np.ndarray, "h w 3"]
    """Absolute error on masked patches, black 0 to bright yellow at half the range of a channel."""
    mask: Bool[Tensor, "1 n"]
    """True = hidden."""
    mse: float | None
    """Mean squared error in the units of the loss (normalised pixels)."""
    psnr: float | None
    """Peak signal-to-noise ratio in dB, on pixels from 0 to 1."""
    skill: float | None
    """1 - mse / mse of the harmonic fill: 0 is no better than a soap film through the visible pixels, 1 is perfect.

    None also for a picture so flat that the film is perfect already.
    """
    leaks: bool
    """Whether the output was rescaled with the true statistics of hidden patches (norm-pix models only)."""

    _draw: ClassVar[Callable[..., Any]]
    """What `figure` draws with; `mae_lite/__init__.py` puts it here, since `mae_lite.show` stands above this room."""

    @property
    def titles(self) -> dict[str, str]:
        """A title for each picture."""
        hidden, n = int(self.mask.sum()), self.mask.shape[1]
        output = "output, rescaled with the true\npatch mean and deviation (a leak)" if self.leaks else "output"
        return {
            "original": "original",
            "masked": f"masked: {n - hidden} of {n} patches seen",
            "output": output,
            "pasted": "output + visible patches",
            "error": "error on masked patches",
        }

    @property
    def alt(self) -> str:
        """The pictures and numbers in a sentence, for readers who cannot see them."""
        hidden, n = int(self.mask.sum()), self.mask.shape[1]
        text = f"A photo, the same with {hidden} of {n} patches hidden, and the model's reconstruction."
        if self.mse is not None:
            text += f" Mean squared error on the hidden patches {self.mse:.3f}"
            text += "" if self.psnr is None else f", PSNR {self.psnr:.1f} dB"
            text += "." if self.skill is None else f", skill over the harmonic fill {self.skill:.2f}."
        return text

    def strip(self, panels: tuple[str, ...] = PANELS[:4]) -> UInt8[np.ndarray, "h w 3"]:
        """The named pictures side by side."""
        return np.concatenate([getattr(self, name) for name in panels], axis=1)

    def to_bytes(self, format: str = "jpeg", panels: tuple[str, ...] = PANELS[:4]) -> bytes:
        """The strip as an encoded file ("jpeg", "png" or "webp")."""
        return picture_bytes(self.strip(panels), format, quality=90)

    def figure(self, panels: tuple[str, ...] = PANELS) -> Any:
        """The named pictures with titles and the metrics, as a matplotlib figure with alt text."""
        return self._draw(panels)


@torch.inference_mode()
def reconstruct(model: MAE, image: Float[Tensor, "1 c h w"], mask: Bool[Tensor, "1 n"]) -> Reconstruction:
    """Fill in the hidden patches of one image and measure the result.

    Args:
        model: a trained model.
        image: as `load_image` gives it.
        mask: True = hidden.

    Raises:
        ValueError: if image or mask do not fit the model, or the image has neither 1 nor 3 channels.
    """
    cfg, p = model.cfg, model.cfg.patch_size
    if cfg.in_chans not in (1, 3):
        raise ValueError(f"Only images of 1 or 3 channels can be shown, this model has {cfg.in_chans}; call model().")
    out = model(image.to(next(model.parameters()).device), mask)
    pred, image, mask = out.pred.float().cpu(), image.cpu(), mask.cpu()
    if cfg.norm_pix_loss:
        _, mean, std = normalize_patches(patchify(image, p))
        pred = denormalize_patches(pred, mean, std)
    output = unpatchify(pred, p, cfg.grid_size)
    hidden = pixel_mask(mask, cfg.grid_size, p)
    truth, painted = to_uint8(image, cfg), to_uint8(output, cfg)
    original, predicted = to_picture(truth[0]), to_picture(painted[0])
    where = hidden[0, 0].numpy()[..., None]
    difference = np.abs(predicted.astype(np.float32) - original).mean(axis=2) / 255
    mse = out.loss.item() if mask.any() else None
    psnr = skill = None
    if mse is not None and not cfg.norm_pix_loss:
        psnr = masked_psnr(painted, truth, hidden).item()
        fill_mse = masked_mse(harmonic_fill(image, hidden), image, hidden).item()
        skill = 1 - mse / fill_mse if fill_mse > FLAT else None
    return Reconstruction(
        original=original,
        masked=np.where(where, np.uint8(GREY), original),
        output=predicted,
        pasted=np.where(where, predicted, original),
        error=_heat(difference * where[..., 0]),
        mask=mask,
        mse=mse,
        psnr=psnr,
        skill=skill,
        leaks=cfg.norm_pix_loss,
    )


def patches_picture(patches: Float[Tensor, "n patch_dim"], cfg: MAEConfig) -> UInt8[np.ndarray, "h w 3"]:
    """Normalised patches as a picture, grey where there is no value (NaN)."""
    img, known = (unpatchify(x[None], cfg.patch_size, cfg.grid_size) for x in (patches, patches.isfinite().float()))
    return to_picture(to_uint8(img.nan_to_num(), cfg).where(known.bool(), GREY)[0])


def metric_words(shown: Reconstruction) -> list[str]:
    """The metrics that a reconstruction has, in words."""
    mse = [] if shown.mse is None else [f"MSE {shown.mse:.3f}"]
    return mse if shown.skill is None else [*mse, f"skill {shown.skill:+.2f}"]


def _heat(values: Float[np.ndarray, "h w"], top: float = 0.5) -> UInt8[np.ndarray, "h w 3"]:
    """Black through violet and orange to yellow (five points of matplotlib's inferno), readable in grey too."""
    points = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)])
    at = np.linspace(0, top, len(points))
    return np.stack([np.interp(values, at, points[:, k]) for k in range(3)], axis=2).round().astype(np.uint8)
