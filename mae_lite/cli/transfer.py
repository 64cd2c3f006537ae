"""python -m mae_lite transfer."""

import argparse
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from tqdm import tqdm

from mae_lite.cli.frame import add_options, evenly, positive, read_labelled, seed
from mae_lite.cli.records import circumstances, write_record
from mae_lite.encoder import MAEEncoder
from mae_lite.measure.attention import untrained
from mae_lite.measure.features import POOLS, extract_features, pixel_features
from mae_lite.measure.probes import accuracy, knn_predict, linear_probe, ridge_probe, some_labels
from mae_lite.measure.table import text_table
from mae_lite.train.classifier import check_blocks
from mae_lite.train.data import ImageSource, load_images
from mae_lite.train.recipe import FinetuneConfig
from mae_lite.weights.assets import user_path
from mae_lite.weights.checkpoints import DEFAULT_MODEL, load_encoder

HELD_OUT = 5
"""Without --test every fifth image of a class is held out."""
TITLES = {"knn": "kNN", "linear": "linear probe", "ridge": "ridge probe", "finetune": "fine-tuned"}


def add_transfer(commands: argparse._SubParsersAction) -> None:
    """Options of `transfer`: the data, the probes, and every field of FinetuneConfig."""
    p = commands.add_parser("transfer", help="what an encoder's features are worth for classes, beside controls")
    p.add_argument("model", nargs="?", default=DEFAULT_MODEL, help="a name from `models`, with decoder or not; a path")
    add_options(p, "--data", required=True, help="labelled images: folder, tar shards, timm data-set name")
    p.add_argument("--test", nargs="+", help="held-out ones (default: a fifth of --data, drawn by the seed)")
    add_options(p, "--limit", "--json", "--device")
    p.add_argument("--labels", type=float, default=1.0, help="share of the training labels to use (default 1)")
    p.add_argument("--img-size", type=positive, help="side in pixels to use the weights at (default: their own)")
    p.add_argument("--k", type=positive, default=20, help="neighbours that vote (default 20)")
    p.add_argument("--finetune", action="store_true", help="fine-tune too, and train from scratch beside it")
    for field in fields(FinetuneConfig):
        kind = field.type if field.type in (int, float, str) else float
        options: dict[str, Any] = {"type": seed} if field.name == "seed" else {"type": kind}
        options |= {"choices": POOLS} if field.name == "pool" else {}
        note = {"pool": "features of", "seed": "which draw", "blocks": "tune this many of the last blocks, or 0.5"}
        text = f"{note.get(field.name, 'fine-tuning')} (default {field.default})"
        p.add_argument(f"--{field.name.replace('_', '-')}", default=field.default, help=text, **options)
    p.set_defaults(run=run_transfer)


def run_transfer(args: argparse.Namespace) -> None:
    """Probe, fine-tune if asked, print a table, save the record if asked."""
    plan = FinetuneConfig(**{field.name: getattr(args, field.name) for field in fields(FinetuneConfig)})
    size = (args.img_size, args.img_size) if args.img_size else None
    encoder = load_encoder(args.model, img_size=size, device=args.device)
    check_blocks(args.blocks, encoder.cfg.depth)
    train, test = splits(args)
    imgs, labels = read_labelled(*train, encoder.cfg.img_size)
    test_imgs, test_labels = read_labelled(*test, encoder.cfg.img_size)
    few = some_labels(labels, args.labels, seed=args.seed)
    check_classes(labels[few], test_labels, args)
    control = untrained(encoder, args.seed).encoder
    print(
        f"{args.model} at {encoder.cfg.img_size[0]}x{encoder.cfg.img_size[1]} pixels ({args.pool} features): "
        f"{len(few):,} labelled images, {len(test_labels):,} held out, {len(labels[few].unique())} classes"
    )
    table = {}
    for name, model in ((args.model, encoder), ("untrained", control), ("raw pixels", None)):
        parts = [features_of(model, x, args.pool) for x in (imgs[few], test_imgs)]
        table[name] = probe(parts[0], labels[few], parts[1], test_labels, args.k)
    if args.finetune:
        height, width = encoder.cfg.img_size
        stored = height * 10 // 7, width * 10 // 7
        squares = load_images(train[0], stored, train[1])[0][few]  # larger, to crop from
        for name, model, one in (
            (args.model, encoder, plan),
            ("untrained", control, replace(plan, blocks=None, layer_decay=1.0)),
        ):
            table[name]["finetune"] = tune(model, squares, labels[few], test_imgs, test_labels, one, name)
    print(format_table(table))
    if args.finetune:
        blocks = "all" if plan.blocks is None else f"{plan.blocks:g}"
        print(f"Fine-tuned: {blocks} blocks, {plan.epochs} epochs; untrained: all blocks, from scratch, same epochs.")
    if args.json:
        save_record(args, plan, encoder, len(few), len(test_labels), table)


