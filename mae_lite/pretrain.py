"""Pre-training: augment, mask, forward, step (appendix A.1, Table 8)."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mae_lite.config import MAEConfig
from mae_lite.data import LazyImages, random_resized_crop_flip
from mae_lite.images import normalize
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.training_log import TrainingError, TrainingLog


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How to train; the defaults are the paper's where the paper's batch of 4096 allows (Table 8)."""

    epochs: int = 400
    """Passes over the data."""
    batch_size: int = 256
    """Images a step, over all processes and accumulation steps."""
    accum: int = 1
    """Gradient accumulation: parts a step's batch is cut into to save memory; only the crops and masks drawn differ."""
    blr: float = 1.5e-4
    """Base learning rate; the rate is blr x batch_size / 256."""
    warmup_epochs: float | None = None
    """Epochs of linear warm-up, before the cosine to 0; by default a twentieth of all, as the paper's 40 of 800."""
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
        if min(self.epochs, self.batch_size, self.accum, self.log_every) < 1 or self.batch_size % self.accum:
            raise ValueError(
                f"epochs {self.epochs}, batch_size {self.batch_size}, accum {self.accum} and log_every "
                f"{self.log_every} must be at least 1, and accum must divide batch_size."
            )
        if not (0 < self.min_scale <= 1 and 0 <= self.ema_decay < 1 and 0 < self.blr < math.inf):
            raise ValueError(
                f"min_scale {self.min_scale} must be above 0 and at most 1, ema_decay {self.ema_decay} at least 0 and "
                f"below 1, and blr {self.blr} above 0."
            )
        if not min(self.clip_grad, self.weight_decay, self.save_minutes) >= 0:
            raise ValueError(
                f"clip_grad {self.clip_grad}, weight_decay {self.weight_decay} and save_minutes {self.save_minutes} "
                "must be at least 0."
            )
        if not 0 <= self.warmup <= self.epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs} must be at least 0 and at most epochs {self.epochs}.")

    @property
    def warmup(self) -> float:
        """Epochs of warm-up."""
        return self.epochs / 20 if self.warmup_epochs is None else self.warmup_epochs

    @property
    def lr(self) -> float:
        """Peak learning rate: blr x batch_size / 256, the linear scaling rule of Table 8."""
        return self.blr * self.batch_size / 256


def learning_rate(step: int, cfg: PretrainConfig, steps_per_epoch: int) -> float:
    """Linear warm-up, then half a cosine down to 0 (Table 8), by the step."""
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step + 1) / warmup
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def batch_indices(step: int, num_images: int, cfg: PretrainConfig) -> Int[Tensor, " batch"]:
    """Which images a step sees: each epoch a fresh order, its remainder dropped. A function of the step alone."""
    epoch, i = divmod(step, num_images // cfg.batch_size)
    return _epoch_order(num_images, cfg.seed * 1_000_003 + epoch)[i * cfg.batch_size : (i + 1) * cfg.batch_size]


@lru_cache(maxsize=2)  # two, since prefetching looks one step ahead
def _epoch_order(num_images: int, seed: int) -> Int[Tensor, " n"]:
    return torch.randperm(num_images, generator=torch.Generator().manual_seed(seed))


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
    steps_per_epoch = _steps_per_epoch(images, cfg, world)
    total = cfg.epochs * steps_per_epoch
    optimizers = make_optimizers(model, cfg)
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(cfg.ema_decay)) if cfg.ema_decay else None
    best = ema.module if ema else model
    settings = asdict(cfg) | {"images": len(images)}
    log = TrainingLog(out, model, optimizers, ema, total, settings)
    start, seconds = log.start(resume, writes=rank == 0)
    if cfg.compile:
        model.encoder.compile()
        model.decoder.compile()
    forward = DistributedDataParallel(model) if world > 1 else model
    clock = time.perf_counter() - seconds
    for step in range(start, total):
        lr = learning_rate(step, cfg, steps_per_epoch)
        for group in [g for o in optimizers for g in o.param_groups]:
            group["lr"] = lr
        if isinstance(images, LazyImages):  # decode the next batch while this one is computed
            for ahead in (step, min(step + 1, total - 1)):
                images.prefetch(batch_indices(ahead, len(images), cfg)[rank::world])
        indices = batch_indices(step, len(images), cfg)[rank::world]
        generator = torch.Generator(device).manual_seed((cfg.seed * 1_000_003 + step) * world + rank)
        loss = accumulate_gradients(forward, model.cfg, images, indices, cfg, generator)
        if world > 1:
            dist.all_reduce(loss)
            loss /= world
        norm = nn.utils.clip_grad_norm_(model.parameters(), cfg.clip_grad or math.inf)
        log.check_finite(step, loss, norm)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if ema:
            ema.update_parameters(model)
        done, seconds = step + 1, time.perf_counter() - clock
        record = {"step": done, "epoch": done / steps_per_epoch, "lr": lr, "loss": loss.item(), "seconds": seconds}
        if rank == 0:
            if val is not None and (done % steps_per_epoch == 0 or done == total):
                record["val_loss"] = masked_error(best, val)
            log.keep(record)
        yield record


def _steps_per_epoch(images, cfg: PretrainConfig, world: int) -> int:
    steps = len(images) // cfg.batch_size
    if steps == 0 or cfg.batch_size % (world * cfg.accum):
        raise TrainingError(
            f"batch_size {cfg.batch_size} must be at most the {len(images)} images there are, and a multiple of "
            f"{world} processes x accum {cfg.accum}."
        )
    return steps


def accumulate_gradients(
    forward: nn.Module,
    model_cfg: MAEConfig,
    images,
    indices: Int[Tensor, " batch"],
    cfg: PretrainConfig,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Augment, mask, forward and backward for one batch, in `cfg.accum` parts; returns the loss, detached."""
    device = generator.device
    bf16 = cfg.precision == "bf16" or (cfg.precision == "auto" and device.type == "cuda")
    loss = torch.zeros((), device=device)
    for part in indices.chunk(cfg.accum):
        pixels = images[part].to(device, non_blocking=True)
        pixels = random_resized_crop_flip(pixels, model_cfg.img_size, generator, (cfg.min_scale, 1.0))
        mask = random_mask(model_cfg.num_patches, model_cfg.mask_ratio, batch_size=len(part), generator=generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            part_loss = forward(normalize(pixels, model_cfg), mask).loss / cfg.accum
        part_loss.backward()
        loss += part_loss.detach()
    return loss


@torch.inference_mode()
def masked_error(model: MAE, imgs: Float[Tensor, "v c h w"], batch_size: int = 64) -> float:
    """Mean squared error on masked patches, in normalised units, under masks fixed by seed 0."""
    mask = random_mask(model.num_patches, model.cfg.mask_ratio, batch_size=len(imgs))
    parts = zip(imgs.split(batch_size), mask.split(batch_size), strict=True)
    device = next(model.parameters()).device
    return sum(len(x) * model(x.to(device), m).loss.item() for x, m in parts) / len(imgs)
