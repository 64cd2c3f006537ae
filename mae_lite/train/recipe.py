"""How to train: settings, schedule and optimisers (appendix A.1, Tables 8 and 9)."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from mae_lite.config import check_settings
from mae_lite.masking import STRATEGIES
from mae_lite.measure.features import check_pool
from mae_lite.train.augment import AUGMENTATIONS


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What every training has: its length, its steps, its learning rate."""

    epochs: int
    """Passes over the training images."""
    batch_size: int
    """Images a step, over all processes and accumulation steps; an epoch's remainder is dropped."""
    blr: float
    """Base learning rate; the peak of the rate is blr x batch_size / 256."""
    warmup_epochs: float | None = None
    """Epochs of linear warm-up, before the cosine to 0; by default one WARMUP-th of all."""
    weight_decay: float = 0.05
    """Decay of weights; biases, norms and tokens have none."""
    min_scale: float = 0.2
    """Smallest share of the area that a random crop keeps."""
    precision: str = "auto"
    """"fp32", "bf16" (autocast), or "auto": bf16 where it is faster, on GPUs and on CPUs with AVX512-BF16 or AMX."""
    seed: int = 0
    """Fixes the initial weights and all that is drawn: the order, crops, masks, dropped paths and mixtures."""

    WARMUP: ClassVar[int]
    ADAMW: ClassVar[dict[str, Any]]
    COSINE_AFTER_WARMUP: ClassVar[bool]

    def __post_init__(self) -> None:
        check_settings(self, LIMITS)
        if not 0 <= self.warmup <= self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs}; it must be from 0 to the {self.epochs} epochs.")

    @property
    def warmup(self) -> float:
        """Epochs of warm-up."""
        return self.epochs / self.WARMUP if self.warmup_epochs is None else float(self.warmup_epochs)

    @property
    def lr(self) -> float:
        """Peak learning rate: blr x batch_size / 256, the linear scaling rule of Table 8; fine-tuning's head has it."""
        return self.blr * self.batch_size / 256


