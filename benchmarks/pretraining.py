"""How fast `pretrain` is from JPEG files to weights: python benchmarks/pretraining.py [--json FILE] [--preset mini].

Its rival is the loop that most projects have: the same model, masks, loss, clipping and optimiser, fed by a torch
DataLoader with as many workers as there are cores, whose PIL transforms decode, crop, flip and normalise (Table 8). The
pictures are crops of the bundled photos, stored as JPEG files of 224 x 224 pixels in a tar shard. "data alone" is the
loader or reader without a model, "model alone" steps on one batch.

With two processes under torchrun on a CPU, each has one thread: what a core gains, with gradients averaged by gloo.
"""

import argparse
import io
import itertools
import math
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import torch
from timing import in_turns, main
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from mae_lite.config import PRESETS, MAEConfig
from mae_lite.device import has_bf16, pick_device, training_autocast
from mae_lite.images import normalize, open_image
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.train.augment import augment
from mae_lite.train.data import ImageSource, LazyImages, load_images
from mae_lite.train.pretrain import batch_indices, pretrain
from mae_lite.train.recipe import PretrainConfig, make_optimizers
from mae_lite.weights.assets import list_photos

PICTURES = 512
SIDE = 224
WARM_UP, STEPS = 5, 10
"""Steps before the clock counts, more than a loader has at hand, and steps that count."""


def write_shard(path: Path) -> None:
    """Crops of the bundled photos, a different one each, as KEY.jpg in a tar."""
    photos = [open_image(photo) for photo in list_photos()]
    crop = transforms.RandomResizedCrop(SIDE, scale=(0.05, 1.0))
    torch.manual_seed(0)
    with tarfile.open(path, "w") as tar:
        for k in range(PICTURES):
            file = io.BytesIO()
            crop(photos[k % len(photos)]).save(file, "jpeg", quality=90)
            entry = tarfile.TarInfo(f"{k:05}.jpg")
            entry.size = file.tell()
            file.seek(0)
            tar.addfile(entry, file)


class Pictures(Dataset):
    """The shard as torch's loaders take it."""

    def __init__(self, source: ImageSource, cfg: MAEConfig, plan: PretrainConfig):
        self.source = source
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(cfg.img_size, (plan.min_scale, 1.0), interpolation=3),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(cfg.mean, cfg.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.transform(self.source.open(i))


def loader(source: ImageSource, cfg: MAEConfig, plan: PretrainConfig) -> Iterator[torch.Tensor]:
    """Batches without end."""
    workers = len(os.sched_getaffinity(0))
    batches = DataLoader(
        Pictures(source, cfg, plan), plan.batch_size, shuffle=True, drop_last=True, num_workers=workers,
        persistent_workers=True, pin_memory=torch.cuda.is_available(),
    )  # fmt: skip
    while True:
        yield from batches


def plain_loop(model: MAE, batches: Iterator[torch.Tensor], plan: PretrainConfig) -> Iterator[None]:
    """The usual loop, a step each time."""
    device, optimizers = next(model.parameters()).device, make_optimizers(model, plan)
    for imgs in batches:
        imgs = imgs.to(device, non_blocking=True)
        mask = random_mask(model.num_patches, model.cfg.mask_ratio, batch_size=len(imgs))
        with training_autocast(device, plan.precision):
            loss = model(imgs, mask).loss
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), plan.clip_grad)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if not math.isfinite(loss.item()):
            raise SystemExit("The loss is not finite.")
        yield


def ours(cfg: MAEConfig, images, plan: PretrainConfig, folder: Path) -> Iterator[dict]:
    """`pretrain` itself, with its checkpoints and film."""
    torch.manual_seed(0)
    out = Path(tempfile.mkdtemp(dir=folder))
    return pretrain(MAE(cfg).to(pick_device()), images, plan, out)


def rate(steps: Iterator, batch_size: int, warm_up: int = WARM_UP) -> float:
    """Images a second over all steps that count, since a step that finds its batch ready lives on those before it."""
    for _ in range(warm_up):
        next(steps)
    start = time.perf_counter()
    for _ in range(STEPS):
        next(steps)
    return STEPS * batch_size / (time.perf_counter() - start)


