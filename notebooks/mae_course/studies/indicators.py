"""Can a convolution take an indicator of what is hidden? A race: `python -m mae_course.studies.indicators --help`.

One task, to fill 75 % of the patches of 64 x 64 photos; equal images, steps and parameters; only the way in which a
network is told what is hidden, and where, changes. What is measured goes to assets/results/indicators.jsonl.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from statistics import mean
from typing import Any

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from tqdm import tqdm

from mae_course.studies.fillers import CELL, KINDS, Filler, count_parameters, make_filler, save_filler
from mae_course.studies.runner import add_race_options, record_once, run_race, study_parser
from mae_lite.cli.records import circumstances
from mae_lite.config import MAEConfig
from mae_lite.device import pick_device, training_autocast
from mae_lite.images import normalize
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.baselines import harmonic_fill
from mae_lite.measure.probes import linear_readout
from mae_lite.measure.quality import masked_mse
from mae_lite.measure.representations import position_readout, r_squared
from mae_lite.measure.table import text_table
from mae_lite.train.augment import augment
from mae_lite.train.data import ImageSource, load_images
from mae_lite.train.pretrain import batch_indices
from mae_lite.train.recipe import PretrainConfig, learning_rate, make_optimizers, update
from mae_lite.weights.assets import asset_path

TASK = MAEConfig(img_size=(64, 64), patch_size=8)
"""Of the images and masks; the sizes of a network do not matter here."""
PLAN = PretrainConfig(epochs=4, batch_size=64, blr=8e-3, warmup_epochs=0.4, precision="bf16")
"""The same for every network; AdamW, since Muon is for matrices."""
SEEDS = (0, 1)
RECORDS = asset_path("results") / "indicators.jsonl"
MEASURED = ("loss", "mse", "skill", "empty", "mask_readout", "position_readout")


def draw_hidden(count: int, generator: torch.Generator) -> Bool[Tensor, "b 1 h w"]:
    """Pixels of 75 % of the patches, drawn at random for each image."""
    mask = random_mask(TASK.num_patches, TASK.mask_ratio, batch_size=count, generator=generator)
    return pixel_mask(mask, TASK.grid_size, TASK.patch_size)


def hidden_error(
    painted: Float[Tensor, "b c h w"], imgs: Float[Tensor, "b c h w"], hidden: Bool[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean squared error on hidden pixels, equally many an image, which is the loss and the measure."""
    return masked_mse(painted.float(), imgs, hidden).mean()


def train_filler(
    model: nn.Module, images: UInt8[Tensor, "n 3 s s"], cfg: PretrainConfig = PLAN
) -> Iterator[dict[str, float]]:
    """Train a network in place, a record a step.

    Args:
        model: takes normalised images and hidden pixels (b, 1, h, w), True = hidden, and gives images.
        images: squares to crop from, as bytes.
        cfg: how.
    """
    device = next(model.parameters()).device
    steps = len(images) // cfg.batch_size
    optimizers = make_optimizers(model, cfg)
    started = time.perf_counter()
    for step in range(cfg.epochs * steps):
        generator = torch.Generator(device).manual_seed(cfg.seed * 1_000_003 + step)
        pixels = images[batch_indices(step, len(images), cfg)].to(device)
        x = normalize(augment(pixels, TASK.img_size, generator), TASK)
        hidden = draw_hidden(len(x), generator)
        with training_autocast(device, cfg.precision):
            loss = hidden_error(model(x, hidden), x, hidden)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), cfg.clip_grad)
        update(optimizers, learning_rate(step, cfg, steps))
        yield {"step": step + 1, "loss": loss.item(), "seconds": time.perf_counter() - started}


