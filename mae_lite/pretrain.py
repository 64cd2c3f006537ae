"""Pre-training: augment, mask, forward, step (appendix A.1, Table 8)."""

import csv
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mae_lite.assets import asset_path
from mae_lite.config import MAEConfig
from mae_lite.data import random_resized_crop_flip
from mae_lite.images import load_image, normalize, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.patches import unpatchify

FILM_PHOTOS = ("astronaut", "bridge", "cat", "coffee", "dahlia", "dogs", "mountains", "pagoda")
"""The bundled photos whose reconstructions are kept while training."""


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How to train; the defaults are the paper's where the paper's batch of 4096 allows (Table 8)."""

    epochs: int = 400
    """Passes over the data."""
    batch_size: int = 256
    """Images a step, over all processes and accumulation steps."""
    accum: int = 1
    """Gradient accumulation: parts a step's batch is cut into to save memory; the result is the same."""
    blr: float = 1.5e-4
    """Base learning rate; the rate is blr x batch_size / 256."""
    warmup_epochs: float = 20
    """Epochs of linear warm-up, before the cosine to 0."""
    weight_decay: float = 0.05
    """Decay of weights; biases, norms and tokens have none."""
    optimizer: str = "adamw"
    """"adamw", or "muon" for the matrices inside the blocks with AdamW for the rest."""
    clip_grad: float = 1.0
    """Largest norm of the gradient; 0 switches clipping off."""
    min_scale: float = 0.2
    """Smallest share of the area that a random crop keeps."""
    ema_decay: float = 0.0
    """Decay of an exponential moving average of the weights, which is then what is saved; 0 for none."""
    precision: str = "auto"
    """"fp32", "bf16" (autocast; pays on GPUs and on CPUs with AVX512-BF16 or AMX), or "auto": bf16 on CUDA."""
    compile: bool = False
    """Whether to torch.compile the encoder and the decoder."""
    seed: int = 0
    """Fixes the initial weights, the order, crops and masks."""
    save_minutes: float = 2.0
    """Minutes between checkpoints."""
    log_every: int = 20
    """Steps averaged in a row of history.csv."""

    def __post_init__(self):
        if self.optimizer not in ("adamw", "muon"):
            raise ValueError(f'optimizer is "{self.optimizer}"; use "adamw" or "muon".')
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ValueError(f'precision is "{self.precision}"; use "auto", "fp32" or "bf16".')
        if min(self.epochs, self.batch_size, self.accum) < 1 or self.batch_size % self.accum:
            raise ValueError(
                f"epochs {self.epochs}, batch_size {self.batch_size} and accum {self.accum} must be at least 1, and "
                "accum must divide batch_size."
            )

    @property
    def lr(self) -> float:
        """Peak learning rate: blr x batch_size / 256, the linear scaling rule of Table 8."""
        return self.blr * self.batch_size / 256


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says why and what is kept."""


def learning_rate(step: int, cfg: PretrainConfig, steps_per_epoch: int) -> float:
    """Linear warm-up, then half a cosine down to 0 (Table 8), by the step."""
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup_epochs * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step + 1) / warmup
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def batch_indices(step: int, num_images: int, cfg: PretrainConfig) -> Int[Tensor, " batch"]:
    """Which images a step sees: each epoch a fresh order, its remainder dropped. A function of the step alone."""
    epoch, i = divmod(step, num_images // cfg.batch_size)
    order = torch.randperm(num_images, generator=torch.Generator().manual_seed(cfg.seed * 1_000_003 + epoch))
    return order[i * cfg.batch_size : (i + 1) * cfg.batch_size]


def make_optimizers(model: nn.Module, cfg: PretrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW(0.9, 0.95) with decay on matrices only; with "muon", Muon for the matrices inside the blocks."""
    params = list(model.named_parameters())
    hidden = [p for name, p in params if cfg.optimizer == "muon" and "blocks." in name and p.ndim == 2]
    rest = [(name, p) for name, p in params if not any(p is h for h in hidden)]
    decayed = [p for name, p in rest if p.ndim > 1 and "token" not in name]
    undecayed = [p for name, p in rest if p.ndim <= 1 or "token" in name]
    groups = [{"params": decayed, "weight_decay": cfg.weight_decay}, {"params": undecayed, "weight_decay": 0.0}]
    optimizers = [torch.optim.AdamW(groups, lr=cfg.lr, betas=(0.9, 0.95), fused=True)]
    if hidden:
        optimizers.append(
            torch.optim.Muon(hidden, lr=cfg.lr, weight_decay=cfg.weight_decay, adjust_lr_fn="match_rms_adamw")
        )
    return optimizers


