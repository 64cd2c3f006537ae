"""The film of a training: what the model paints for eight photos, at step 0 and at log-spaced steps."""

import csv
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.images import load_image, to_picture, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.reconstruct import GREY
from mae_lite.patches import unpatchify
from mae_lite.weights.assets import asset_path
from mae_lite.weights.catalogue import bundled_models
from mae_lite.weights.checkpoints import load_model

FILM_PHOTOS = ("astronaut", "bridge", "cat", "coffee", "dahlia", "dogs", "mountains", "pagoda")
"""The bundled photos whose reconstructions are kept while training."""


def film_inputs(cfg: MAEConfig) -> tuple[Float[Tensor, "8 c h w"], Bool[Tensor, "8 n"]]:
    """The film's eight photos and their masks."""
    imgs = torch.cat([load_image(asset_path("photos", f"{name}.jpg"), cfg) for name in FILM_PHOTOS])
    return imgs, random_mask(cfg.num_patches, cfg.mask_ratio, batch_size=len(imgs), seed=0)


@torch.inference_mode()
def output_pictures(
    model: MAE, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "b n"]
) -> UInt8[np.ndarray, "b h w 3"]:
    """What a model of raw pixels makes of images, as pictures: its output for all patches, also the visible ones."""
    pred = model(imgs.to(next(model.parameters()).device), mask).pred.float().cpu()
    return to_picture(to_uint8(unpatchify(pred, model.cfg.patch_size, model.cfg.grid_size), model.cfg))


@dataclass(frozen=True)
class Film:
    """What a training left of its outputs; `load_film` reads it."""

    steps: tuple[int, ...]
    """Training steps done when each frame was taken."""
    outputs: UInt8[np.ndarray, "f 8 h w 3"]
    """The raw output for each photo at each step; its visible patches carry no loss and mean nothing."""
    originals: UInt8[np.ndarray, "8 h w 3"]
    mask: Bool[Tensor, "8 n"]
    """True = hidden; the same at every step."""
    hidden: Bool[np.ndarray, "8 h w 1"]
    """The mask in pixels."""
    history: list[dict[str, Any]]
    """Rows of history.csv; empty where there is none."""

    @property
    def masked(self) -> UInt8[np.ndarray, "8 h w 3"]:
        """What the encoder gets, hidden patches in grey."""
        return np.where(self.hidden, np.uint8(GREY), self.originals)

    def frame(self, index: int, *, paste: bool = True) -> UInt8[np.ndarray, "8 h w 3"]:
        """The outputs at one step, by default with the true visible patches pasted over."""
        return np.where(self.hidden, self.outputs[index], self.originals) if paste else self.outputs[index]

    def picks(self, count: int) -> list[int]:
        """The first frame, the last, and some between that are as far apart in what they show; at most `count`."""
        frames = np.where(self.hidden, self.outputs, 0).astype(np.int16)
        path = np.cumsum([0.0] + [np.abs(b - a).mean() for a, b in itertools.pairwise(frames)])
        return np.unique(np.searchsorted(path, np.linspace(0, path[-1], count))).tolist()

    def label(self, index: int, batch_size: int | None = None) -> str:
        """The step of a frame, and the training loss around it where the history has it."""
        step, total = self.steps[index], max(self.steps[-1], *(int(row["step"]) for row in self.history[-1:]), 0)
        text = f"step {step:,} of {total:,}"
        text += "" if batch_size is None else f", {step * batch_size:,} images seen"
        starts = [1] + [int(row["step"]) + 1 for row in self.history]
        for start, row in zip(starts, self.history, strict=False):
            if start <= step <= row["step"]:
                text += f", training loss {row['loss']:.3f} (mean of steps {start:,} to {int(row['step']):,})"
        return text if step else f"{text}: before training"


def load_film(name: str | Path) -> Film:
    """The film of a bundled model, or of a training's folder, also while it runs.

    Args:
        name: a bundled model's name, or a folder with film/ and weights or last.pt.

    Raises:
        ValueError: if there is no film, or its frames are not of the model's size.
    """
    folder = bundled_models().get(str(name), Path(name))
    files = {int(file.stem): file for kind in ("png", "webp") for file in sorted((folder / "film").glob(f"*.{kind}"))}
    if not files:
        raise ValueError(
            f"There is no film of {name}: {folder / 'film'} holds no PNG or WebP frames. Trainings of raw-pixel models "
            "with 1 or 3 channels leave one."
        )
    cfg = load_model(folder, device="cpu").cfg
    imgs, mask = film_inputs(cfg)
    originals, steps = to_picture(to_uint8(imgs, cfg)), tuple(sorted(files))
    strips = []
    for step in steps:
        with Image.open(files[step]) as file:
            strips.append(np.asarray(file.convert("RGB")))
        if strips[-1].shape[:2] != (cfg.img_size[0], len(imgs) * cfg.img_size[1]):
            raise ValueError(
                f"{files[step]} has {strips[-1].shape[1]}x{strips[-1].shape[0]} pixels, not {len(imgs)} photos of "
                f"{cfg.img_size[1]}x{cfg.img_size[0]} as the model takes; it is of another training."
            )
    outputs = np.stack([np.stack(np.split(strip, len(imgs), axis=1)) for strip in strips])
    hidden = pixel_mask(mask, cfg.grid_size, cfg.patch_size)[:, 0, :, :, None].numpy()
    return Film(steps, outputs, originals, mask, hidden, load_history(folder))


def load_history(name: str | Path) -> list[dict[str, Any]]:
    """The rows of a bundled model's or a training's history.csv: step, epoch, lr, loss, val_loss, seconds.

    Values are numbers, None where there is none; no rows if there is no such file. `loss` is the mean over the steps
    since the row before, `val_loss` the error on the validation images at the end of an epoch.
    """
    path = bundled_models().get(str(name), Path(name)) / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]