@torch.inference_mode()
def paint(model: nn.Module, imgs: UInt8[Tensor, "b 3 h w"], seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """What a network makes of images whose masks the seed fixes: painted and true (b, 3, h, w), hidden (b, 1, h, w)."""
    device = next(model.parameters()).device
    x, hidden = normalize(imgs, TASK), draw_hidden(len(imgs), torch.Generator().manual_seed(seed))
    parts = zip(x.split(64), hidden.split(64), strict=True)
    return torch.cat([model(part.to(device), where.to(device)).float().cpu() for part, where in parts]), x, hidden


def score(model: nn.Module, imgs: UInt8[Tensor, "b 3 h w"], harmonic: float) -> dict[str, float]:
    """Error on hidden pixels of images the network never saw, and its skill over the harmonic fill's error there."""
    error = hidden_error(*paint(model, imgs)).item()
    return {"mse": error, "skill": 1 - error / harmonic}


def harmonic_error(imgs: UInt8[Tensor, "b 3 h w"]) -> float:
    """The error that `score` compares with: the same images and masks, filled by `harmonic_fill`."""
    x, hidden = normalize(imgs, TASK), draw_hidden(len(imgs), torch.Generator().manual_seed(0))
    return hidden_error(harmonic_fill(x, hidden), x, hidden).item()


@torch.inference_mode()
def look_inside(model: Filler, imgs: UInt8[Tensor, "b 3 h w"]) -> dict[str, list[float]]:
    """What the features know after the stem and after each block, on masked images.

    Returns:
        "empty": share of hidden cells to which nothing visible has spread, so that they look as in an image that is
        hidden altogether. "mask_readout": how well a linear function of a cell tells whether it is hidden, and
        "position_readout": its row and column; R2, 1 is perfect and 0 no better than the mean, on other images than it
        was fitted to.
    """
    device = next(model.parameters()).device
    x, hidden = normalize(imgs, TASK).to(device), draw_hidden(len(imgs), torch.Generator().manual_seed(0)).to(device)
    nothing = model.features(torch.zeros_like(x[:1]), torch.ones_like(hidden[:1]))
    cells = hidden[:, 0, ::CELL, ::CELL]
    grid = cells.shape[1:]
    found = {"empty": [], "mask_readout": [], "position_readout": []}
    for features, bare in zip(model.features(x, hidden), nothing, strict=True):
        untouched = (features - bare).abs().amax(dim=1) < 1e-4
        found["empty"].append(untouched[cells].float().mean().item())
        tokens = features.flatten(2).transpose(1, 2)  # (b, cells, d)
        asked = cells.flatten(1)[..., None].float()
        guess = linear_readout(tokens[::2].flatten(0, 1), asked[::2].flatten(0, 1), tokens[1::2].flatten(0, 1))
        found["mask_readout"].append(r_squared(guess, asked[1::2].flatten(0, 1)).item())
        found["position_readout"].append(position_readout(tokens, (grid[0], grid[1])).mean().item())
    return found


def race(
    model: nn.Module, kind: str, seed: int, images: UInt8[Tensor, "n 3 s s"], test: UInt8[Tensor, "m 3 h w"],
    harmonic: float,
) -> dict[str, Any]:  # fmt: skip
    """Train and measure one network, one of ours or a reader's own; returns its record."""
    steps = PLAN.epochs * (len(images) // PLAN.batch_size)
    losses = []
    for record in tqdm(
        train_filler(model, images, replace(PLAN, seed=seed)), f"{kind}, seed {seed}", steps, mininterval=5
    ):
        losses.append(record["loss"])
    found = {"kind": kind, "seed": seed, "parameters": count_parameters(model), "steps": steps}
    found |= {"images_seen": steps * PLAN.batch_size, "seconds": record["seconds"], "loss": mean(losses[-20:])}
    found |= score(model.eval(), test, harmonic) | {"harmonic_mse": harmonic}
    inside = look_inside(model, test[:200]) if isinstance(model, Filler) else {}
    return found | {key: inside.get(key) for key in ("empty", "mask_readout", "position_readout")}


def list_kinds(records: list[dict[str, Any]]) -> str:
    """Every network with its state, as lines of text."""
    rows = [("kind", "seed", "parameters", "MSE", "skill", "s", "state")]
    for kind, seed in product(KINDS, SEEDS):
        found = [r for r in records if (r["kind"], r["seed"]) == (kind, seed)]
        cells = [
            (f"{r['parameters']:,}", f"{r['mse']:.3f}", f"{r['skill']:.3f}", f"{r['seconds']:.0f}", r["date"])
            for r in found
        ]
        rows.append((kind, seed, *(cells[-1] if cells else ("", "", "", "", "not run"))))
    return text_table(rows, "<>>>>><")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what has no record yet, one after the other."""
    p = study_parser("indicators", __doc__)
    add_race_options(p, RECORDS)
    p.add_argument("--kinds", nargs="+", choices=KINDS, metavar="KIND", default=list(KINDS), help="which (default all)")
    p.add_argument("--seeds", nargs="+", type=int, default=SEEDS, help="which (default %(default)s)")
    return run_race(p, argv, list_kinds, run)


def run(args: argparse.Namespace) -> None:
    """The race."""
    device = pick_device(args.device)
    images, _, _ = load_images(ImageSource(args.data), (TASK.img_size[0] * 10 // 7,) * 2)
    test, _, _ = load_images(ImageSource(args.test), TASK.img_size)
    harmonic = harmonic_error(test)
    where = {"train_images": len(images), "test_images": len(test)} | circumstances(device)

    def one(kind: str, seed: int) -> dict[str, Any]:
        torch.manual_seed(seed)
        model = make_filler(kind).to(device)
        found = race(model, kind, seed, images, test, harmonic)
        save_filler(model, args.runs / f"{kind.replace(' ', '-')}-{seed}.safetensors")
        return found

    for seed, kind in product(args.seeds, args.kinds):
        record_once(args, {"kind": kind, "seed": seed}, partial(one, kind, seed), where, MEASURED)


if __name__ == "__main__":
    sys.exit(main())
