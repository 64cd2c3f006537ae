"""The settings of fine-tuning (Table 9)."""

import math
from dataclasses import dataclass

from mae_lite.measure.features import check_pool


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """How to fine-tune; the defaults are the paper's (Table 9) but for batch, epochs and the stronger augmentations."""

    epochs: int = 20
    """Passes over the training images."""
    batch_size: int = 128
    """Images a step; an epoch's remainder is dropped."""
    blr: float = 1e-3
    """Base learning rate; the rate of the head is blr x batch_size / 256."""
    layer_decay: float = 0.75
    """Each block learns at this share of the rate of the one above it; 1 for training from scratch."""
    blocks: int | float | None = None
    """How many of the last blocks are tuned (Figure 9): 0 the head alone, 0.5 the last MLP too; None for everything."""
    warmup_epochs: int | float | None = None
    """Epochs of linear warm-up, before the cosine to 0; by default a tenth of all, as the paper's 5 of 50."""
    weight_decay: float = 0.05
    """Decay of weights; biases, norms and tokens have none."""
    drop_path: float = 0.1
    """Chance to skip the last block in training; it rises linearly from 0 at the first."""
    label_smoothing: float = 0.1
    """Share of the target that is spread over all classes."""
    mixup: float = 0.0
    """Mixup's alpha, 0.8 in the paper; 0 switches it off."""
    cutmix: float = 0.0
    """CutMix's alpha, 1.0 in the paper; 0 switches it off."""
    min_scale: float = 0.2
    """Smallest share of the area that a random crop keeps."""
    pool: str = "mean"
    """What the head sees: the "mean" of the patch tokens, or the "cls" token."""
    precision: str = "auto"
    """"fp32", "bf16" (autocast), or "auto": bf16 where it is faster, on GPUs and on CPUs with AVX512-BF16 or AMX."""
    seed: int = 0
    """Fixes the order, crops, dropped paths and mixtures."""

    def __post_init__(self):
        check_pool(self.pool)
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ValueError(f'precision is "{self.precision}"; use "auto", "fp32" or "bf16".')
        if self.epochs < 1 or self.batch_size < 2 or self.batch_size % 2:
            raise ValueError(
                f"epochs {self.epochs} must be at least 1 and batch_size {self.batch_size} even and above 0: Mixup and "
                "CutMix mix pairs."
            )
        for name in ("blr", "layer_decay", "min_scale"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0 and at most 1.")
        for name in ("drop_path", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1.")
        for name, top in (("weight_decay", math.inf), ("mixup", math.inf), ("cutmix", math.inf)):
            if not 0 <= getattr(self, name) < top:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0.")
        if not 0 <= self.warmup <= self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs}; it must be from 0 to the {self.epochs} epochs.")

    @property
    def warmup(self) -> float:
        """Epochs of warm-up."""
        return self.epochs / 10 if self.warmup_epochs is None else float(self.warmup_epochs)

    @property
    def lr(self) -> float:
        """Peak learning rate of the head: blr x batch_size / 256."""
        return self.blr * self.batch_size / 256


def check_blocks(blocks: int | float | None, depth: int) -> None:
    """Raise ValueError unless `blocks` is None, 0, 0.5, or a whole number up to an encoder's depth."""
    if blocks is not None and blocks not in (0, 0.5, *range(1, depth + 1)):
        raise ValueError(f"blocks is {blocks}; use 0, 0.5, or a whole number up to the encoder's {depth} blocks.")