def pretrain(
    model: MAE,
    images,
    cfg: PretrainConfig,
    out: str | Path,
    *,
    val: Float[Tensor, "v c h w"] | None = None,
    resume: bool = False,
) -> Iterator[dict]:
    """Train a model in place, a record a step. Under torchrun each process runs this on its own share of each batch.

    `out` gets last.pt (to resume from), history.csv and film/, the output for eight photos at log-spaced steps.

    Args:
        model: on the device to train on.
        images: a tensor of bytes (n, c, s, s), on any device, or `LazyImages`.
        cfg: how.
        out: folder of the run.
        val: normalised images to report the masked error on at the end of each epoch, under fixed masks.
        resume: go on from `out`/last.pt; on a CPU the result equals an uninterrupted run bit for bit.

    Yields:
        step, epoch, lr, loss, seconds (of training so far), and val_loss where an epoch ended.

    Raises:
        TrainingError: if the loss is not finite (the last checkpoint stays as it was), or `out` does not fit.
    """
    out, device = Path(out), next(model.parameters()).device
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    steps_per_epoch = len(images) // cfg.batch_size
    if steps_per_epoch == 0 or cfg.batch_size % (world * cfg.accum):
        raise TrainingError(
            f"batch_size {cfg.batch_size} must be at most the {len(images)} images there are, and a multiple of "
            f"{world} processes x accum {cfg.accum}."
        )
    total = cfg.epochs * steps_per_epoch
    optimizers = make_optimizers(model, cfg)
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(cfg.ema_decay)) if cfg.ema_decay else None
    best = ema.module if ema else model
    state = Checkpoint(out / "last.pt", model, optimizers, ema)
    start, seconds = state.load(device) if resume else (0, 0.0)
    if not resume and state.path.exists():
        raise TrainingError(f"{out} holds a training already; add --resume to go on, or choose another --out.")
    history = History(out / "history.csv", start, cfg.log_every) if rank == 0 else None
    film = Film(out / "film", model.cfg, total) if rank == 0 and not model.cfg.norm_pix_loss else None
    if cfg.compile:
        model.encoder.compile()
        model.decoder.compile()
    forward = DistributedDataParallel(model) if world > 1 else model
    bf16 = cfg.precision == "bf16" or (cfg.precision == "auto" and device.type == "cuda")
    clock, saved = time.perf_counter() - seconds, time.monotonic()
    if film and start == 0:
        film.shoot(best, 0)
    for step in range(start, total):
        lr = learning_rate(step, cfg, steps_per_epoch)
        for group in [g for o in optimizers for g in o.param_groups]:
            group["lr"] = lr
        indices = batch_indices(step, len(images), cfg)[rank::world]
        seed = (cfg.seed * 1_000_003 + step) * world + rank
        generator = torch.Generator(device).manual_seed(seed)
        loss = torch.zeros((), device=device)
        for part in indices.chunk(cfg.accum):
            pixels = images[part].to(device, non_blocking=True)
            pixels = random_resized_crop_flip(pixels, model.cfg.img_size, generator, (cfg.min_scale, 1.0))
            mask = random_mask(model.num_patches, model.cfg.mask_ratio, batch_size=len(part), generator=generator)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                part_loss = forward(normalize(pixels, model.cfg), mask).loss / cfg.accum
            part_loss.backward()
            loss += part_loss.detach()
        if world > 1:
            dist.all_reduce(loss, dist.ReduceOp.AVG if device.type == "cuda" else dist.ReduceOp.SUM)
            loss = loss if device.type == "cuda" else loss / world
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss.item()} at step {step}, so training stopped; {state.path} holds the last good "
                "weights. Lower --blr and add --resume."
            )
        if cfg.clip_grad:
            nn.utils.clip_grad_norm_(model.parameters(), cfg.clip_grad)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if ema:
            ema.update_parameters(model)
        done = step + 1
        seconds = time.perf_counter() - clock
        record = {"step": done, "epoch": done / steps_per_epoch, "lr": lr, "loss": loss.item(), "seconds": seconds}
        if rank == 0:
            if val is not None and (done % steps_per_epoch == 0 or done == total):
                record["val_loss"] = masked_error(best, val)
            history.add(record, last=done == total)
            if film:
                film.shoot(best, done)
            if done == total or time.monotonic() - saved > cfg.save_minutes * 60:
                state.save(done, seconds)
                saved = time.monotonic()
        yield record


