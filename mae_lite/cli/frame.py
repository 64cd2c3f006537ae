"""What all commands share: options, pictures read for them, and mistakes told in one sentence."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from mae_lite.train.data import ImageSource, load_images
from mae_lite.train.log import TrainingError


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} must be at least 1")
    return number


def seed(text: str) -> int:
    """A number that a generator takes, for argparse."""
    if not 0 <= (number := int(text)) < 2**63:
        raise argparse.ArgumentTypeError(f"{number} must be at least 0 and below 2**63")
    return number


def file(text: str) -> Path:
    """Where a file can be written, for argparse: told before the work begins."""
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder; name a file in it")
    return Path(text)


OPTIONS: dict[str, dict[str, Any]] = {
    "--data": {"nargs": "+", "help": "images: folder, tar shards (globs too), or timm data-set name"},
    "--limit": {"type": positive, "help": "use this many images, evenly spread (default all)"},
    "--seed": {"type": seed, "default": 0, "help": "which draw (default 0)"},
    "--json": {"type": file, "help": "file to write the record to"},
    "--device": {"help": "cuda, cpu or mps; by default cuda where there is one"},
}
"""Options that several commands have."""


def add_options(parser: argparse.ArgumentParser, *names: str, **changes: Any) -> None:
    """Some of OPTIONS; `changes` are of all that are named."""
    for name in names:
        parser.add_argument(name, **OPTIONS[name] | changes)


def run_command(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, work: Callable[[argparse.Namespace], object]
) -> int:
    """Run a command and return its exit code; a user's mistake is one sentence, and 2."""
    args, name = parser.parse_args(argv), parser.prog.split()[-1]
    try:
        work(args)
    except (ValueError, OSError, TrainingError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except (MemoryError, torch.OutOfMemoryError):
        print(f"{name}: not enough memory; use a smaller --batch-size, --limit or model.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: stopped.", file=sys.stderr)
        return 130
    return 0


def evenly(source: ImageSource, limit: int | None) -> list[int]:
    """Numbers of at most `limit` pictures, evenly spread."""
    return [*range(0, len(source), max(1, len(source) // (limit or len(source))))][:limit]


def read_images(
    source: ImageSource, indices: Sequence[int] | None, size: tuple[int, int]
) -> tuple[UInt8[Tensor, "n 3 h w"], Int[Tensor, " n"]]:
    """Pictures as bytes and their classes, -1 for none; says which could not be read."""
    imgs, labels, skipped = load_images(source, size, indices)
    for sentence in skipped:
        print(f"skipped {sentence}")
    return imgs, labels


def read_labelled(
    source: ImageSource, indices: Sequence[int] | None, size: tuple[int, int]
) -> tuple[UInt8[Tensor, "n 3 h w"], Int[Tensor, " n"]]:
    """As `read_images`, where every picture has a class.

    Raises:
        ValueError: if one has no class, or none could be read.
    """
    imgs, labels = read_images(source, indices, size)
    if labels.min() < 0:
        raise ValueError(
            f"{int((labels < 0).sum())} of {len(labels)} pictures have no class; put them into one sub-folder a class, "
            "or give tar shards with a KEY.cls beside each picture."
        )
    return imgs, labels
