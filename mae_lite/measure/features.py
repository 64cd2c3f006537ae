"""What an encoder makes of whole images: one vector an image, without any mask (section 4.3, appendix A.1)."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from safetensors import safe_open
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.encoder import MAEEncoder
from mae_lite.images import normalize
from mae_lite.mae import MAE
from mae_lite.weights.assets import asset_path

POOLS = ("mean", "cls")
"""How tokens become one vector: the mean of the patches' tokens, or the class token."""


@torch.no_grad()
def extract_features(
    model: MAE | MAEEncoder,
    imgs: Float[Tensor, "b c h w"] | UInt8[Tensor, "b c h w"],
    *,
    pool: str = "mean",
    batch_size: int = 64,
) -> Float[Tensor, "b d"]:
    """The encoder's features of uncorrupted images: it sees every patch, and there is no decoder.

    Args:
        model: a model or an encoder; features are on its device.
        imgs: images of the model's size, normalised, or as bytes, which take a quarter of the memory.
        pool: "mean" of the patch tokens, which the loss trained, or the "cls" token, which it trained only by way of
            attention.
        batch_size: images at a time.

    Raises:
        ValueError: if the images are not of the model's size, or `pool` is another word.
    """
    encoder = model.encoder if isinstance(model, MAE) else model
    check_images(imgs, encoder.cfg)
    check_pool(pool)
    features, device = [], encoder.cls_token.device
    for part in imgs.split(batch_size):
        part = part.to(device)
        latent = encoder(part if part.is_floating_point() else normalize(part, encoder.cfg))
        features.append(latent[:, 0] if pool == "cls" else latent[:, 1:].mean(dim=1))
    return torch.cat(features).float()


def check_pool(pool: str) -> None:
    """Raise ValueError unless `pool` is one of POOLS."""
    if pool not in POOLS:
        raise ValueError(f'pool is "{pool}"; use "mean" or "cls".')


def check_images(imgs: Tensor, cfg: MAEConfig) -> None:
    """Raise ValueError unless the images are of a config's channels and size."""
    if not len(imgs) or imgs.shape[1:] != (cfg.in_chans, *cfg.img_size):
        raise ValueError(
            f"This model takes images of shape (b, {cfg.in_chans}, {cfg.img_size[0]}, {cfg.img_size[1]}), at least "
            f"one, not {tuple(imgs.shape)}; load them at that size, or the model with img_size=... for theirs."
        )


def pixel_features(imgs: UInt8[Tensor, "b c h w"], size: tuple[int, int] = (8, 8)) -> Float[Tensor, "b d"]:
    """The control that needs no model: the pixels themselves, averaged down to `size`, 0 to 1.

    Args:
        imgs: images as bytes.
        size: height and width to shrink to; at most the images' own.

    Returns:
        Rows of channel, row and column in this order.
    """
    return F.adaptive_avg_pool2d(imgs.float() / 255, size).flatten(1)


class BundledFeatures(NamedTuple):
    """Features of labelled images, without the images, for probes that run in seconds."""

    train: dict[str, Float[Tensor, "n d"]]
    """Features of the training images by what made them: a model's name, "untrained", "raw pixels"."""
    labels: Int[Tensor, " n"]
    test: dict[str, Float[Tensor, "m d"]]
    """The same of the held-out images."""
    test_labels: Int[Tensor, " m"]
    classes: list[str]
    """The name of each class."""


def load_features(path: str | Path | None = None) -> BundledFeatures:
    """Features that `python -m mae_course.studies.transfer` wrote; by default the bundled ones of Imagenette.

    Raises:
        FileNotFoundError: if there are none.
    """
    file = asset_path("features", "imagenette.safetensors") if path is None else Path(path)
    if not file.exists():
        raise FileNotFoundError(f"{file}: no features there; python -m mae_course.studies.transfer writes them.")
    with safe_open(file, "pt") as stored:
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118, it is not a dict
        classes = json.loads(stored.metadata()["classes"])
    labels = [tensors.pop(f"labels.{split}").long() for split in ("train", "test")]
    parts: dict[str, dict[str, Tensor]] = {split: {} for split in ("train", "test")}
    for key, value in tensors.items():
        name, split = key.rsplit(".", 1)
        parts[split][name] = value / 255 if value.dtype == torch.uint8 else value.float()
    return BundledFeatures(parts["train"], labels[0], parts["test"], labels[1], classes)
