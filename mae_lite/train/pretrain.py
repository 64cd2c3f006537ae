"""Pre-training: augment, mask, forward, step (appendix A.1, Table 8)."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mae_lite.config import MAEConfig
from mae_lite.device import training_autocast
from mae_lite.images import normalize
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask, random_mask
from mae_lite.train.augment import augment
from mae_lite.train.data import LazyImages
from mae_lite.train.log import TrainingError, TrainingLog
from mae_lite.train.recipe import PretrainConfig, learning_rate, make_optimizers, update


def batch_indices(step: int, num_images: int, cfg: PretrainConfig) -> Int[Tensor, " batch"]:
    """Which images a step sees: each epoch a fresh order, its remainder dropped. A function of the step alone."""
    epoch, i = divmod(step, num_images // cfg.batch_size)
    return _epoch_order(num_images, cfg.seed * 1_000_003 + epoch)[i * cfg.batch_size : (i + 1) * cfg.batch_size]


@lru_cache(maxsize=2)  # two, since prefetching looks one step ahead
def _epoch_order(num_images: int, seed: int) -> Int[Tensor, " n"]:
    return torch.randperm(num_images, generator=torch.Generator().manual_seed(seed))


def pretrain(
    model: MAE,
    images: UInt8[Tensor, "n c s s2"] | LazyImages,
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
        images: bytes on any device, or pictures that are decoded when their turn comes.
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
        update(optimizers, lr)
        if ema:
            ema.update_parameters(model)
        done, seconds = step + 1, time.perf_counter() - clock
        record = {"step": done, "epoch": done / steps_per_epoch, "lr": lr, "loss": loss.item(), "seconds": seconds}
        if rank == 0:
            if val is not None and (done % steps_per_epoch == 0 or done == total):
                record["val_loss"] = masked_error(log.model, val)
            log.keep(record)
        yield record


def _steps_per_epoch(images: Tensor | LazyImages, cfg: PretrainConfig, world: int) -> int:
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
    images: UInt8[Tensor, "n c s s2"] | LazyImages,
    indices: Int[Tensor, " batch"],
    cfg: PretrainConfig,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Augment, mask, forward and backward for one batch, in `cfg.accum` parts; returns the loss, detached."""
    device = generator.device
    loss = torch.zeros((), device=device)
    for part in indices.chunk(cfg.accum):
        pixels = images[part].to(device, non_blocking=True)
        pixels = augment(pixels, model_cfg.img_size, generator, cfg.augmentation, cfg.min_scale)
        mask = draw_training_masks(model_cfg, cfg.mask_strategy, len(part), generator)
        with training_autocast(device, cfg.precision):
            part_loss = forward(normalize(pixels, model_cfg), mask).loss / cfg.accum
        part_loss.backward()
        loss += part_loss.detach()
    return loss


def draw_training_masks(
    model_cfg: MAEConfig, strategy: str, batch_size: int, generator: torch.Generator
) -> Bool[Tensor, "b n"]:
    """A fresh mask for each image of a step; random ones are drawn on the generator's device."""
    if strategy == "random":
        return random_mask(model_cfg.num_patches, model_cfg.mask_ratio, batch_size=batch_size, generator=generator)
    seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
    return draw_mask(strategy, model_cfg.grid_size, model_cfg.mask_ratio, batch_size=batch_size, seed=seed)


@torch.inference_mode()
def masked_error(model: MAE, imgs: Float[Tensor, "v c h w"], batch_size: int = 64) -> float:
    """Mean squared error on masked patches, in normalised units, under masks fixed by seed 0."""
    mask = random_mask(model.num_patches, model.cfg.mask_ratio, batch_size=len(imgs))
    parts = zip(imgs.split(batch_size), mask.split(batch_size), strict=True)
    device = next(model.parameters()).device
    return sum(len(x) * model(x.to(device), m).loss.item() for x, m in parts) / len(imgs)
