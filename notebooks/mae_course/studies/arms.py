"""The arms of the ablation study: one setting, and what each arm changes in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from mae_course.studies.variants import MAEOnAllPatches, MAEOnComponents, MAEWithMaskTokens
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.train.recipe import FinetuneConfig, PretrainConfig

MODEL = MAEConfig(
    img_size=(64, 64), patch_size=8, embed_dim=192, depth=6, num_heads=3,
    decoder_embed_dim=128, decoder_depth=2, decoder_num_heads=4,
)  # fmt: skip
"""The model of every arm, but for what the arm changes."""
PLANS = {
    "cpu": PretrainConfig(epochs=4, batch_size=64, blr=1.2e-2, warmup_epochs=0.4, optimizer="muon", precision="bf16"),
    "gpu": PretrainConfig(epochs=400, batch_size=512, blr=1.5e-3, warmup_epochs=20.0, optimizer="muon"),
}
"""The training of every arm, but for what the arm changes: some minutes on a CPU core, or on a GPU."""
FINETUNE = FinetuneConfig(epochs=4, batch_size=32, blr=4e-3, warmup_epochs=0.4, precision="bf16")
"""Fine-tuning of the arms that say so."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One row of one of the paper's tables, at our scale."""

    name: str
    group: str
    """What the arm varies."""
    paper: str
    """The table or figure that does the same."""
    model: dict[str, Any] = field(default_factory=dict)
    """Changed fields of MODEL."""
    train: dict[str, Any] = field(default_factory=dict)
    """Changed fields of the plan; "epochs" is a multiple of the plan's."""
    variant: type[MAE] = MAE
    seeds: tuple[int, ...] = (0,)
    finetune: bool = False
    """Whether it is fine-tuned as well, which takes longest."""
    fills: bool = True
    """Whether it was trained to fill in patches, so that its error there says something."""


def _arms() -> Iterator[Arm]:
    yield Arm(name="default", group="default", paper="Table 1", seeds=(0, 1, 2), finetune=True)
    yield Arm(
        name="encoder-mask-tokens", group="mask token", paper="Table 1c", variant=MAEWithMaskTokens, finetune=True
    )
    for ratio in (10, 50, 90, 30, 60, 80, 40, 70, 20):
        yield Arm(
            name=f"ratio-{ratio}", group="mask ratio", paper="Figure 5", model={"mask_ratio": ratio / 100},
            finetune=ratio in (10, 50, 90),
        )  # fmt: skip
    for depth in (1, 4, 8):
        yield Arm(name=f"depth-{depth}", group="decoder depth", paper="Table 1a", model={"decoder_depth": depth})
    for width in (64, 256):
        yield Arm(name=f"width-{width}", group="decoder width", paper="Table 1b", model={"decoder_embed_dim": width})
    yield Arm(name="target-norm-pix", group="target", paper="Table 1d", model={"norm_pix_loss": True})
    yield Arm(name="target-pca", group="target", paper="Table 1d", variant=MAEOnComponents)
    for kind in ("none", "fixed", "colour"):
        yield Arm(name=f"augment-{kind}", group="augmentation", paper="Table 1e", train={"augmentation": kind})
    for strategy, ratio in (("block", 50), ("block", 75), ("grid", 75)):
        changes = {"mask_ratio": ratio / 100} if ratio != 75 else {}
        yield Arm(
            name=f"mask-{strategy}-{ratio}", group="mask sampling", paper="Table 1f", model=changes,
            train={"mask_strategy": strategy},
        )  # fmt: skip
    for share in (25, 50, 200):
        yield Arm(name=f"schedule-{share}", group="schedule", paper="Figure 7", train={"epochs": share / 100})
    yield Arm(name="loss-all-patches", group="loss", paper="footnote 1", variant=MAEOnAllPatches)


ARMS = {arm.name: arm for arm in _arms()}
CONTROLS = ("control-pixels", "control-random", "control-scratch")
"""What an arm has to beat: the pixels as features, an encoder never trained, the same fine-tuned from scratch."""


def plan_of(arm: Arm, preset: str, seed: int) -> PretrainConfig:
    """The preset's plan with the arm's changes."""
    plan = PLANS[preset]
    changes = dict(arm.train)
    share = changes.pop("epochs", 1)
    return replace(plan, **changes, seed=seed, epochs=round(plan.epochs * share), warmup_epochs=plan.warmup * share)
