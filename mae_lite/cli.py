"""python -m mae_lite: the package's work from a shell."""

import argparse
import json
import os
import sys
from dataclasses import fields, replace
from pathlib import Path

import torch
import torch.distributed as dist
from tqdm import tqdm

from mae_lite.assets import asset_path
from mae_lite.catalogue import format_models, list_models
from mae_lite.checkpoints import DEFAULT_MODEL, load_model, save_model
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.data import ImageSource, LazyImages, load_images
from mae_lite.device import pick_device
from mae_lite.doctor import doctor
from mae_lite.evaluate import format_table, masked_errors, summarise
from mae_lite.figures import show_reconstruction
from mae_lite.images import load_image, normalize
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask, mask_from_grid
from mae_lite.pretrain import PretrainConfig, TrainingError, pretrain
from mae_lite.reconstruction import reconstruct

STRATEGIES = ("random", "block", "grid")


def main(argv: list[str] | None = None) -> int:
    """Run one command; a user's mistake prints one sentence and returns 2."""
    parser = argparse.ArgumentParser(prog="python -m mae_lite", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (add_reconstruct, add_models, add_evaluate, add_pretrain, add_doctor):
        add(commands)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError, TrainingError) as error:
        print(f"mae_lite: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mae_lite: stopped.", file=sys.stderr)
        return 130
    return 0


def add_model_and_mask(p: argparse.ArgumentParser) -> None:
    """Options that say which model, where it runs, and what it may see."""
    p.add_argument("--device", help="cuda, cpu or mps; by default cuda where there is one")
    p.add_argument("--mask-ratio", type=float, help="share of patches to hide (default: the ratio it was trained at)")
    p.add_argument("--strategy", default="random", choices=STRATEGIES, help="how to choose them (default random)")
    p.add_argument("--seed", type=int, default=0, help="which draw (default 0)")


def add_reconstruct(commands) -> None:
    """Options of `reconstruct`."""
    p = commands.add_parser("reconstruct", help="hide most of a photo, fill it in, save the picture")
    p.add_argument("photos", nargs="*", help="picture files, a row each (default: the bundled cat)")
    p.add_argument("--model", default=DEFAULT_MODEL, help="a name from `models`, or a path (default %(default)s)")
    add_model_and_mask(p)
    p.add_argument("--mask", help="a text file instead: a row of 0 and 1 for each row of patches, 1 = hidden")
    p.add_argument("--fit", default="crop", choices=("crop", "letterbox"), help="how the photo is made to fit")
    p.add_argument("--out", help="file to write (default out/FIRST_PHOTO.png)")
    p.set_defaults(run=run_reconstruct)


def run_reconstruct(args: argparse.Namespace) -> None:
    """Reconstruct photos; print what they show and where the picture is."""
    photos = [Path(photo) for photo in args.photos] or [asset_path("photos", "cat.jpg")]
    model = load_model(args.model).to(pick_device(args.device))
    mask = read_mask(args.mask) if args.mask else mask_of(args, model)
    shown = [reconstruct(model, load_image(photo, model, args.fit), mask) for photo in photos]
    out = Path(args.out) if args.out else Path("out", f"{photos[0].stem}.png")
    out.parent.mkdir(parents=True, exist_ok=True)
    show_reconstruction(shown).savefig(out, dpi=110)
    for photo, one in zip(photos, shown, strict=True):
        print(f"{args.model}, {photo.name}: {one.alt}")
    print(f"Saved {out}")


def mask_of(args: argparse.Namespace, model: MAE, batch_size: int = 1):
    """The mask that the options name."""
    ratio = model.cfg.mask_ratio if args.mask_ratio is None else args.mask_ratio
    return draw_mask(args.strategy, model.cfg.grid_size, ratio, batch_size=batch_size, seed=args.seed)


def read_mask(path: str):
    """A drawn mask from a text file of 0 and 1."""
    rows = [line.replace(" ", "") for line in Path(path).read_text().splitlines() if line.strip()]
    if len({len(row) for row in rows}) != 1 or set("".join(rows)) - {"0", "1"}:
        raise ValueError(f"{path}: a mask file has rows of equal length with only 0 and 1 in them (1 = hidden).")
    return mask_from_grid([[int(c) for c in row] for row in rows])


def add_models(commands) -> None:
    """`models` has no options."""
    p = commands.add_parser("models", help="list the models that can be loaded, with size and licence")
    p.set_defaults(run=lambda args: print(format_models(list_models())))


def add_doctor(commands) -> None:
    """`doctor` has no options."""
    p = commands.add_parser("doctor", help="check versions, device and bundled weights, and time a reconstruction")
    p.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace) -> None:
    """Print the report; raise if something is wrong."""
    report = doctor()
    print(report)
    if not report.endswith("all is well"):
        raise ValueError(report.splitlines()[-1])


def add_evaluate(commands) -> None:
    """Options of `evaluate`."""
    p = commands.add_parser("evaluate", help="masked error on a data set, beside three fills and an oracle")
    p.add_argument("model", nargs="?", default=DEFAULT_MODEL, help="a name from `models`, or a path")
    p.add_argument("--data", nargs="+", required=True, help="folder, tar shards (globs too), or timm data-set name")
    p.add_argument("--limit", type=int, help="use this many images, evenly spread (default all)")
    p.add_argument("--json", help="file to write the table to")
    add_model_and_mask(p)
    p.set_defaults(run=run_evaluate)


