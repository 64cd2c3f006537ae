"""Checks of notebook 06, Train one, watch it learn: overfit, learning_rate, peak_rate, predict_speed."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mae_course.exercises.check import call, compare, compare_numbers, exercise, expect, number
from mae_lite.config import MAEConfig
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.measure.cost import count_flops
from mae_lite.patches import patchify
from mae_lite.train.pretrain import PretrainConfig
from mae_lite.train.pretrain import learning_rate as package_rate

LEARNT = 0.1
"""Share of the first loss that is left when one picture has been learnt by heart."""
WRONG_LOOPS = {
    "the gradients of all steps pile up: nobody cleared them. Call optimizer.zero_grad() once a step.":
        lambda optimizer, loss: (loss.backward(), optimizer.step()),
    "the weights never move: there is no optimizer.step(), or the gradient is cleared before it. The order is "
    "backward, step, zero_grad.": lambda optimizer, loss: None,
}  # fmt: skip
"""What to say to a loop that does this with each loss."""


@exercise
def overfit(mine: Any) -> str:
    """`mine(model, optimizer, image, mask, steps)` learns one picture by heart and returns the loss of each step."""
    steps, (model, optimizer, image, mask) = 80, _one_picture()
    before = model(image, mask)
    hidden, everywhere = before.loss.item(), mae_loss(before.pred, patchify(image, 8), torch.ones_like(mask)).item()
    got = call(mine, model, optimizer, image, mask, steps, hint="model(image, mask).loss is the loss.")
    expect(isinstance(got, list | tuple), f"return a list of {steps} losses, not a {type(got).__name__}.")
    tensors = any(isinstance(x, Tensor) for x in got)
    expect(not tensors, "these are tensors, which keep all they were computed from in memory; use loss.item().")
    losses = [number(x, "loss") for x in got]
    expect(len(losses) == steps, f"there are {len(losses)} losses; record one for each of {steps} steps.")
    expect(
        not math.isclose(losses[0], everywhere, rel_tol=0.01),
        "the first loss is the mean over all patches, and the visible ones ask for nothing; model(image, mask).loss is "
        "over the hidden ones.",
    )
    expect(
        math.isclose(losses[0], hidden, rel_tol=0.01),
        f"the first loss is {losses[0]:.2f}, but under the given mask this picture starts at {hidden:.2f}; use that "
        "one image and that one mask at every step.",
    )
    for hint, after in WRONG_LOOPS.items():
        expect(not torch.allclose(torch.tensor(losses), _losses(after, steps), rtol=1e-3), hint)
    left = model(image, mask).loss.item() / hidden
    expect(
        left < LEARNT,
        f"the loss of the picture is still at {left:.0%} of the first after {steps} steps; after every backward take a "
        "step with the optimizer that is given, which holds all weights.",
    )
    return f"learnt by heart: the loss fell to {left:.1%} of the first. A loop that cannot do this cannot learn more."


def _one_picture() -> tuple[MAE, torch.optim.Optimizer, Tensor, Tensor]:
    """The same small model, optimiser, image and mask each time, without touching the reader's random numbers."""
    cfg = MAEConfig(
        img_size=(16, 24), patch_size=8, embed_dim=32, depth=1, num_heads=2,
        decoder_embed_dim=32, decoder_depth=1, decoder_num_heads=2,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, image = MAE(cfg), torch.randn(1, 3, 16, 24) + torch.linspace(0, 3, 24)  # brighter to the right
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.95), weight_decay=0)
    return model, optimizer, image, random_mask(cfg.num_patches, 0.5, seed=1)


def _losses(after: Callable, steps: int) -> Tensor:
    """The losses of a loop that does `after` with each loss."""
    (model, optimizer, image, mask), losses = _one_picture(), []
    for _ in range(steps):
        loss = model(image, mask).loss
        losses.append(loss.item())
        after(optimizer, loss)
    return torch.tensor(losses)


