"""Homework with other numbers for each seed: `python -m mae_course.exercises.homework --seed 7 [--answers]`.

Every answer is computed by the package, so a new question needs no key. The rubric is in notebooks/guides/homework.md.
"""

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from mae_course.exercises.critical_reading import noise_of_gap
from mae_lite.cli.frame import run_command
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.loss import mae_loss
from mae_lite.masking import ids_from_mask, random_mask
from mae_lite.measure.cost import count_flops
from mae_lite.patches import normalize_patches
from mae_lite.train.recipe import PretrainConfig, learning_rate


class Question(NamedTuple):
    """A task with numbers and what is right."""

    title: str
    task: str
    answer: str
    points: int


def patches(draw: random.Random) -> Question:
    """Counts of patches and of the numbers in them."""
    p, channels = draw.choice([4, 8, 14, 16]), draw.choice([1, 3, 5])
    down, across = draw.sample(range(3, 15), 2)
    cfg = MAEConfig(
        img_size=(down * p, across * p), patch_size=p, in_chans=channels, mean=(0.0,) * channels, std=(1.0,) * channels
    )
    height, width = cfg.img_size
    task = f"An image of {height} x {width} pixels, channels: {channels}, is cut into patches of {p} x {p}. "
    task += "How many patches are there, and how many numbers has each? Does cutting lose anything?"
    return Question("Patches", task, f"{cfg.num_patches} patches of {cfg.patch_dim} numbers; nothing is lost.", 2)


def shapes(draw: random.Random) -> Question:
    """Lengths of the lists that encoder and decoder get."""
    side, percent = draw.choice([8, 10, 12, 14, 16]), draw.choice([40, 60, 75, 80, 90])
    n = side * side
    hidden = int(random_mask(n, percent / 100).sum())
    task = (
        f"A grid of {side} x {side} patches, {percent} % hidden (rounded, never floored). How many tokens go into the "
    )
    task += "encoder's blocks, and how many into the decoder's, the class token included?"
    return Question("Tokens", task, f"{n - hidden + 1} and {n + 1} ({hidden} hidden).", 2)


def restoring(draw: random.Random) -> Question:
    """The two lists of indices of a mask."""
    hidden = draw.sample([True] * 4 + [False] * 3, 7)
    ids_keep, ids_restore = ids_from_mask(torch.tensor([hidden]))
    task = f"The mask of seven patches is {[int(one) for one in hidden]}, 1 = hidden; visible patches are kept in "
    task += "reading order. Write down ids_keep and ids_restore, and say what the decoder does with the second."
    answer = f"ids_keep {ids_keep[0].tolist()}, ids_restore {ids_restore[0].tolist()}; it brings the list of visible "
    return Question("Back in order", task, answer + "tokens and mask tokens into the order of the patches.", 3)


def masked_loss(draw: random.Random) -> Question:
    """The loss of four patches of two pixels."""
    truth = [[draw.randint(0, 5) for _ in range(2)] for _ in range(4)]
    mask = draw.sample([True, True, False, False], 4)
    off = [[-2, -1, 1, 2] if hidden else [-3, 3] for hidden in mask]  # visible patches are the worse ones, as in life
    pred = [[x + draw.choice(by) for x in row] for row, by in zip(truth, off, strict=True)]
    tensors = [torch.tensor([x], dtype=torch.float32) for x in (pred, truth)]
    loss, every = (mae_loss(*tensors, torch.tensor([m])).item() for m in (mask, [True] * 4))
    task = f"Four patches of two pixels: truth {truth}, prediction {pred}, mask {[int(one) for one in mask]}, 1 = "
    task += "hidden. Compute the loss. What would a loss over all patches be, and why is it not used?"
    answer = f"{loss:g}; over all patches {every:g}. Visible patches need no painting (footnote 1: slightly worse)."
    return Question("The loss", task, answer, 3)


