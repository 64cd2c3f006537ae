"""How to train: settings, schedule and optimisers (appendix A.1, Table 8)."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from mae_lite.masking import STRATEGIES
from mae_lite.train.augment import AUGMENTATIONS


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
    augmentation: str = "crop"
    """"crop" (random size, and flips), "fixed" (crop of fixed size, and flips), "colour" or "none" (Table 1e)."""
    mask_strategy: str = "random"
    """"random", "block", "grid" or another that `draw_mask` knows (Table 1f)."""
    ema_decay: float = 0.0
    """Decay of an exponential moving average of the weights, which is then what is saved; 0 for none."""
    precision: str = "auto"
    """"fp32", "bf16" (autocast), or "auto": bf16 where it is faster, on GPUs and on CPUs with AVX512-BF16 or AMX."""
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
        if self.augmentation not in AUGMENTATIONS or self.mask_strategy not in STRATEGIES:
            raise ValueError(
                f'augmentation is "{self.augmentation}" and mask_strategy "{self.mask_strategy}"; use one of '
                f"{', '.join(AUGMENTATIONS)} and one of {', '.join(STRATEGIES)}."
            )
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
