"""Which models there are: bundled with the package, official, and on the Hugging Face hub."""

import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from mae_lite.weights.assets import asset_path, user_path


class CheckpointError(ValueError):
    """A checkpoint that cannot be had or used; the message says what it is and what would work."""


class ModelInfo(NamedTuple):
    """One row of the table of models."""

    name: str
    """What `load_model` takes, or `load_encoder` where there is no decoder."""
    size_mb: int
    """Size of the file in megabytes."""
    target: str
    """What it was trained to predict: "raw" pixels, or "norm-pix", which is not viewable as it is."""
    decoder: bool
    """Whether it can reconstruct; without a decoder it gives features only."""
    licence: str
    source: str
    where: str = "download"
    """"bundled" with the package, "cached" on this disk, or "download"."""


def _published() -> list[ModelInfo]:
    """The official checkpoints, by FAIR's file names, and the same weights on the Hugging Face hub."""
    licence, rows = "CC-BY-NC-4.0", []
    for size, full, encoder, patch in (("base", 448, 343, 16), ("large", 1318, 1213, 16), ("huge", 2628, 2523, 14)):
        rows += [
            ModelInfo(f"mae_visualize_vit_{size}", full, "raw", True, licence, "FAIR"),
            ModelInfo(f"mae_pretrain_vit_{size}_full", full, "norm-pix", True, licence, "FAIR"),
            ModelInfo(f"mae_pretrain_vit_{size}", encoder, "norm-pix", False, licence, "FAIR"),
            ModelInfo(
                f"facebook/vit-mae-{size}", full, "raw", True, f"{licence} (card says Apache-2.0)", "Hugging Face"
            ),
            ModelInfo(f"timm/vit_{size}_patch{patch}_224.mae", encoder, "norm-pix", False, licence, "timm"),
        ]
    rows.append(ModelInfo("mae_visualize_vit_large_ganloss", 1318, "raw", True, licence, "FAIR, with a GAN loss"))
    return sorted(rows, key=lambda m: (("FAIR" not in m.source), m.source, not m.decoder, m.size_mb))


PUBLISHED = {model.name: model for model in _published()}
"""The public checkpoints by name, before it is known which lie on this disk."""


def bundled_models() -> dict[str, Path]:
    """The folders of the models that came with the package, by name."""
    try:
        folder = asset_path("weights")
    except FileNotFoundError:
        return {}
    return {file.parent.name: file.parent for file in sorted(folder.glob("*/model.safetensors"))}


def cache_folder() -> Path:
    """Where downloads are kept: $MAE_LITE_CACHE, or mae_lite in the user's cache folder.

    For a user without a home folder that is the folder for temporary files.
    """
    if own := os.environ.get("MAE_LITE_CACHE"):
        return user_path(own)
    if base := os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME"):
        return Path(base) / "mae_lite"
    try:
        return Path.home() / ".cache/mae_lite"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "mae_lite"


def list_models() -> list[ModelInfo]:
    """Every model there is a name for, bundled ones first; each says where it is. Nothing is downloaded."""
    from huggingface_hub import try_to_load_from_cache

    rows = []
    for name, folder in bundled_models().items():
        card = json.loads((folder / "config.json").read_text())
        size, target = (folder / "model.safetensors").stat().st_size, "norm-pix" if card.get("norm_pix_loss") else "raw"
        rows.append(
            ModelInfo(name, round(size / 1e6), target, True, card.get("licence", "not stated"), "mae-lite", "bundled")
        )
    for model in PUBLISHED.values():
        if "/" in model.name:
            files = (try_to_load_from_cache(model.name, f) for f in ("model.safetensors", "pytorch_model.bin"))
            cached = any(isinstance(file, str) for file in files)
        else:
            cached = os.access(cache_folder() / f"{model.name}.pth", os.R_OK)
        rows.append(model._replace(where="cached" if cached else "download"))
    return rows
