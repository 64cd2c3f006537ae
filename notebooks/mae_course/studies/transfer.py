"""What the bundled model's encoder is worth for classes: `python -m mae_course.studies.transfer --help`.

Writes features of labelled images to assets/features/, without the images, and to assets/results/transfer.jsonl what
nearest neighbours, a linear layer and fine-tuning make of them, beside an untrained encoder and raw pixels. What is in
the file already is not run again.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from mae_course.studies.runner import study_parser
from mae_lite.cli.frame import add_options, positive, read_labelled, run_command
from mae_lite.cli.records import append_record, circumstances, find_record, load_records
from mae_lite.device import pick_device
from mae_lite.mae import MAE
from mae_lite.measure.attention import untrained
from mae_lite.measure.features import BundledFeatures, extract_features, load_features, pixel_features
from mae_lite.measure.probes import accuracy, knn_predict, linear_probe, ridge_probe, some_labels
from mae_lite.measure.table import text_table
from mae_lite.train.classifier import make_classifier
from mae_lite.train.data import ImageSource
from mae_lite.train.finetune import held_out_accuracy, train_classifier
from mae_lite.train.recipe import FinetuneConfig
from mae_lite.weights.assets import asset_path
from mae_lite.weights.checkpoints import DEFAULT_MODEL, load_model

CLASSES = [
    "tench", "English springer", "cassette player", "chain saw", "church", "French horn", "garbage truck", "gas pump",
    "golf ball", "parachute",
]  # fmt: skip
"""Imagenette's, in the order of its labels."""
FEATURES = asset_path() / "features" / "imagenette.safetensors"
RECORDS = asset_path("results") / "transfer.jsonl"
PROBES = {"knn": knn_predict, "linear": linear_probe, "ridge": ridge_probe}
FRACTIONS = {0.01: range(5), 0.1: range(5), 1.0: range(1)}
"""Shares of the training labels, and the draws of each."""
TUNED_SIZE = (64, 64)
"""Pixels at which fine-tuning runs, so that a CPU can: positions are computed for any size."""
BLOCKS = (1, 0, 12, 0.5, 2, 4, 8)
"""Of 12; the most telling first."""
SCRATCH = 12
"""Blocks that learn from scratch: all."""
PLAN = FinetuneConfig(epochs=5, batch_size=64, blr=4e-3, precision="bf16")
"""Fine-tuning of every setting; `blocks` is what changes, and from scratch there is no layer decay."""


def read(sources: list[str], size: tuple[int, int], count: int) -> tuple[Tensor, Tensor]:
    """The first labelled images of a data set, and their labels.

    Raises:
        ValueError: if there are none, or one has no class.
    """
    source = ImageSource(sources)
    return read_labelled(source, range(min(count, len(source))), size)


def starts(size: tuple[int, int] | None = None, device: torch.device | None = None) -> dict[str, MAE]:
    """The bundled model, and one of its sizes as training would have begun it."""
    trained = load_model(img_size=size, device=str(device or "cpu"))
    return {DEFAULT_MODEL: trained, "untrained": untrained(trained)}


def write_features(args: argparse.Namespace) -> None:
    """Features of both splits by everything that is compared: 16-bit floats, pixels as bytes."""
    models, tensors = starts(device=pick_device(args.device)), {}
    for split, sources, count in (("train", args.train, 4000), ("test", args.test, 2000)):
        imgs, labels = read(sources, models["untrained"].cfg.img_size, count)
        tensors[f"labels.{split}"] = labels.to(torch.uint8)
        tensors[f"raw pixels.{split}"] = (pixel_features(imgs) * 255).round().to(torch.uint8)
        for name, model in models.items():
            tensors[f"{name}.{split}"] = extract_features(model, imgs).cpu().half()
    where = {"command": command()} | circumstances(pick_device(args.device))
    metadata = {"classes": json.dumps(CLASSES), "circumstances": json.dumps(where)}
    args.features.parent.mkdir(parents=True, exist_ok=True)
    part = args.features.with_suffix(".part")  # the file appears whole or not at all
    part.write_bytes(save(tensors, metadata))
    os.replace(part, args.features)


def probe_settings(features: BundledFeatures) -> Iterator[tuple[dict[str, Any], Callable[[], dict]]]:
    """What to measure on the features, and how: a setting for each kind of features and share of labels."""
    for name in features.train:
        for fraction, seeds in FRACTIONS.items():
            key = {"kind": "probes", "features": name, "fraction": fraction}
            yield key, lambda name=name, fraction=fraction, seeds=seeds: probe(features, name, fraction, list(seeds))