def norm_pix(draw: random.Random) -> Question:
    """The norm-pix target of a patch of four pixels."""
    low, step = draw.randint(0, 9), draw.randint(1, 6)
    patch = draw.sample([low, low, low + step, low + step], 4)
    target, _, std = normalize_patches(torch.tensor([[patch]], dtype=torch.float32))
    task = f"A patch has the pixels {patch}. Compute its norm-pix target, with the unbiased variance. Which two things "
    task += "about the patch can no longer be told from it?"
    rounded = [round(x, 3) for x in target[0, 0].tolist()]
    return Question("Norm-pix", task, f"{rounded}, divided by {std.item():.3f}; its brightness and its contrast.", 3)


def schedule(draw: random.Random) -> Question:
    """The learning rate at one step."""
    epochs, batch, per_epoch = draw.choice([20, 40, 100]), draw.choice([64, 128, 512]), draw.choice([50, 100])
    cfg = PretrainConfig(epochs=epochs, batch_size=batch, warmup_epochs=epochs / 10)
    step = epochs * per_epoch * draw.choice([2, 3, 4]) // 5
    rate = learning_rate(step, cfg, per_epoch)
    task = (
        f"Base rate {cfg.blr}, batch {batch}, {epochs} epochs of {per_epoch} steps, the first {epochs // 10} epochs of "
    )
    task += f"them warm-up, then half a cosine to 0. What are the peak rate and the rate at step {step}?"
    return Question("Schedule", task, f"{cfg.lr:.3g} and {rate:.3g}.", 3)


def cost(draw: random.Random) -> Question:
    """What leaving tokens out saves."""
    name, percent = draw.choice(["base", "large", "huge"]), draw.choice([50, 60, 75, 80, 90])
    cfg = PRESETS[name]
    without, with_tokens = (count_flops(cfg, percent / 100, mask_tokens_in_encoder=given) for given in (False, True))
    task = f"ViT-{name[0].upper()}, {percent} % hidden. With notebook 04's formulas: how many times fewer operations "
    task += "does the encoder do without mask tokens, and how many times fewer do encoder and decoder together?"
    answer = f"{with_tokens.encoder / without.encoder:.2f} and {with_tokens.total / without.total:.2f}; the decoder "
    return Question("Cost", task, answer + "gets every token either way.", 3)


def noise(draw: random.Random) -> Question:
    """Whether a gap exceeds seed noise."""
    std, seeds = draw.choice([0.3, 0.5, 0.8, 1.2]), draw.choice([2, 3, 5, 8])
    least = noise_of_gap(std, seeds)
    gap = round(least * draw.choice([0.6, 1.5]), 2)
    task = f"Two arms, {seeds} seeds each, one run deviates by {std} points; the means differ by {gap} points. Is the "
    task += "difference larger than twice its standard error? What would you report?"
    answer = f"Twice the standard error is {least:.2f}, so {'yes' if gap > least else 'no: more seeds, or no claim'}."
    return Question("Seed noise", task, answer, 3)


QUESTIONS: tuple[Callable[[random.Random], Question], ...] = (
    patches, shapes, restoring, masked_loss, norm_pix, schedule, cost, noise,
)  # fmt: skip


def sheet(seed: int) -> list[Question]:
    """The questions of a seed, always the same."""
    return [make(random.Random(f"{seed} {make.__name__}")) for make in QUESTIONS]


def to_markdown(seed: int, answers: bool = False) -> str:
    """A sheet as Markdown, with the answers or with none of them."""
    questions = sheet(seed)
    lines = [f"# Homework, sheet {seed}{', answers' * answers}", ""]
    lines += [f"{sum(question.points for question in questions)} points. Show how you got there.", ""]
    for k, question in enumerate(questions, 1):
        lines += [f"**{k}. {question.title}** ({question.points} points)", "", question.task, ""]
        lines += [f"*Answer*: {question.answer}", ""] * answers
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a sheet."""
    parser = argparse.ArgumentParser(prog="python -m mae_course.exercises.homework", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="the number of the sheet, one for each student")
    parser.add_argument("--answers", action="store_true", help="print the answers under the questions")
    return run_command(parser, argv, lambda args: print(to_markdown(args.seed, args.answers)))


if __name__ == "__main__":
    sys.exit(main())
