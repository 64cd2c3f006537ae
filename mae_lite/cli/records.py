"""What commands keep of what they measured, with where and when: a JSON file, or one JSON object a line."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from mae_lite.device import device_name

ROOT = Path(__file__).parents[2]
"""The folder of the project, where it is installed as it is edited."""


def circumstances(device: torch.device) -> dict[str, Any]:
    """Device, threads, versions, date, and the commit where there is one."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    known = (ROOT / ".git").exists() and shutil.which("git")
    git = known and subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "timm": version("timm")},
        "date": datetime.now(timezone.utc).date().isoformat(),
        "commit": (git and git.stdout.strip()) or None,
    }


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write a file that holds one record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Add a line to a file of records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def load_records(path: Path, *keys: str) -> list[dict[str, Any]]:
    """All records of a file, the oldest first; none if it is not there.

    Args:
        path: of the file, one JSON object a line.
        keys: what every record must have.

    Raises:
        ValueError: if a line is not such a record.
    """
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else [], 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            record = None
        if not isinstance(record, dict) or not record.keys() >= {*keys}:
            what = f"a record with {' and '.join(keys)}" if keys else "a record"
            raise ValueError(f"Line {number} of {path} is not {what}; delete it and run that again.")
        records.append(record)
    return records


def last_of(records: Iterable[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """Of records with the same values of these keys the last."""
    return [*{tuple(record[key] for key in keys): record for record in records}.values()]


def find_record(path: Path, **key: Any) -> dict[str, Any] | None:
    """The newest record with these values."""
    found = [record for record in load_records(path) if record | key == record]
    return found[-1] if found else None


def differences(old: dict[str, Any], new: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Whether a second run measured what the first did."""
    changed = [f"{key} was {old[key]}, now {new[key]}" for key in keys if old[key] != new[key]]
    return "; ".join(changed) or "the same numbers again, bit for bit"
