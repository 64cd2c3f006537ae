"""python -m mae_lite pretrain."""

import argparse
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from tqdm import tqdm

from mae_lite.cli.frame import add_options, evenly, positive, read_images
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.device import pick_device
from mae_lite.images import normalize
from mae_lite.mae import MAE
from mae_lite.train.data import ImageSource, LazyImages, load_images
from mae_lite.train.pretrain import PretrainConfig, pretrain
from mae_lite.train.warm_start import warm_start
from mae_lite.weights.checkpoints import load_model, save_model


def add_pretrain(commands: argparse._SubParsersAction) -> None:
    """Options of `pretrain`: the data, and every field of PretrainConfig and of MAEConfig that is a number."""
    p = commands.add_parser("pretrain", help="train a model on a folder, tar shards, or a timm data set")
    add_options(p, "--data", required=True)
    add_options(p, "--device")
    p.add_argument("--val", nargs="+", help="the same for validation")
    p.add_argument("--val-images", type=positive, default=512, help="validation images to use, evenly spread")
    p.add_argument("--out", required=True, help="folder of the run")
    p.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    p.add_argument("--preset", default="nano", choices=PRESETS, help="model size")
    p.add_argument("--init", help="model to start from (name or path): of the same sizes, or shallower")
    p.add_argument("--img-size", type=int, nargs="+", help="one side, or height and width (default: the preset's)")
    p.add_argument(
        "--store-size", type=positive, help="side of the stored squares in pixels; 10/7 of the image by default"
    )
    p.add_argument("--max-memory-gb", type=float, default=8.0, help="beyond it pictures are decoded when needed")
    for config in (PretrainConfig, MAEConfig):
        for field in fields(config):
            default = (
                f" (default {'epochs / 20' if field.default is None else field.default})"
                if config is PretrainConfig
                else " (default: the preset's)"
            )
            if field.name == "in_chans":  # pictures are read as RGB; other channels are for Python
                continue
            kind: dict[str, Any]
            if field.type is bool:
                kind = {"action": argparse.BooleanOptionalAction}
            elif field.type in (int, float, str, float | None):
                kind = {"type": float if field.type == float | None else field.type}
            else:
                continue
            p.add_argument(f"--{field.name.replace('_', '-')}", default=None, help=default.strip(), **kind)
    p.set_defaults(run=run_pretrain)


def run_pretrain(args: argparse.Namespace) -> None:
    """Read the data, build the model, train, report."""
    given = {k: v for k, v in vars(args).items() if v is not None}
    if args.img_size:
        if len(args.img_size) > 2:
            raise ValueError(f"--img-size takes one side, or height and width, not {len(args.img_size)} numbers.")
        given["img_size"] = tuple(args.img_size * 2)[:2]
    cfg = PretrainConfig(**{f.name: given[f.name] for f in fields(PretrainConfig) if f.name in given})
    model_cfg = replace(PRESETS[args.preset], **{f.name: given[f.name] for f in fields(MAEConfig) if f.name in given})
    images: torch.Tensor | LazyImages
    size = args.store_size or max(model_cfg.img_size) * 10 // 7
    if size < max(model_cfg.img_size):
        raise ValueError(f"--store-size {size} must be at least the image's larger side, {max(model_cfg.img_size)}.")
    distributed = int(os.environ.get("WORLD_SIZE", 1)) > 1
    device = pick_device(args.device)
    if distributed:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    first = not distributed or dist.get_rank() == 0
    source = ImageSource(args.data)
    if len(source) * 3 * size * size <= args.max_memory_gb * 1e9:
        images, _, skipped = load_images(source, (size, size))
        images = images.to(device)
        where = f"in memory ({images.nbytes / 1e9:.2g} GB)"
    else:
        images, skipped = LazyImages(source, size), []
        where = f"decoded when needed (they exceed --max-memory-gb {args.max_memory_gb:g})"
    val = None
    if args.val:
        held_out = ImageSource(args.val)
        val = normalize(read_images(held_out, evenly(held_out, args.val_images), model_cfg.img_size)[0], model_cfg)
    torch.manual_seed(cfg.seed)
    model = warm_start(load_model(args.init, device="cpu"), model_cfg) if args.init else MAE(model_cfg)
    model = model.to(device)
    total = cfg.epochs * (len(images) // cfg.batch_size)
    if first:
        for sentence in skipped:
            print(f"skipped {sentence}")
        params = sum(p.numel() for p in model.parameters())
        print(
            f"{params:,} parameters on {device}; {len(images):,} images ({len(skipped)} skipped) {where}; batch "
            f"{cfg.batch_size}; lr {cfg.blr:g} x {cfg.batch_size} / 256 = {cfg.lr:g}, warm-up {cfg.warmup:g} of "
            f"{cfg.epochs} epochs; {total:,} steps",
            flush=True,
        )
    records = pretrain(model, images, cfg, args.out, val=val, resume=args.resume)
    with tqdm(total=total, disable=not first, mininterval=5) as bar:
        shown: dict[str, str] = {}
        for record in records:
            shown |= {k: f"{record[k]:.4f}" for k in ("loss", "val_loss") if k in record}
            bar.update(record["step"] - bar.n)
            bar.set_postfix(shown, refresh=False)
    if first and isinstance(images, LazyImages):
        for sentence in images.skipped:
            print(f"skipped {sentence}")
    if first:
        save_model(load_model(Path(args.out, "last.pt"), device="cpu"), args.out)
        print(f"Saved {args.out}/model.safetensors; try: python -m mae_lite reconstruct --model {args.out}")
    if distributed:
        dist.barrier()  # one process that ends early makes the other's threads abort
        dist.destroy_process_group()