def rates(loops: Mapping[str, Iterator], batch_size: int) -> dict[str, dict[str, float]]:
    """Images a second of each loop: the median of its turns, the lowest and the highest."""
    found = in_turns({name: partial(rate, steps, batch_size) for name, steps in loops.items()})
    table = {
        name: {"images_s": median(turns), "low_images_s": min(turns), "high_images_s": max(turns)}
        for name, turns in found.items()
    }
    for name, row in table.items():
        print(name, row, flush=True)
    return table


def rows(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The loops in turns, then what they consist of, then two processes."""
    cfg, device = PRESETS[args.preset], pick_device()
    with tempfile.TemporaryDirectory(prefix="mae-lite-") as name:
        folder = Path(name)
        write_shard(folder / "0.tar")
        source, side = ImageSource(folder / "0.tar"), max(cfg.img_size) * 10 // 7
        start = time.perf_counter()
        stored = load_images(source, (side, side))[0]
        table = {"reading into memory, once": {"images_s": len(stored) / (time.perf_counter() - start)}}
        stored = stored.to(device)
        plan = PretrainConfig(epochs=10**6, batch_size=args.batch_size, warmup_epochs=0.0, save_minutes=1e9, blr=1e-5)
        batch = next(crops(stored, cfg, plan))
        for precision in ("fp32", "bf16") if has_bf16(device) else ("fp32",):
            one = replace(plan, precision=precision)
            loops = {
                "DataLoader loop": plain_loop(MAE(cfg).to(device), loader(source, cfg, one), one),
                "pretrain, in memory": ours(cfg, stored, one, folder),
                "pretrain, decoded when needed": ours(cfg, LazyImages(source, side), one, folder),
                "pretrain, in memory, compiled": ours(cfg, stored, replace(one, compile=True), folder),
                "model alone": plain_loop(MAE(cfg).to(device), itertools.repeat(batch), one),
            }
            table |= rates({f"{precision}, {name}": loop for name, loop in loops.items()}, plan.batch_size)
        data = {
            "DataLoader": loader(source, cfg, plan),
            "in memory": crops(stored, cfg, plan),
            "decoded when needed": read(LazyImages(source, side), plan),
        }
        table |= rates({f"data alone, {name}": batches for name, batches in data.items()}, plan.batch_size)
        if device.type == "cpu":
            table |= {f"torchrun, {n} processes of 1 thread": torchrun(folder, n, args) for n in (1, 2)}
    return table


def read(images: LazyImages, plan: PretrainConfig) -> Iterator[torch.Tensor]:
    """Batches as `pretrain` asks for them, the next one ahead."""
    for step in itertools.count():
        for ahead in (step, step + 1):
            images.prefetch(batch_indices(ahead, len(images), plan))
        yield images[batch_indices(step, len(images), plan)]


def crops(stored: torch.Tensor, cfg: MAEConfig, plan: PretrainConfig) -> Iterator[torch.Tensor]:
    """Batches cropped on the device from what is in memory."""
    for step in itertools.count():
        generator = torch.Generator(stored.device).manual_seed(step)
        pixels = stored[batch_indices(step, len(stored), plan)]
        yield normalize(augment(pixels, cfg.img_size, generator, min_scale=plan.min_scale), cfg)


def torchrun(folder: Path, processes: int, args: argparse.Namespace) -> dict[str, float]:
    """The command line itself: images a second from the second row of history.csv on."""
    out = folder / f"torchrun-{processes}"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command += ["-m", "mae_lite", "pretrain", "--data", str(folder / "0.tar"), "--out", str(out), "--log-every", "4"]
    command += ["--preset", args.preset, "--batch-size", str(args.batch_size), "--epochs", "3", "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = (out / "history.csv").read_text().splitlines()
    at = [(int(row.split(",")[0]), float(row.split(",")[-1])) for row in lines[1:]]
    (first, began), (last, ended) = at[0], at[-1]
    return {"images_s": (last - first) * args.batch_size / (ended - began)}


def options(parser: argparse.ArgumentParser) -> None:
    """What to train."""
    parser.add_argument("--preset", default="mini", choices=PRESETS)
    parser.add_argument("--batch-size", type=int, default=64)


if __name__ == "__main__":
    main(rows, __doc__, options)
