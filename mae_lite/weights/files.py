"""What a file of weights holds, as tensors, never as code."""

import argparse
import pickle
import re
import struct
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from mae_lite.weights.catalogue import CheckpointError

_DAMAGED = (
    SafetensorError, RuntimeError, OSError, EOFError, ValueError, LookupError, AssertionError, AttributeError,
    TypeError, ArithmeticError, MemoryError, struct.error,
)  # fmt: skip
"""What safetensors and torch raise on damaged files."""


def read_file(path: Path) -> Any:
    """What a .safetensors, .pth, .pt or .bin file holds, on the CPU; recognised by its first bytes, never run as code.

    Raises:
        CheckpointError: if it is something else, or damaged; the message says which.
    """
    with path.open("rb") as file:
        head = file.read(64)
    start = head.lstrip().lower()
    if not head:
        raise CheckpointError(f"{path} is empty; download it again.")
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CheckpointError(f"{path} is a web page, not weights; download the file itself, not the page about it.")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not weights; run git lfs pull, or download the file itself."
        )
    try:
        if head[8:9] == b"{":
            return load_file(path)
        # FAIR's training script keeps its options in a Namespace. A file object: torch would go by the path's suffix.
        allowed = torch.serialization.safe_globals([argparse.Namespace])
        with allowed, warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # torch's remarks on odd pickles
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if code := re.search(r"GLOBAL (\S+)", str(error)):
            raise CheckpointError(
                f"{path} holds Python objects ({code[1]}), which are refused because they can run code; where it comes "
                'from, save the tensors alone: torch.save({"model": model.state_dict()}, path).'
            ) from error
        raise CheckpointError(f"{path} is no checkpoint, or damaged; use a .safetensors or a PyTorch file.") from error
    except _DAMAGED as error:
        raise CheckpointError(
            f"{path} is cut short, damaged or no checkpoint; if it was downloaded, download it again."
        ) from error
