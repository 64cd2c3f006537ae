"""Timing, taking turns, printing and saving, the same for every benchmark."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import TypeVar

import torch
from table import machine
from torch.utils.benchmark import Timer

from mae_lite.cli.frame import add_options
from mae_lite.cli.records import circumstances, write_record
from mae_lite.device import pick_device
from mae_lite.measure.table import text_table

T = TypeVar("T")
TURNS = 3
"""Times that all who are compared take their turn."""


def measure(stmt: str, *, seconds: float = 3.0, **names) -> dict[str, float]:
    """Median and interquartile range of a statement, in milliseconds; the first call is a warm-up."""
    timer = Timer(stmt, globals=names, num_threads=torch.get_num_threads())
    timer.timeit(1)
    found = timer.blocked_autorange(min_run_time=seconds)
    return {"median_ms": 1000 * found.median, "iqr_ms": 1000 * found.iqr}


def take_turns(
    calls: Mapping[str, Callable[[], object]],
    device: torch.device,
    *,
    turns: int = TURNS,
    seconds: float = 1.0,
) -> dict[str, dict[str, float]]:
    """All calls one after the other, again and again, so that what else the machine does slows all alike.

    Returns:
        For each the median of its turns' medians, and the lowest and highest of them, in milliseconds.
    """
    sync = getattr(torch, device.type).synchronize

    def milliseconds(call: Callable[[], object]) -> float:
        return measure("call(); sync()", seconds=seconds, call=call, sync=sync)["median_ms"]

    found = in_turns({name: partial(milliseconds, call) for name, call in calls.items()}, turns)
    return {name: spread(times) for name, times in found.items()}


def in_turns(measurements: Mapping[str, Callable[[], T]], turns: int = TURNS) -> dict[str, list[T]]:
    """What each measured at each of its turns."""
    found = {name: [] for name in measurements}
    for _ in range(turns):
        for name, take in measurements.items():
            found[name].append(take())
    return found


def spread(milliseconds: Sequence[float]) -> dict[str, float]:
    """The row of times measured one by one."""
    return {"median_ms": median(milliseconds), "low_ms": min(milliseconds), "high_ms": max(milliseconds)}


def matmul_rate(device: torch.device, dtype: torch.dtype = torch.float32) -> float:
    """Floating-point operations a second of a large matrix product as torch does it."""
    a = torch.randn(2048, 2048, device=device, dtype=dtype)
    found = take_turns({"product": lambda: a @ a}, device, turns=1, seconds=2)
    return 2 * 2048**3 / (found["product"]["median_ms"] / 1000)


def main(
    rows: Callable[[argparse.Namespace], dict[str, dict[str, float]]],
    description: str,
    options: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
    device: torch.device | None = None,
) -> None:
    """The command line of a benchmark: measure, print, save. The device is the one that it uses, the best if None."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, "--json")
    options(parser)
    args = parser.parse_args()
    where = circumstances(device or pick_device())
    record = {
        "machine": f"{where['device']}, threads: {where['threads']}", "date": where["date"],
        "torch": where["versions"]["torch"], "rows": rows(args),
    }  # fmt: skip
    print(machine(record))
    shown = {
        name: ", ".join(f"{key} {value:.4g}" for key, value in row.items()) for name, row in record["rows"].items()
    }
    print(text_table(shown.items(), "<"))
    if args.json:
        write_record(args.json, record)
