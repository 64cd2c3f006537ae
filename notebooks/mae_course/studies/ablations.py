"""The paper's ablations at a scale that a laptop can run: `python -m mae_course.studies.ablations --help`.

One small setting, equal for all arms but for what an arm is named after. Each arm is trained by `pretrain`, measured on
images that no arm was trained on, and appended to assets/results/ablations.jsonl. The bundled records are older than
today's attention in bfloat16 on CPUs, which rounds in another way: a run again differs from them as seeds do.
"""

import argparse
import csv
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from tqdm import tqdm

from mae_course.studies.arms import ARMS, CONTROLS, FINETUNE, MODEL, PLANS, Arm, plan_of
from mae_course.studies.runner import add_race_options, record_once, run_race, study_parser
from mae_course.studies.variants import MAEOnComponents, MAEWithMaskTokens
from mae_lite.cli.frame import read_labelled
from mae_lite.cli.records import circumstances
from mae_lite.device import pick_device
from mae_lite.images import normalize
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.measure.features import extract_features, pixel_features
from mae_lite.measure.probes import accuracy, knn_predict, linear_probe
from mae_lite.measure.table import text_table
from mae_lite.patches import patchify
from mae_lite.train.data import ImageSource, load_images
from mae_lite.train.finetune import finetune
from mae_lite.train.pretrain import pretrain
from mae_lite.train.recipe import FinetuneConfig
from mae_lite.weights.assets import asset_path

RECORDS = asset_path("results") / "ablations.jsonl"
MEASURED = ("loss", "mse", "knn", "linear", "finetune")
Measure = Callable[[MAE, Tensor], dict[str, Any]]
STORE_SIZE = MODEL.img_size[0] * 10 // 7
"""Side of the squares that training crops from."""


class Data(NamedTuple):
    """What all arms share."""

    squares: UInt8[Tensor, "n 3 s s"]
    """Training images to crop from."""
    whole: UInt8[Tensor, "n 3 h w"]
    """The same images at the model's size, for features."""
    labels: Int[Tensor, " n"]
    test: UInt8[Tensor, "m 3 h w"]
    test_labels: Int[Tensor, " m"]


def read_data(train: list[str], test: list[str]) -> Data:
    """Pictures with classes for training and for measuring.

    Raises:
        ValueError: if there are none, or one has no class.
    """
    whole, labels = read_labelled(ImageSource(train), None, MODEL.img_size)
    held_out, test_labels = read_labelled(ImageSource(test), None, MODEL.img_size)
    squares, _, _ = load_images(ImageSource(train), (STORE_SIZE, STORE_SIZE))
    return Data(squares, whole, labels, held_out, test_labels)


