"""What a training leaves on disk: the state it resumes from, the table of its losses, the film of its outputs."""

import csv
import math
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from mae_lite.config import MAEConfig
from mae_lite.images import picture_bytes
from mae_lite.mae import MAE
from mae_lite.measure.film import film_inputs, output_pictures
from mae_lite.weights.files import read_file

MAY_CHANGE = ("epochs", "warmup_epochs", "save_minutes", "log_every", "compile", "precision")
"""Settings that may change on resuming; with another number of epochs the schedule goes on from there."""
FRAME_BYTES = 120_000
"""Limit on a film's frame, so that 16 of them stay under 2 MB; only the noise of the first steps reaches it."""


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says why and what is kept."""


class TrainingLog:
    """All that a training leaves in its folder: last.pt, history.csv, film/."""

    def __init__(
        self,
        out: Path,
        model: MAE,
        optimizers: list[torch.optim.Optimizer],
        ema: AveragedModel | None,
        total: int,
        settings: dict[str, Any],
    ):
        self.out, self.total, self.settings = out, total, settings
        self.model: MAE = getattr(ema, "module", model)
        self.state = Checkpoint(out / "last.pt", model, optimizers, ema, settings)
        self.camera: Camera | None = None

    def start(self, resume: bool, writes: bool) -> tuple[int, float]:
        """Restore what was saved if `resume`, and open the files if this process `writes` them.

        Returns:
            The step to go on from, and the seconds trained so far.

        Raises:
            TrainingError: if the folder holds a training and `resume` is False, or none that fits and it is True.
        """
        if not resume and self.state.path.exists():
            raise TrainingError(f"{self.out} holds a training already; add --resume to go on, or choose another --out.")
        step, seconds, losses = self.state.load() if resume else (0, 0.0, [])
        self.saved = time.monotonic()
        if writes:
            self.history = History(self.out / "history.csv", step, self.settings["log_every"], losses)
            cfg = self.model.cfg
            if cfg.in_chans in (1, 3) and not cfg.norm_pix_loss:
                self.camera = Camera(self.out / "film", cfg, self.total)
                if step == 0:
                    self.camera.shoot(self.model, 0)
        return step, seconds

    def check_finite(self, step: int, loss: Tensor, norm: Tensor) -> None:
        """Stop before a loss or gradient that is no number reaches the weights."""
        if not math.isfinite(loss + norm):
            there = self.state.path.exists()
            kept = f"{self.state.path} holds the last good weights" if there else "nothing was saved yet"
            raise TrainingError(
                f"The loss is {loss.item():g} and the gradient's norm {norm.item():g} at step {step}, so training "
                f"stopped; {kept}, so lower --blr{' and add --resume' if there else ''}."
            )

    def keep(self, record: dict) -> None:
        """Write what is due after a step: a row, a frame, a checkpoint."""
        step, last = record["step"], record["step"] == self.total
        self.history.add(record, last)
        if self.camera:
            self.camera.shoot(self.model, step)
        if last or time.monotonic() - self.saved >= self.settings["save_minutes"] * 60:
            self.state.save(step, record["seconds"], self.history.losses)
            self.saved = time.monotonic()


def free_space(folder: Path) -> str:
    """What is left on a disk, in words."""
    return f"{shutil.disk_usage(folder).free / 1e9:.2g} GB are free"


class Checkpoint:
    """The state a training resumes from: weights, optimisers, average, step. Written whole or not at all."""

    def __init__(
        self,
        path: Path,
        model: MAE,
        optimizers: list[torch.optim.Optimizer],
        ema: AveragedModel | None,
        settings: dict[str, Any],
    ):
        self.path, self.model, self.optimizers, self.ema, self.settings = path, model, optimizers, ema, settings

    def save(self, step: int, seconds: float, losses: list[float]) -> None:
        """Write beside the old file, then replace it, so that a crash leaves the old one.

        Args:
            step: steps done.
            seconds: of training so far.
            losses: of the steps since history.csv's last row.
        """
        state = {
            "config": asdict(self.model.cfg),
            "settings": self.settings,
            "step": step,
            "seconds": seconds,
            "losses": losses,
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "ema": self.ema.state_dict() if self.ema else None,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        try:
            torch.save(state, part)
        except (OSError, RuntimeError) as error:
            kept = f"{self.path} still holds the state before" if self.path.exists() else "nothing is saved"
            raise TrainingError(
                f"{part} could not be written (is the disk full? {free_space(part.parent)}); {kept}, so make room and "
                "go on with --resume."
            ) from error
        os.replace(part, self.path)

    def load(self) -> tuple[int, float, list[float]]:
        """Restore everything; returns what `save` was given."""
        if not self.path.exists():
            raise TrainingError(f"{self.path} is not there, so there is nothing to resume; leave --resume out.")
        try:
            state = read_file(self.path)
            cfg = MAEConfig(**state["config"])
        except (OSError, LookupError, TypeError, ValueError) as error:
            raise TrainingError(f"{self.path} is damaged or not a training's state; choose another --out.") from error
        if cfg != self.model.cfg:
            raise TrainingError(f"{self.path} is of another model than the one asked for; give the same sizes again.")
        if len(state["optimizers"]) != len(self.optimizers) or bool(state["ema"]) != bool(self.ema):
            raise TrainingError(
                f"{self.path} was trained with {len(state['optimizers'])} optimizers (adamw has 1, muon 2) and "
                f"{'an' if state['ema'] else 'no'} average of the weights; give the same --optimizer and --ema-decay."
            )
        was = state.get("settings", {})
        if changed := [k for k in was if k not in MAY_CHANGE and was[k] != self.settings[k]]:
            words = ", ".join(f"{k} {was[k]} (now {self.settings[k]})" for k in changed)
            raise TrainingError(f"{self.path} was trained with {words}; give the same again, or choose another --out.")
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


class Camera:
    """Takes the film while a model trains: a WebP strip of eight outputs at each of about 16 steps."""

    FRAMES = 16

    def __init__(self, folder: Path, cfg: MAEConfig, total: int):
        self.folder = folder
        self.steps = {0, total} | {round(total ** (i / (self.FRAMES - 2))) for i in range(self.FRAMES - 1)}
        self.imgs, self.mask = film_inputs(cfg)

    def shoot(self, model: MAE, step: int) -> None:
        """Save a frame if this step is one of the film's."""
        if step not in self.steps:
            return
        strip = np.concatenate(list(output_pictures(model, self.imgs, self.mask)), axis=1)
        self.folder.mkdir(parents=True, exist_ok=True)
        for quality in (80, 60, 40, 20, 5):
            data = picture_bytes(strip, "webp", quality=quality)
            if len(data) <= FRAME_BYTES:
                break
        (self.folder / f"{step:08d}.webp").write_bytes(data)
