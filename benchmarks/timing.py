"""Timing, printing and saving, the same for every benchmark."""

import argparse
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch
from torch.utils.benchmark import Timer

from mae_lite.device import device_name, pick_device


def measure(stmt: str, *, seconds: float = 3.0, **names) -> dict[str, float]:
    """Median and interquartile range of a statement, in milliseconds; the first call is a warm-up."""
    timer = Timer(stmt, globals=names, num_threads=torch.get_num_threads())
    timer.timeit(1)
    found = timer.blocked_autorange(min_run_time=seconds)
    return {"median_ms": 1000 * found.median, "iqr_ms": 1000 * found.iqr}


def main(rows: Callable[[], dict[str, dict[str, float]]], description: str) -> None:
    """The command line of a benchmark: measure, print, save."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="file to write the record to")
    args = parser.parse_args()
    record = {
        "machine": f"{device_name(pick_device())}, threads: {torch.get_num_threads()}",
        "date": date.today().isoformat(), "torch": torch.__version__, "rows": rows(),
    }  # fmt: skip
    print(f"{record['machine']}, torch {record['torch']}, {record['date']}; milliseconds")
    for name, row in record["rows"].items():
        others = "".join(f", {key} {value:.2f}" for key, value in row.items() if key not in ("median_ms", "iqr_ms"))
        print(f"{name:50} {row['median_ms']:9.1f}  (interquartile range {row['iqr_ms']:.1f}{others})")
    if args.json:
        Path(args.json).write_text(json.dumps(record, indent=1) + "\n")
