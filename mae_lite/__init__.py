"""mae_lite: a small, exact masked autoencoder to learn from.

Axis letters: b batch, c channels, h w pixels, n patches, n_keep visible patches, n_tokens = 1 + n_keep (class token
first), d width, p patch side, patch_dim = p * p * c. A mask is boolean, True = masked (hidden).

Figures are in `mae_lite.show.figures`, widgets in `mae_lite.widgets`, training in `mae_lite.train.pretrain`.
"""

from typing import Any

from mae_lite.cli.doctor import doctor
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.decoder import MAEDecoder
from mae_lite.device import pick_device
from mae_lite.encoder import MAEEncoder
from mae_lite.images import load_image, to_uint8
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE, MAEOutput
from mae_lite.masking import block_mask, grid_mask, ids_from_mask, mask_from_grid, pixel_mask, random_mask
from mae_lite.measure.baselines import harmonic_fill, nearest_fill, visible_mean_fill
from mae_lite.measure.reconstruct import Reconstruction, reconstruct
from mae_lite.patches import denormalize_patches, normalize_patches, patchify, unpatchify
from mae_lite.weights.assets import asset_path, list_photos
from mae_lite.weights.catalogue import list_models
from mae_lite.weights.checkpoints import load_encoder, load_model, save_model
from mae_lite.weights.prepack import prepack

__all__ = [
    "MAE", "PRESETS", "MAEConfig", "MAEDecoder", "MAEEncoder", "MAEOutput", "Reconstruction", "asset_path",
    "block_mask", "denormalize_patches", "doctor", "grid_mask", "harmonic_fill", "ids_from_mask",
    "list_models", "list_photos", "load_encoder", "load_image", "load_model", "mae_loss", "mask_from_grid",
    "nearest_fill", "normalize_patches", "patchify", "pick_device", "pixel_mask", "prepack", "random_mask",
    "reconstruct", "save_model", "to_uint8", "unpatchify", "visible_mean_fill",
]  # fmt: skip


def _draw(shown: Reconstruction, panels: tuple[str, ...]) -> Any:
    """What `Reconstruction.figure` does; matplotlib, which is slow to load, waits until somebody asks for a figure."""
    from mae_lite.show.figures import show_reconstruction

    return show_reconstruction(shown, panels)


Reconstruction._draw = _draw