def run_evaluate(args: argparse.Namespace) -> None:
    """Print the table of errors; save it if asked."""
    model = load_model(args.model).to(pick_device(args.device))
    imgs = read_images(args.data, args.limit, model.cfg)
    ratio = model.cfg.mask_ratio if args.mask_ratio is None else args.mask_ratio
    table = summarise(masked_errors(model, imgs, ratio, strategy=args.strategy, seed=args.seed))
    print(f"{args.model} on {len(imgs):,} images, {ratio:.0%} masked ({args.strategy}, seed {args.seed})")
    print(format_table(table))
    if args.json:
        record = {
            "model": args.model, "data": [Path(d).name for d in args.data], "images": len(imgs),
            "mask_ratio": ratio, "strategy": args.strategy, "seed": args.seed, "table": table,
        }  # fmt: skip
        Path(args.json).write_text(json.dumps(record, indent=1) + "\n")


def read_images(data: list[str], limit: int | None, cfg: MAEConfig):
    """Pictures of a data set, evenly spread over it, as a model takes them."""
    source = ImageSource(data)
    chosen = range(len(source)) if limit is None else range(0, len(source), max(1, len(source) // limit))[:limit]
    imgs, _, skipped = load_images(source, cfg.img_size, chosen)
    for sentence in skipped:
        print(f"skipped {sentence}")
    return normalize(imgs, cfg)


def add_pretrain(commands) -> None:
    """Options of `pretrain`: the data, and every field of PretrainConfig and of MAEConfig that is a number."""
    p = commands.add_parser("pretrain", help="train a model on a folder, tar shards, or a timm data set")
    p.add_argument("--data", nargs="+", required=True, help="folder, tar shards (globs too), or timm data-set name")
    p.add_argument("--val", nargs="+", help="the same for validation")
    p.add_argument("--val-images", type=int, default=512, help="validation images to use, evenly spread")
    p.add_argument("--out", required=True, help="folder of the run")
    p.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    p.add_argument("--preset", default="nano", choices=PRESETS, help="model size")
    p.add_argument("--img-size", type=int, nargs="+", help="one side, or height and width (default: the preset's)")
    p.add_argument("--device", help="cuda, cpu or mps; by default cuda where there is one")
    p.add_argument("--store-size", type=int, help="side of the stored squares in pixels; 10/7 of the image by default")
    p.add_argument("--max-memory-gb", type=float, default=8.0, help="beyond it pictures are decoded when needed")
    for config in (PretrainConfig, MAEConfig):
        for field in fields(config):
            default = f" (default {field.default})" if config is PretrainConfig else " (default: the preset's)"
            if field.type is bool:
                kind = {"action": argparse.BooleanOptionalAction}
            elif field.type in (int, float, str):
                kind = {"type": field.type}
            else:
                continue
            p.add_argument(f"--{field.name.replace('_', '-')}", default=None, help=default.strip(), **kind)
    p.set_defaults(run=run_pretrain)


def run_pretrain(args: argparse.Namespace) -> None:
    """Read the data, build the model, train, report."""
    given = {k: v for k, v in vars(args).items() if v is not None}
    if args.img_size:
        given["img_size"] = tuple(args.img_size * 2)[:2]
    cfg = PretrainConfig(**{f.name: given[f.name] for f in fields(PretrainConfig) if f.name in given})
    model_cfg = replace(PRESETS[args.preset], **{f.name: given[f.name] for f in fields(MAEConfig) if f.name in given})
    distributed = int(os.environ.get("WORLD_SIZE", 1)) > 1
    device = pick_device(args.device)
    if distributed:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    first = not distributed or dist.get_rank() == 0
    source = ImageSource(args.data)
    size = args.store_size or max(model_cfg.img_size) * 10 // 7
    if len(source) * 3 * size * size <= args.max_memory_gb * 1e9:
        images, _, skipped = load_images(source, (size, size))
        images = images.to(device)
        where = f"in memory ({images.nbytes / 1e9:.2g} GB)"
    else:
        images, skipped = LazyImages(source, size), []
        where = f"decoded when needed (they exceed --max-memory-gb {args.max_memory_gb:g})"
    val = read_images(args.val, args.val_images, model_cfg) if args.val else None
    torch.manual_seed(cfg.seed)
    model = MAE(model_cfg).to(device)
    total = cfg.epochs * (len(images) // cfg.batch_size)
    if first:
        for sentence in skipped:
            print(f"skipped {sentence}")
        params = sum(p.numel() for p in model.parameters())
        print(
            f"{params:,} parameters on {device}; {len(images):,} images ({len(skipped)} skipped) {where}; batch "
            f"{cfg.batch_size}; lr {cfg.blr:g} x {cfg.batch_size} / 256 = {cfg.lr:g}, warm-up {cfg.warmup_epochs:g} of "
            f"{cfg.epochs} epochs; {total:,} steps",
            flush=True,
        )
    records = pretrain(model, images, cfg, args.out, val=val, resume=args.resume)
    with tqdm(total=total, disable=not first, mininterval=5) as bar:
        shown = {}
        for record in records:
            shown |= {k: f"{record[k]:.4f}" for k in ("loss", "val_loss") if k in record}
            bar.update(record["step"] - bar.n)
            bar.set_postfix(shown, refresh=False)
    if first and isinstance(images, LazyImages):
        for sentence in images.skipped:
            print(f"skipped {sentence}")
    if first:
        save_model(load_model(Path(args.out, "last.pt")), args.out)
        print(f"Saved {args.out}/model.safetensors; try: python -m mae_lite reconstruct --model {args.out}")
    if distributed:
        dist.barrier()  # one process that ends early makes the other's threads abort
        dist.destroy_process_group()