def probe(features: BundledFeatures, name: str, fraction: float, seeds: list[int]) -> dict[str, Any]:
    """Accuracies of the probes with some of the labels, a number for each draw."""
    found = {probe: [] for probe in PROBES}
    for seed in seeds:
        few = some_labels(features.labels, fraction, seed=seed)
        for key, predict in PROBES.items():
            predicted = predict(features.train[name][few], features.labels[few], features.test[name])
            found[key].append(accuracy(predicted, features.test_labels))
    return {"seed": seeds, "train_images": len(few), "test_images": len(features.test_labels)} | found


def tuning_settings(args: argparse.Namespace) -> Iterator[tuple[dict[str, Any], Callable[[], dict]]]:
    """Fine-tuning by number of blocks, and supervised training from scratch with the same budget."""
    stored = TUNED_SIZE[0] * 10 // 7
    train, test = read(args.train, (stored, stored), 4000), read(args.test, TUNED_SIZE, 2000)
    models = starts(TUNED_SIZE, pick_device(args.device))
    plans = [(DEFAULT_MODEL, replace(PLAN, blocks=blocks)) for blocks in BLOCKS]
    plans.insert(3, ("untrained", replace(PLAN, blocks=SCRATCH, layer_decay=1.0)))
    for name, plan in plans:
        key = {"kind": "finetune", "start": name, "blocks": plan.blocks}
        yield key, lambda name=name, plan=plan: tune(models[name], train, test, plan)


def tune(model: MAE, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], plan: FinetuneConfig) -> dict[str, Any]:
    """One fine-tuning, as `finetune` does it, measured after the last epoch; returns its record."""
    vit = make_classifier(model, len(CLASSES), blocks=plan.blocks, pool=plan.pool, drop_path=plan.drop_path)
    started, losses = time.perf_counter(), []
    for record in train_classifier(vit, model.cfg, *train, plan):
        losses.append(record["loss"])
        print(f"  epoch {record['epoch']}: loss {losses[-1]:.3f}, {time.perf_counter() - started:.0f} s", flush=True)
    found = {"seed": plan.seed, "accuracy": held_out_accuracy(vit, model.cfg, *test, plan), "losses": losses}
    found |= {
        "seconds": time.perf_counter() - started,
        "tuned": sum(p.numel() for p in vit.parameters() if p.requires_grad),
    }
    found |= {"train_images": len(train[1]), "test_images": len(test[1]), "img_size": model.cfg.img_size}
    return found | {"plan": asdict(plan)}


def command() -> str:
    """What was typed, without the folders of this machine."""
    typed = [Path(a).name if a.endswith(".tar") else a for a in sys.argv[1:]]
    return shlex.join(["python", "-m", "mae_course.studies.transfer", *typed])


def run(args: argparse.Namespace) -> None:
    """Write what is missing; each finished setting is kept at once."""
    torch.set_num_threads(args.threads)
    if not args.features.exists():
        write_features(args)
    settings = [*probe_settings(load_features(args.features))]
    if not args.probes_only:
        settings += tuning_settings(args)
    where = {"command": command()} | circumstances(pick_device(args.device))
    for key, measure in settings:
        if find_record(args.records, **key) is None:
            print(*key.values(), flush=True)
            append_record(args.records, key | measure() | where)
    print(format_records(load_records(args.records)))


def format_records(records: list[dict[str, Any]]) -> str:
    """The records as two tables of text."""
    probed = [
        (r["features"], f"{100 * r['fraction']:g} %", *(f"{100 * mean(r[probe]):.1f} %" for probe in PROBES))
        for r in records
        if r["kind"] == "probes"
    ]
    tuned = [(r["start"], r["blocks"], f"{100 * r['accuracy']:.1f} %") for r in records if r["kind"] == "finetune"]
    parts = (("features", "labels", *PROBES), *probed), (("start", "blocks tuned", "accuracy"), *tuned)
    return "\n\n".join(text_table(rows) for rows in parts if len(rows) > 1)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    p = study_parser("transfer", __doc__)
    p.add_argument("--train", nargs="+", required=True, help="labelled images: folder, tar shards, timm data-set name")
    p.add_argument("--test", nargs="+", required=True, help="held-out labelled images")
    p.add_argument("--probes-only", action="store_true", help="leave out fine-tuning, which takes most of the time")
    p.add_argument("--threads", type=positive, default=1, help="CPU threads (default %(default)s, as for the records)")
    p.add_argument("--features", type=Path, default=FEATURES)
    p.add_argument("--records", type=Path, default=RECORDS)
    add_options(p, "--device")
    return run_command(p, argv, run)


if __name__ == "__main__":
    sys.exit(main())
