"""Where the studies keep what they measured: one JSON object a line, with where and when."""

import json
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import timm
import torch

from mae_lite.device import device_name


def circumstances(device: torch.device) -> dict[str, Any]:
    """Device, threads, versions, date, and the commit where there is one."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    git = shutil.which("git") and subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "timm": timm.__version__},
        "date": datetime.now(timezone.utc).date().isoformat(),
        "commit": (git and git.stdout.strip()) or None,
    }


def load_records(path: Path) -> list[dict[str, Any]]:
    """All records of a file, the oldest first; none if it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def find_record(path: Path, **key: Any) -> dict[str, Any] | None:
    """The newest record with these values."""
    found = [record for record in load_records(path) if record | key == record]
    return found[-1] if found else None


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Add a line to a file of records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def compare(old: dict[str, Any], new: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Whether a second run measured what the first did."""
    changed = [f"{key} was {old[key]}, now {new[key]}" for key in keys if old[key] != new[key]]
    return "; ".join(changed) or "the same numbers again, bit for bit"