def splits(args: argparse.Namespace) -> tuple[tuple[ImageSource, list[int]], tuple[ImageSource, list[int]]]:
    """Which pictures to learn from and which to hold out."""
    source = ImageSource(args.data)
    chosen = evenly(source, args.limit)
    if args.test:
        held_out = ImageSource(args.test)
        return (source, chosen), (held_out, evenly(held_out, args.limit))
    classes = torch.tensor([source.items[i][2] for i in chosen])
    apart = set(some_labels(classes, 1 / HELD_OUT, seed=args.seed).tolist())
    parts = [[i for k, i in enumerate(chosen) if (k in apart) is held] for held in (False, True)]
    return (source, parts[0]), (source, parts[1])


def check_classes(labels: Int[Tensor, " n"], test_labels: Int[Tensor, " m"], args: argparse.Namespace) -> None:
    """Classes are numbered by the names of sub-folders: both sets must have the same ones."""
    folders = [user_path(sources[0]) for sources in (args.data, args.test or args.data)]
    names = [sorted(p.name for p in folder.iterdir() if p.is_dir()) for folder in folders if folder.is_dir()]
    unknown = set(test_labels.tolist()) - set(labels.tolist())
    if unknown or (len(names) == 2 and names[0] != names[1]):
        raise ValueError(
            f"The training images have {len(labels.unique())} classes and the held-out ones {len(test_labels.unique())}"
            ", not the same; give both the same sub-folders, one a class."
        )


def features_of(encoder: MAEEncoder | None, imgs: UInt8[Tensor, "b c h w"], pool: str) -> Float[Tensor, "b d"]:
    """An encoder's features with a bar, or the pixels' where there is none."""
    if encoder is None:
        return pixel_features(imgs)
    parts = tqdm(imgs.split(64), unit="batch", desc="features", mininterval=1, leave=False)
    return torch.cat([extract_features(encoder, part, pool=pool) for part in parts])


def probe(train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, k: int) -> dict[str, float]:
    """Accuracy of each probe."""
    found = {"knn": knn_predict(train, labels, test, k=min(k, len(train)))}
    found |= {"linear": linear_probe(train, labels, test), "ridge": ridge_probe(train, labels, test)}
    return {name: accuracy(predicted, test_labels) for name, predicted in found.items()}


def tune(
    model: MAEEncoder,
    imgs: UInt8[Tensor, "n c s s2"],
    labels: Int[Tensor, " n"],
    test_imgs: UInt8[Tensor, "m c h w"],
    test_labels: Int[Tensor, " m"],
    plan: FinetuneConfig,
    name: str,
) -> float:
    """Accuracy after the last epoch, with a bar."""
    from mae_lite.train.finetune import finetune  # timm takes seconds to import

    with tqdm(total=plan.epochs, unit="epoch", desc=name, leave=False) as bar:
        for record in finetune(model, imgs, labels, test_imgs, test_labels, plan):
            bar.update()
            bar.set_postfix(accuracy=f"{record['accuracy']:.3f}")
    return record["accuracy"]


def format_table(table: dict[str, dict[str, float]]) -> str:
    """Accuracies as lines of text, a row for each kind of features."""
    columns = list(next(iter(table.values())))
    rows = [(name, *(f"{100 * row[c]:.1f} %" if c in row else "-" for c in columns)) for name, row in table.items()]
    return text_table([("", *(TITLES[column] for column in columns)), *rows])


def save_record(
    args: argparse.Namespace, plan: FinetuneConfig, encoder: MAEEncoder, train: int, test: int, table: dict
) -> None:
    """Write what was measured, and how."""
    record = {"model": args.model, "data": [Path(d).name or d for d in args.data]}
    record |= {"test": [Path(d).name or d for d in args.test] if args.test else f"1 of {HELD_OUT} of data"}
    record |= {"train_images": train, "test_images": test, "limit": args.limit, "labels": args.labels, "k": args.k}
    record |= {"img_size": encoder.cfg.img_size, "pool": args.pool, "seed": args.seed}
    record |= circumstances(encoder.cls_token.device) | {"plan": asdict(plan) if args.finetune else None}
    write_record(args.json, record | {"table": table})