@exercise
def learning_rate(mine: Any) -> str:
    """`mine(step, cfg, steps_per_epoch)` equals `mae_lite.train.pretrain.learning_rate` at every step."""
    cfg, spe = PretrainConfig(epochs=12, warmup_epochs=2.0, batch_size=512, blr=0.5), 5
    total, warmup, steps = cfg.epochs * spe, int(cfg.warmup) * spe, range(cfg.epochs * spe)

    def curve(falling: Callable[[float], float], rising: Callable[[int], float] = lambda s: (s + 1) / warmup) -> Tensor:
        return torch.tensor([cfg.lr * (rising(s) if s < warmup else falling(s)) for s in steps])

    def cosine(share: float) -> float:
        return (1 + math.cos(math.pi * share)) / 2

    def fall(s: int) -> float:
        return cosine((s - warmup) / (total - warmup))

    got = [number(call(mine, s, cfg, spe, hint="It returns one number for one step."), "rate") for s in steps]
    slips = {
        "the cosine counts from step 0, so the rate drops when the warm-up ends. Its first step is the one after the "
        "warm-up: take step - warmup, out of total - warmup.": curve(lambda s: cosine(s / total)),
        "the cosine starts after the warm-up but is stretched over all steps, so training ends before the rate is 0; "
        "only total - warmup steps are left for it.": curve(lambda s: cosine((s - warmup) / total)),
        "the rate ends at half of its peak; at the end the angle has to be pi, not pi / 2.":
            curve(lambda s: cosine((s - warmup) / (total - warmup) / 2)),
        "the rate jumps to twice its peak: a cosine runs from 1 to -1, so 1 + cos runs from 2 to 0; halve it.":
            curve(lambda s: 2 * fall(s)),
        "the rate falls in stairs, the same for a whole epoch; let it change with every step.":
            curve(lambda s: fall(s // spe * spe), lambda s: (s // spe * spe + 1) / warmup),
        "steps are counted against the number of epochs, so the cosine is at its end after a few steps and swings up "
        "again. Steps go with steps, epochs with epochs.":
            curve(lambda s: cosine((s - cfg.warmup) / (cfg.epochs - cfg.warmup))),
        "the warm-up starts again with every epoch; count the steps since the start of the training.":
            curve(fall, lambda s: (s % spe + 1) / warmup),
        "the first step has the rate 0 and moves nothing. The official code does the same; here step 0 already counts "
        "as one of the warm-up, so use step + 1.": curve(fall, lambda s: s / warmup),
        "there is no warm-up: the first steps already have the full rate.": curve(fall, lambda s: 1),
    }  # fmt: skip
    want = torch.tensor([package_rate(s, cfg, spe) for s in steps])
    compare(torch.tensor(got), want, slips=slips, otherwise="compare step 0, the last of the warm-up, and the last.")
    return f"right at all {total} steps: up in a line for {warmup}, then half a cosine down."


@exercise
def peak_rate(mine: Any) -> str:
    """`mine(blr, images, accum, processes)` is blr x (images x accum x processes) / 256."""
    runs = torch.tensor([[1.5e-4, 64, 8, 8], [1e-3, 32, 1, 3], [0.02, 128, 4, 2], [0.5, 16, 2, 5]], dtype=torch.float64)
    blr, images, accum, processes = runs.T
    got = [number(call(mine, r[0], *map(int, r[1:]), hint="It returns one number.")) for r in runs.tolist()]
    slips = {
        "only the images of one process and part count; the gradient of a step is made of more of them. Multiply by "
        "accum and by processes.": blr * images / 256,
        "the parts of a step are left out: with accumulation the weights move once after accum parts, by the mean over "
        "all their images.": blr * images * processes / 256,
        "the other processes are left out: their gradients are averaged before the step.": blr * images * accum / 256,
        "256 is the batch that blr is meant for, and stays 256 whatever batch is used.": blr * accum * processes,
        "this counts processes and not images: a process can have many or few.": blr * processes,
        "this divides by accum. A loop that sums the gradients of its parts needs that; here the loss of each part is "
        "divided already, so more parts are simply more images.": blr * images * processes / accum / 256,
        "this is the root of the batch. Some use that rule for Adam; the paper's rate is linear in it.":
            blr * (images * accum * processes / 256).sqrt(),
        "this has the batch upside down: more images make a steadier gradient, which allows a larger step.":
            blr * 256 / (images * accum * processes),
    }  # fmt: skip
    otherwise = "it is blr times the images that one step of the weights is made of, over 256."
    compare_numbers(got, blr * images * accum * processes / 256, slips=slips, otherwise=otherwise, rtol=1e-3)
    return "the first of these runs has the paper's batch, 64 x 8 x 8 = 4,096 images."


@exercise
def predict_speed(mine: Any) -> str:
    """`mine(speed, cfg, mask_ratio)` is the speed at another ratio if time follows `count_flops`."""
    cfg = MAEConfig(
        img_size=(64, 96), patch_size=8, embed_dim=96, depth=4, num_heads=3,
        decoder_embed_dim=64, decoder_depth=2, decoder_num_heads=2,
    )  # fmt: skip
    ratios, speed = (0.0, 0.5, 0.9), 100.0
    hint = "count_flops(cfg, ratio) has .encoder, .decoder and .total."
    got = [number(call(mine, speed, cfg, r, hint=hint), "speed") for r in ratios]

    def by(cost: Callable[[float], float]) -> Tensor:
        return torch.tensor([speed * cost(cfg.mask_ratio) / cost(r) for r in ratios])

    def flops(part: str) -> Callable[[float], float]:
        return lambda r: getattr(count_flops(cfg, r), part)

    want = by(flops("total"))
    slips = {
        "upside down: fewer hidden patches are more work, so fewer images a second.": speed**2 / want,
        "this counts visible patches only, as if all the work were in proportion to them. The decoder has every patch "
        "at any ratio.": by(lambda r: 1 - r),
        "this counts pairs of visible patches only; in so short a sentence attention is the small part of the work.":
            by(lambda r: (1 - r) ** 2),
        "this is the encoder alone; a step goes through the decoder as well.": by(flops("encoder")),
        "this is the decoder alone, and its work hardly depends on the ratio.": by(flops("decoder")),
    }  # fmt: skip
    says = f"at {ratios[0]:.0%} hidden it says {got[0]:.0f} images a second; speed at the old ratio x work at the old "
    says += f"ratio / work at the new one gives {want[0]:.0f}."
    compare_numbers(got, want, slips=slips, otherwise=says, rtol=0.1, slip_rtol=0.01)
    return "more than the visible patches counts, since the decoder works on all of them. Now measure."
