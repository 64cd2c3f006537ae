"""What a training leaves on disk: the state it resumes from, the table of its losses, the film of its outputs."""

import csv
import os
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError

import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from mae_lite.assets import asset_path
from mae_lite.config import MAEConfig
from mae_lite.images import load_image, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.patches import unpatchify

FILM_PHOTOS = ("astronaut", "bridge", "cat", "coffee", "dahlia", "dogs", "mountains", "pagoda")
"""The bundled photos whose reconstructions are kept while training."""


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says why and what is kept."""


class Checkpoint:
    """The state a training resumes from: weights, optimisers, average, step. Written whole or not at all."""

    def __init__(self, path: Path, model: MAE, optimizers: list[torch.optim.Optimizer], ema: AveragedModel | None):
        self.path, self.model, self.optimizers, self.ema = path, model, optimizers, ema

    def save(self, step: int, seconds: float, losses: list[float]) -> None:
        """Write beside the old file, then replace it, so that a crash leaves the old one.

        Args:
            step: steps done.
            seconds: of training so far.
            losses: of the steps since history.csv's last row.
        """
        state = {
            "config": asdict(self.model.cfg),
            "step": step,
            "seconds": seconds,
            "losses": losses,
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "ema": self.ema.state_dict() if self.ema else None,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.path)

    def load(self, device: torch.device) -> tuple[int, float, list[float]]:
        """Restore everything; returns what `save` was given."""
        if not self.path.exists():
            raise TrainingError(f"{self.path} is not there, so there is nothing to resume; leave --resume out.")
        try:
            state = torch.load(self.path, map_location=device, weights_only=True)
            cfg = MAEConfig(**state["config"])
        except (OSError, EOFError, RuntimeError, UnpicklingError, LookupError, TypeError, ValueError) as error:
            raise TrainingError(f"{self.path} is damaged or not a training's state; choose another --out.") from error
        if cfg != self.model.cfg:
            raise TrainingError(f"{self.path} is of another model than the one asked for; give the same sizes again.")
        if len(state["optimizers"]) != len(self.optimizers) or bool(state["ema"]) != bool(self.ema):
            raise TrainingError(
                f"{self.path} was trained with {len(state['optimizers'])} optimizers (adamw has 1, muon 2) and "
                f"{'an' if state['ema'] else 'no'} average of the weights; give the same --optimizer and --ema-decay."
            )
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if self.ema:
            self.ema.load_state_dict(state["ema"])
        return state["step"], state["seconds"], state.get("losses", [])


class History:
    """history.csv: mean loss over `every` steps, and the validation error where there is one."""

    COLUMNS = ("step", "epoch", "lr", "loss", "val_loss", "seconds")

    def __init__(self, path: Path, start: int, every: int, losses: list[float]):
        self.path, self.every, self.losses = path, every, losses
        rows = list(csv.DictReader(path.read_text().splitlines())) if start and path.exists() else []
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.COLUMNS)
            writer.writeheader()
            writer.writerows(row for row in rows if row["seconds"] and int(row["step"]) <= start)  # whole rows only

    def add(self, record: dict, last: bool = False) -> None:
        """Take a step's record; write a row when one is due."""
        self.losses.append(record["loss"])
        if "val_loss" in record or last or record["step"] % self.every == 0:
            row = {"val_loss": ""} | record | {"loss": sum(self.losses) / len(self.losses)}
            with self.path.open("a", newline="") as file:
                values = (f"{row[k]:.6g}" if isinstance(row[k], float) else row[k] for k in self.COLUMNS)
                csv.writer(file).writerow(values)
            self.losses = []


class Film:
    """The output for eight bundled photos under fixed masks, at step 0 and log-spaced steps, as PNG strips."""

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
        imgs = to_uint8(unpatchify(pred, self.cfg.patch_size, self.cfg.grid_size), self.cfg)
        self.folder.mkdir(parents=True, exist_ok=True)
        strip = torch.cat(list(imgs.cpu()), dim=2).permute(1, 2, 0)
        Image.fromarray(strip.squeeze(2).numpy()).save(self.folder / f"{step:08d}.png")  # squeeze: one channel is grey


def film_inputs(cfg: MAEConfig) -> tuple[Float[Tensor, "8 c h w"], Bool[Tensor, "8 n"]]:
    """The film's eight photos and their masks."""
    imgs = torch.cat([load_image(asset_path("photos", f"{name}.jpg"), cfg) for name in FILM_PHOTOS])
    return imgs, random_mask(cfg.num_patches, cfg.mask_ratio, batch_size=len(imgs), seed=0)