LIMITS: dict[str, str | tuple[str, ...]] = {
    "epochs": "at least 1", "batch_size": "at least 1", "blr": "above 0 and below inf",
    "weight_decay": "at least 0 and below inf", "min_scale": "above 0 and at most 1",
    "precision": ("auto", "fp32", "bf16"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PretrainConfig(Recipe):
    """How to pre-train; the defaults are the paper's where the paper's batch of 4096 allows (Table 8)."""

    epochs: int = 400
    batch_size: int = 256
    blr: float = 1.5e-4
    accum: int = 1
    """Gradient accumulation: parts a step's batch is cut into to save memory; only the crops and masks drawn differ."""
    optimizer: str = "adamw"
    """"adamw", or "muon" for the matrices inside the blocks with AdamW for the rest."""
    clip_grad: float = 1.0
    """Largest norm of the gradient; 0 switches clipping off."""
    augmentation: str = "crop"
    """"crop" (random size, and flips), "fixed" (crop of fixed size, and flips), "colour" or "none" (Table 1e)."""
    mask_strategy: str = "random"
    """"random", "block", "grid" or another that `draw_mask` knows (Table 1f)."""
    ema_decay: float = 0.0
    """Decay of an exponential moving average of the weights, which is then what is saved; 0 for none."""
    compile: bool = False
    """Whether to torch.compile the encoder and the decoder."""
    save_minutes: float = 2.0
    """Minutes between checkpoints."""
    log_every: int = 20
    """Steps averaged in a row of history.csv."""

    WARMUP: ClassVar[int] = 20
    """As the paper's 40 of 800 epochs."""
    ADAMW: ClassVar[dict[str, Any]] = {"betas": (0.9, 0.95), "fused": True}
    COSINE_AFTER_WARMUP: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_settings(
            self,
            {
                "optimizer": ("adamw", "muon"), "augmentation": AUGMENTATIONS, "mask_strategy": STRATEGIES,
                "accum": "at least 1", "log_every": "at least 1", "clip_grad": "at least 0",
                "ema_decay": "at least 0 and below 1", "save_minutes": "at least 0",
            },
        )  # fmt: skip
        if self.batch_size % self.accum:
            raise ValueError(f"accum is {self.accum}; it must divide batch_size {self.batch_size}.")


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig(Recipe):
    """How to fine-tune; the defaults are the paper's (Table 9) but for batch, epochs and the stronger augmentations."""

    epochs: int = 20
    batch_size: int = 128
    blr: float = 1e-3
    layer_decay: float = 0.75
    """Each block learns at this share of the rate of the one above it; 1 for training from scratch."""
    blocks: int | float | None = None
    """How many of the last blocks are tuned (Figure 9): 0 the head alone, 0.5 the last MLP too; None for everything."""
    drop_path: float = 0.1
    """Chance to skip the last block in training; it rises linearly from 0 at the first."""
    label_smoothing: float = 0.1
    """Share of the target that is spread over all classes."""
    mixup: float = 0.0
    """Mixup's alpha, 0.8 in the paper; 0 switches it off."""
    cutmix: float = 0.0
    """CutMix's alpha, 1.0 in the paper; 0 switches it off."""
    pool: str = "mean"
    """What the head sees: the "mean" of the patch tokens, or the "cls" token."""

    WARMUP: ClassVar[int] = 10
    """As the paper's 5 of 50 epochs."""
    ADAMW: ClassVar[dict[str, Any]] = {"betas": (0.9, 0.999)}
    COSINE_AFTER_WARMUP: ClassVar[bool] = False
    """As timm counts: the cosine is over all steps, and a warm-up from a rate of 0 takes the place of its beginning."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pool(self.pool)
        limits = dict.fromkeys(("drop_path", "label_smoothing"), "at least 0 and below 1")
        limits |= dict.fromkeys(("mixup", "cutmix"), "at least 0 and below inf")
        check_settings(self, limits | dict.fromkeys(("blr", "layer_decay"), "above 0 and at most 1"))
        if self.batch_size % 2:
            raise ValueError(f"batch_size is {self.batch_size}; it must be even, since Mixup and CutMix mix pairs.")


def learning_rate(step: int, cfg: Recipe, steps_per_epoch: int) -> float:
    """Linear warm-up, then half a cosine down to 0 (Tables 8 and 9), by the step."""
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step + cfg.COSINE_AFTER_WARMUP) / warmup
    start = warmup if cfg.COSINE_AFTER_WARMUP else 0
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, total - start)))


def adamw(groups: list[dict[str, Any]], cfg: Recipe) -> torch.optim.AdamW:
    """AdamW over groups of weights, each with its own decay (Tables 8 and 9)."""
    return torch.optim.AdamW(groups, lr=cfg.lr, **cfg.ADAMW)


def make_optimizers(model: nn.Module, cfg: PretrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW with decay on matrices only; with "muon", Muon for the matrices inside the blocks."""
    params = list(model.named_parameters())
    hidden = [p for name, p in params if cfg.optimizer == "muon" and "blocks." in name and p.ndim == 2]
    rest = [(name, p) for name, p in params if not any(p is h for h in hidden)]
    decayed = [p for name, p in rest if p.ndim > 1 and "token" not in name]
    undecayed = [p for name, p in rest if p.ndim <= 1 or "token" in name]
    groups = [{"params": decayed, "weight_decay": cfg.weight_decay}, {"params": undecayed, "weight_decay": 0.0}]
    optimizers: list[torch.optim.Optimizer] = [adamw(groups, cfg)]
    if hidden:
        optimizers.append(
            torch.optim.Muon(hidden, lr=cfg.lr, weight_decay=cfg.weight_decay, adjust_lr_fn="match_rms_adamw")
        )
    return optimizers


def update(optimizers: list[torch.optim.Optimizer], lr: float) -> None:
    """One step of the weights at a learning rate, after which the gradients are gone.

    A group of weights with an "lr_scale", such as a layer of an encoder in fine-tuning, has that share of the rate.
    """
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
