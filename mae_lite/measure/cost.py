"""What a forward pass costs: counted by formula, and measured on the device at hand (sections 3 and 4.2)."""

import statistics
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch

from mae_lite.config import MAEConfig
from mae_lite.device import autocast, pick_device
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.measure.table import text_table


class Flops(NamedTuple):
    """Floating-point operations of one image's forward pass in matrix products, two for each multiply-add."""

    encoder: int
    decoder: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.encoder + self.decoder


class Speed(NamedTuple):
    """One measured row; see `measure_speed`."""

    name: str
    params: int
    images_per_second: float
    gigabytes: float
    """Peak memory on CUDA; elsewhere that of the weights alone."""
    batch_size: int
    device: str


def count_flops(cfg: MAEConfig, mask_ratio: float | None = None, *, mask_tokens_in_encoder: bool = False) -> Flops:
    """Operations by formula; softmax, norms and additions are left out, as is usual.

    Args:
        cfg: the sizes.
        mask_ratio: share of hidden patches; the config's by default.
        mask_tokens_in_encoder: whether the encoder also gets a mask token for each hidden patch (Table 1c).
    """
    hidden = round(cfg.num_patches * (cfg.mask_ratio if mask_ratio is None else mask_ratio))
    everything = 1 + cfg.num_patches
    seen = everything if mask_tokens_in_encoder else everything - hidden
    d, dd = cfg.embed_dim, cfg.decoder_embed_dim
    encoder = cfg.num_patches * cfg.patch_dim * d + cfg.depth * _block(seen, d, cfg.mlp_ratio)
    decoder = seen * d * dd + cfg.decoder_depth * _block(everything, dd, cfg.mlp_ratio)
    decoder += cfg.num_patches * dd * cfg.patch_dim
    return Flops(2 * encoder, 2 * decoder)


def _block(tokens: int, dim: int, mlp_ratio: float) -> int:
    """Multiply-adds of a Transformer block: queries, keys, values and projection, MLP, attention."""
    hidden = int(dim * mlp_ratio)
    return tokens * (4 * dim * dim + 2 * dim * hidden) + 2 * tokens * tokens * dim


def median_seconds(call: Callable[[], object], device: torch.device, seconds: float = 1.0) -> float:
    """Median time of a call after one to warm up, repeated at least three times and for at least `seconds`."""
    times: list[float] = []
    while len(times) < 4 or sum(times) < seconds:
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


@torch.inference_mode()
def measure_speed(
    name: str,
    cfg: MAEConfig,
    *,
    mask_ratio: float | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    seconds: float = 1.0,
) -> Speed:
    """Forward passes of a model with random weights, on which speed does not depend; bf16 on CUDA, else float32.

    Args:
        name: what to call the row.
        cfg: the sizes.
        mask_ratio: share of hidden patches; the config's by default.
        batch_size: images at once; by default 256 on CUDA, else 1.
        device: as `pick_device` takes it.
        seconds: how long to repeat, at least.
    """
    where = pick_device(device)
    cuda = where.type == "cuda"
    batch_size = batch_size or (256 if cuda else 1)
    model = MAE(cfg).to(where).eval()
    imgs = torch.zeros(batch_size, cfg.in_chans, *cfg.img_size, device=where)
    mask = random_mask(cfg.num_patches, cfg.mask_ratio if mask_ratio is None else mask_ratio).to(where)
    params = sum(p.numel() for p in model.parameters())
    if cuda:
        torch.cuda.reset_peak_memory_stats(where)
    with autocast(where):
        median = median_seconds(lambda: model(imgs, mask), where, seconds)
    used = torch.cuda.max_memory_allocated(where) if cuda else 4 * params
    shown = torch.cuda.get_device_name(where) if cuda else f"{where.type}, {torch.get_num_threads()} threads"
    return Speed(name, params, batch_size / median, used / 1e9, batch_size, shown)


def format_speeds(rows: Iterable[Speed]) -> str:
    """The rows as lines of text."""
    cells = [
        (r.name, f"{r.params:,}", r.batch_size, f"{r.images_per_second:.1f}", f"{r.gigabytes:.2f}", r.device)
        for r in rows
    ]
    return text_table([("model", "parameters", "batch", "images/s", "GB", "device"), *cells], "<>>>><")
