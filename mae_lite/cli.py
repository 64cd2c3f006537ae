"""python -m mae_lite: the package's work from a shell."""

import argparse
import os
import sys
from dataclasses import fields, replace

import torch
import torch.distributed as dist
from tqdm import tqdm

from mae_lite.config import PRESETS, MAEConfig
from mae_lite.data import ImageSource, LazyImages, load_images
from mae_lite.device import pick_device
from mae_lite.images import normalize
from mae_lite.mae import MAE
from mae_lite.pretrain import PretrainConfig, TrainingError, pretrain


def main(argv: list[str] | None = None) -> int:
    """Run one command; a user's mistake prints one sentence and returns 2."""
    parser = argparse.ArgumentParser(prog="python -m mae_lite", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add_pretrain(commands)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError, TrainingError) as error:
        print(f"mae_lite: {error}", file=sys.stderr)
        return 2
    return 0


def add_pretrain(commands) -> None:
    """Options of `pretrain`: the data, and every field of PretrainConfig and of MAEConfig that is a number."""
    p = commands.add_parser("pretrain", help="train a model on a folder, tar shards, or a timm data set")
    p.add_argument("--data", nargs="+", required=True, help="folder, tar shards (globs too), or timm data-set name")
    p.add_argument("--val", nargs="+", help="the same for validation")
    p.add_argument("--val-images", type=int, default=512, help="validation images to use, evenly spread")
    p.add_argument("--out", required=True, help="folder of the run")
    p.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    p.add_argument("--preset", default="nano", choices=PRESETS, help="model size")
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
        images, _, skipped = load_images(source, size)
        images = images.to(device)
    else:
        images, skipped = LazyImages(source, size), []
    val = None
    if args.val:
        val_source = ImageSource(args.val)
        chosen = range(0, len(val_source), max(1, len(val_source) // args.val_images))[: args.val_images]
        val, _, _ = load_images(val_source, model_cfg.img_size[0], chosen)
        val = normalize(val, model_cfg)
    torch.manual_seed(cfg.seed)
    model = MAE(model_cfg).to(device)
    total = cfg.epochs * (len(images) // cfg.batch_size)
    if first:
        for sentence in skipped:
            print(f"skipped {sentence}")
        params = sum(p.numel() for p in model.parameters())
        print(
            f"{params:,} parameters on {device}; {len(images):,} images ({len(skipped)} skipped); batch "
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
    if distributed:
        dist.destroy_process_group()
