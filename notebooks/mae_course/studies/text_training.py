"""Training of a `WordModel`: hidden words for the masked one, next words for the causal one. It can be resumed."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mae_course.studies.text_data import MASK, UNK
from mae_course.studies.text_model import TextConfig, WordModel, shifted
from mae_lite.device import training_autocast
from mae_lite.train.recipe import PretrainConfig, learning_rate, make_optimizers, update

LOWEST, HIGHEST = 0.05, 0.95
"""Mask ratios of the masked model's training: drawn anew for each sequence, so that no ratio is favoured."""
SAVE_EVERY = 50
"""Steps between checkpoints."""


@dataclass(frozen=True, kw_only=True)
class TextTraining:
    """How to train; the rest is as in `PretrainConfig`."""

    steps: int = 1800
    batch_size: int = 32
    lr: float = 5e-3
    """Peak learning rate, after a warm-up of a twentieth of the steps and before a cosine to 0."""
    optimizer: str = "muon"
    precision: str = "bf16"
    """"bf16" (autocast) or "fp32"."""


def draw_batch(
    ids: Int[Tensor, " n"], length: int, batch_size: int, generator: torch.Generator
) -> Int[Tensor, "b length"]:
    """Sequences from random places of a text."""
    start = torch.randint(len(ids) - length, (batch_size, 1), generator=generator)
    return ids[start + torch.arange(length)]


def text_loss(model: WordModel, x: Int[Tensor, "b n"], generator: torch.Generator) -> Float[Tensor, ""]:
    """Cross-entropy of the words to be predicted: each from those before it, or the hidden ones from the rest.

    Words outside the vocabulary are no targets.
    """
    if model.cfg.causal:
        given, target = shifted(x), torch.ones_like(x, dtype=torch.bool)
    else:
        ratio = LOWEST + (HIGHEST - LOWEST) * torch.rand(len(x), 1, generator=generator)
        target = torch.rand(x.shape, generator=generator) < ratio  # a coin a word: no count has to be kept
        given = x.masked_fill(target, MASK)
    target = target & (x != UNK)
    return F.cross_entropy(model.scores(model(given)[target]).float(), x[target])


def train_words(
    model_cfg: TextConfig, ids: Int[Tensor, " n"], cfg: TextTraining, seed: int, out: str | Path
) -> tuple[WordModel, dict]:
    """Train one model, or go on from `out`/last.pt: on one machine the result is as if there had been no break.

    Returns:
        The model in eval mode, and a record: last losses (mean of the last tenth), seconds, CPU seconds.

    Raises:
        ValueError: if the loss is not finite.
    """
    torch.manual_seed(seed)
    model = WordModel(model_cfg)
    recipe = PretrainConfig(
        epochs=1, batch_size=cfg.batch_size, blr=cfg.lr * 256 / cfg.batch_size, optimizer=cfg.optimizer
    )
    optimizers = make_optimizers(model, recipe)
    last, losses, spent = Path(out) / "last.pt", [], [0.0, 0.0]
    if last.exists():
        state = torch.load(last, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        losses, spent = state["losses"], state["spent"]
    clocks = [time.perf_counter() - spent[0], time.process_time() - spent[1]]
    for step in range(len(losses), cfg.steps):
        losses.append(_gradients(model, ids, cfg, torch.Generator().manual_seed(seed * 1_000_003 + step)))
        update(optimizers, learning_rate(step, recipe, cfg.steps))
        spent = [time.perf_counter() - clocks[0], time.process_time() - clocks[1]]
        if len(losses) % SAVE_EVERY == 0 or len(losses) == cfg.steps:
            _save(last, model, optimizers, losses, spent)
            print(f"{last.parent.name}: step {len(losses)}, loss {losses[-1]:.3f}, {spent[0]:.0f} s", flush=True)
    tail = losses[-max(1, cfg.steps // 10) :]
    return model.eval(), {"loss": sum(tail) / len(tail), "seconds": spent[0], "cpu_seconds": spent[1]}


def _gradients(model: WordModel, ids: Tensor, cfg: TextTraining, generator: torch.Generator) -> float:
    x = draw_batch(ids, model.cfg.length, cfg.batch_size, generator)
    with training_autocast(torch.device("cpu"), cfg.precision):
        loss = text_loss(model, x, generator)
    if not loss.isfinite():
        raise ValueError(f"The loss is {loss.item()}; delete the run's folder and train with a rate below {cfg.lr}.")
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    return loss.item()


def _save(path: Path, model: WordModel, optimizers: list, losses: list[float], spent: list[float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
    state |= {"losses": losses, "spent": spent}
    torch.save(state, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)
