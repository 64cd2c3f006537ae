"""The film of a training: what the model paints for eight photos, at step 0 and at log-spaced steps."""

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.images import load_image, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.reconstruct import GREY
from mae_lite.patches import unpatchify
from mae_lite.show.flipbook import Flipbook, Strip, flipbook, side_by_side, to_webp
from mae_lite.weights.assets import asset_path
from mae_lite.weights.catalogue import bundled_models
from mae_lite.weights.checkpoints import load_model

FILM_PHOTOS = ("astronaut", "bridge", "cat", "coffee", "dahlia", "dogs", "mountains", "pagoda")
"""The bundled photos whose reconstructions are kept while training."""
FRAME_BYTES = 120_000
"""Limit on a frame's file, so that 16 of them stay under 2 MB; only the noise of the first steps reaches it."""
VIEW_WIDTH = 896
"""Pixels that the photos of a film share when it is shown."""


def film_inputs(cfg: MAEConfig) -> tuple[Float[Tensor, "8 c h w"], Bool[Tensor, "8 n"]]:
    """The film's eight photos and their masks."""
    imgs = torch.cat([load_image(asset_path("photos", f"{name}.jpg"), cfg) for name in FILM_PHOTOS])
    return imgs, random_mask(cfg.num_patches, cfg.mask_ratio, batch_size=len(imgs), seed=0)


class Camera:
    """Takes the film while a model trains: a WebP strip of eight outputs at each of about 16 steps."""

    FRAMES = 16

    def __init__(self, folder: Path, cfg: MAEConfig, total: int):
        self.folder, self.cfg = folder, cfg
        self.steps = {0, total} | {round(total ** (i / (self.FRAMES - 2))) for i in range(self.FRAMES - 1)}
        self.imgs, self.mask = film_inputs(cfg)

    def shoot(self, model: MAE, step: int) -> None:
        """Save a frame if this step is one of the film's."""
        if step not in self.steps:
            return
        device = next(model.parameters()).device
        with torch.inference_mode():
            pred = model(self.imgs.to(device), self.mask).pred
        pictures = _pictures(unpatchify(pred.cpu(), self.cfg.patch_size, self.cfg.grid_size), self.cfg)
        self.folder.mkdir(parents=True, exist_ok=True)
        for quality in (80, 60, 40, 20, 5):
            data = to_webp(np.concatenate(list(pictures), axis=1), quality)
            if len(data) <= FRAME_BYTES:
                break
        (self.folder / f"{step:08d}.webp").write_bytes(data)


def _pictures(imgs: Float[Tensor, "b c h w"], cfg: MAEConfig) -> UInt8[np.ndarray, "b h w 3"]:
    """Normalised images as pictures; one channel becomes grey."""
    return to_uint8(imgs, cfg).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()


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
    history: list[dict[str, float | None]]
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

    def flipbook(
        self,
        photos: Sequence[str] = FILM_PHOTOS,
        *,
        paste: bool = True,
        batch_size: int | None = None,
        max_bytes: int = 1_000_000,
    ) -> Flipbook:
        """The outputs, to leaf through by training step, between what the model is given and the originals.

        Args:
            photos: which of `FILM_PHOTOS`, in this order; fewer are shown larger.
            paste: whether to lay the true visible patches over the output.
            batch_size: images a step, if the labels shall say how many were seen.
            max_bytes: limit on the page's share in bytes.

        Raises:
            ValueError: if a photo is not part of the film, or the frames do not fit `max_bytes`.
        """
        labels = [self.label(i, batch_size) for i in range(len(self.steps))]
        kind = "output + visible patches" if paste else "raw output, also where patches were visible"
        names, n = ", ".join(photos), self.mask.shape[1]
        seen = n - int(self.mask[0].sum())
        return flipbook(
            [film_row(self.frame(i, paste=paste), photos) for i in range(len(self.steps))],
            labels,
            [f"{kind[0].upper()}{kind[1:]}, {label}: {names}." for label in labels],
            name="frame",
            titles=[kind],
            above=Strip(
                film_row(self.masked, photos),
                f"given to the model: {seen} of {n} patches",
                f"Photos with {n - seen} of {n} patches hidden: {names}.",
            ),
            below=Strip(film_row(self.originals, photos), "original", f"The photos: {names}."),
            start=len(self.steps) - 1,
            stills=self.picks(4),
            max_bytes=max_bytes,
        )


def film_row(pictures: UInt8[np.ndarray, "8 h w 3"], photos: Sequence[str] = FILM_PHOTOS) -> UInt8[np.ndarray, "H W 4"]:
    """Those of eight pictures that are of the named photos, side by side; the fewer, the larger.

    Raises:
        ValueError: if no photo is named, or one that is not part of the film.
    """
    missing = [name for name in photos if name not in FILM_PHOTOS]
    if missing or not photos:
        raise ValueError(f"The film shows {', '.join(FILM_PHOTOS)}; it has no {', '.join(missing) or 'empty list'}.")
    return side_by_side(pictures[[FILM_PHOTOS.index(name) for name in photos]], min(224, VIEW_WIDTH // len(photos)))


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
    originals, steps = _pictures(imgs, cfg), tuple(sorted(files))
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


def load_history(name: str | Path) -> list[dict[str, float | None]]:
    """The rows of a bundled model's or a training's history.csv: step, epoch, lr, loss, val_loss, seconds.

    Values are numbers, None where there is none; no rows if there is no such file. `loss` is the mean over the steps
    since the row before, `val_loss` the error on the validation images at the end of an epoch.
    """
    path = bundled_models().get(str(name), Path(name)) / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]