def train_arm(arm: Arm, seed: int, preset: str, data: Data, out: Path, device: torch.device) -> tuple[MAE, dict]:
    """Train an arm, or go on where it stopped; returns the model and the last row of its history."""
    cfg = plan_of(arm, preset, seed)
    torch.manual_seed(seed)
    model = arm.variant(replace(MODEL, **arm.model)).to(device)
    if isinstance(model, MAEOnComponents):
        model.fit(normalize(data.whole[:1000], MODEL).to(device))
    images = data.squares.to(device)
    with tqdm(total=cfg.epochs * (len(images) // cfg.batch_size), desc=f"{arm.name}-{seed}", mininterval=5) as bar:
        for record in pretrain(model, images, cfg, out, resume=(out / "last.pt").exists()):
            bar.update(record["step"] - bar.n)
    with (out / "history.csv").open(newline="") as file:
        return model.eval(), list(csv.DictReader(file))[-1]


@torch.inference_mode()
def pixel_error(model: MAE, imgs: UInt8[Tensor, "b 3 h w"]) -> float | None:
    """Masked MSE in normalised units at 75 % random, whatever the arm was trained at; None for norm-pix targets."""
    if model.cfg.norm_pix_loss:
        return None
    masks = random_mask(model.num_patches, MODEL.mask_ratio, batch_size=len(imgs))
    total, device = 0.0, model.encoder.cls_token.device
    for part, mask in zip(imgs.split(64), masks.split(64), strict=True):
        x = normalize(part.to(device), model.cfg)
        pred = model(x, mask).pred
        total += len(x) * mae_loss(pred, patchify(x, model.cfg.patch_size), mask.to(device)).item()
    return total / len(imgs)


def probe(features: Float[Tensor, "n d"], test_features: Float[Tensor, "m d"], data: Data) -> dict[str, float]:
    """Accuracy of nearest neighbours and of a linear layer on held-out images."""
    knn = knn_predict(features, data.labels, test_features)
    linear = linear_probe(features, data.labels, test_features)
    return {"knn": accuracy(knn, data.test_labels), "linear": accuracy(linear, data.test_labels)}


def finetuned(model: MAE, data: Data, cfg: FinetuneConfig = FINETUNE) -> float:
    """Accuracy on held-out images after fine-tuning on every fourth training image."""
    few = slice(None, None, 4)
    encoder = model.encoder.without_token() if isinstance(model, MAEWithMaskTokens) else model.encoder
    *_, last = finetune(encoder, data.squares[few], data.labels[few], data.test, data.test_labels, cfg)
    return last["accuracy"]


def run_arm(
    arm: Arm, seed: int, preset: str, data: Data, out: Path, device: torch.device, measure: Measure | None = None
) -> dict[str, Any]:
    """Train and measure one arm with one seed, and what else `measure` finds; returns its record."""
    model, last = train_arm(arm, seed, preset, data, out, device)
    plan, steps = plan_of(arm, preset, seed), int(last["step"])
    record = {"arm": arm.name, "group": arm.group, "paper": arm.paper, "seed": seed, "variant": arm.variant.__name__}
    record |= {"model": arm.model, "train": arm.train, "epochs": plan.epochs, "steps": steps}
    record |= {"images_seen": steps * plan.batch_size, "seconds": float(last["seconds"]), "loss": float(last["loss"])}
    record |= {"mse": pixel_error(model, data.test) if arm.fills else None}
    record |= probe(extract_features(model, data.whole), extract_features(model, data.test), data)
    record |= {"finetune": finetuned(model, data) if arm.finetune else None}
    return record | (measure(model, data.test) if measure else {})


def run_control(name: str, data: Data, device: torch.device) -> dict[str, Any]:
    """Measure what is not pre-trained."""
    record = {"arm": name, "group": "control", "paper": "", "seed": 0, "variant": "", "model": {}, "train": {}}
    record |= {"epochs": 0, "steps": 0, "images_seen": 0, "seconds": 0.0, "loss": None, "mse": None}
    record |= {"knn": None, "linear": None, "finetune": None}
    torch.manual_seed(0)
    model = MAE(MODEL).to(device).eval()
    if name == "control-pixels":
        return record | probe(pixel_features(data.whole), pixel_features(data.test), data)
    if name == "control-random":
        return record | probe(extract_features(model, data.whole), extract_features(model, data.test), data)
    return record | {"finetune": finetuned(model, data, replace(FINETUNE, layer_decay=1.0))}


class Study(NamedTuple):
    """What one command runs."""

    name: str
    description: str | None
    arms: dict[str, Arm]
    controls: tuple[str, ...]
    records: Path
    measure: Measure | None = None
    """What else is measured of a trained arm, on the test images."""


def list_arms(study: Study, records: list[dict[str, Any]]) -> str:
    """Every arm and control with its state, as lines of text."""
    arms = study.arms
    rows = [("arm", "seed", "paper", "MSE", "kNN", "linear", "tuned", "state")]
    for name, seed in [*((name, 0) for name in study.controls), *((a.name, s) for a in arms.values() for s in a.seeds)]:
        paper = arms[name].paper if name in arms else ""
        found = [r for r in records if (r["arm"], r["seed"]) == (name, seed)]
        state = f"{found[-1]['preset']}, {found[-1]['date']}, {found[-1]['seconds']:.0f} s" if found else "not run"
        cells = [found[-1][key] if found else None for key in ("mse", "knn", "linear", "finetune")]
        rows.append((name, seed, paper, *("-" if cell is None else f"{cell:.3f}" for cell in cells), state))
    return text_table(rows, "<><>>>><")


def main(argv: Sequence[str] | None = None, study: Study | None = None) -> int:
    """The command line of this study, or of another that trains arms."""
    study = study or Study("ablations", __doc__, ARMS, CONTROLS, RECORDS)
    choices = [*study.controls, *study.arms]
    p = study_parser(study.name, study.description)
    add_race_options(p, study.records)
    p.add_argument("--arms", nargs="+", choices=choices, default=choices, metavar="ARM", help="which (default all)")
    p.add_argument("--preset", choices=PLANS, help="length of training (default gpu on CUDA, else cpu)")
    return run_race(
        p, argv, lambda records: list_arms(study, records), lambda args: run(args, study.arms, study.measure)
    )


def run(args: argparse.Namespace, arms: dict[str, Arm], measure: Measure | None = None) -> None:
    """Run what has no record yet, one after the other."""
    device = pick_device(args.device)
    preset = args.preset or ("gpu" if device.type == "cuda" else "cpu")
    data = read_data(args.data, args.test)

    def one(name: str, seed: int) -> dict[str, Any]:
        if name not in arms:
            return run_control(name, data, device)
        out = args.runs / f"{preset}-{name}-{seed}"
        if args.again:
            shutil.rmtree(out, ignore_errors=True)
        return run_arm(arms[name], seed, preset, data, out, device, measure)

    where = {"preset": preset, "train_images": len(data.labels), "test_images": len(data.test_labels)}
    where |= circumstances(device)
    for name in args.arms:
        for seed in arms[name].seeds if name in arms else (0,):
            record_once(args, {"arm": name, "seed": seed, "preset": preset}, partial(one, name, seed), where, MEASURED)


if __name__ == "__main__":
    sys.exit(main())