@torch.inference_mode()
def masked_error(model: MAE, imgs: Float[Tensor, "v c h w"], batch_size: int = 64) -> float:
    """Mean squared error on masked patches, in normalised units, under masks fixed by seed 0."""
    mask = random_mask(model.num_patches, model.cfg.mask_ratio, batch_size=len(imgs))
    parts = zip(imgs.split(batch_size), mask.split(batch_size), strict=True)
    device = next(model.parameters()).device
    return sum(len(x) * model(x.to(device), m).loss.item() for x, m in parts) / len(imgs)


class Checkpoint:
    """The state a training resumes from: weights, optimisers, average, step. Written whole or not at all."""

    def __init__(self, path: Path, model: MAE, optimizers: list[torch.optim.Optimizer], ema: AveragedModel | None):
        self.path, self.model, self.optimizers, self.ema = path, model, optimizers, ema

    def save(self, step: int, seconds: float) -> None:
        """Write beside the old file, then replace it, so that a crash leaves the old one."""
        state = {
            "config": asdict(self.model.cfg),
            "step": step,
            "seconds": seconds,
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "ema": self.ema.state_dict() if self.ema else None,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.path)

    def load(self, device: torch.device) -> tuple[int, float]:
        """Restore everything; returns the step to go on from and the seconds trained so far."""
        if not self.path.exists():
            raise TrainingError(f"{self.path} is not there, so there is nothing to resume; leave --resume out.")
        state = torch.load(self.path, map_location=device, weights_only=True)
        if MAEConfig(**state["config"]) != self.model.cfg:
            raise TrainingError(f"{self.path} is of another model than the one asked for; give the same sizes again.")
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if self.ema:
            self.ema.load_state_dict(state["ema"])
        return state["step"], state["seconds"]


class History:
    """history.csv: mean loss over `every` steps, and the validation error where there is one."""

    COLUMNS = ("step", "epoch", "lr", "loss", "val_loss", "seconds")

    def __init__(self, path: Path, start: int, every: int):
        self.path, self.every, self.losses = path, every, []
        rows = list(csv.DictReader(path.open())) if start else []
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.COLUMNS)
            writer.writeheader()
            writer.writerows(row for row in rows if int(row["step"]) <= start)

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
        Image.fromarray(strip.numpy()).save(self.folder / f"{step:08d}.png")


def film_inputs(cfg: MAEConfig) -> tuple[Float[Tensor, "8 c h w"], Bool[Tensor, "8 n"]]:
    """The film's eight photos and their masks."""
    imgs = torch.cat([load_image(asset_path("photos", f"{name}.jpg"), cfg) for name in FILM_PHOTOS])
    return imgs, random_mask(cfg.num_patches, cfg.mask_ratio, batch_size=len(imgs), seed=0)
