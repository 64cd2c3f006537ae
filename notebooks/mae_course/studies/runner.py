"""The frame of a study: its options, the list of what is done, and what is missing, measured and kept one by one."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from mae_lite.cli.frame import add_options, positive, run_command
from mae_lite.cli.records import append_record, differences, find_record, load_records


def study_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m mae_course.studies.NAME`."""
    return argparse.ArgumentParser(prog=f"python -m mae_course.studies.{name}", description=description)


def add_race_options(parser: argparse.ArgumentParser, records: Path) -> None:
    """Options of a study that trains one thing after the other on the same images."""
    name = parser.prog.rsplit(".", 1)[1]
    parser.add_argument("--list", action="store_true", help="show all of them with their state")
    add_options(parser, "--data")
    parser.add_argument("--test", nargs="+", help="images to measure on")
    parser.add_argument("--again", action="store_true", help="run even what has a record, and say if it is the same")
    parser.add_argument("--records", type=Path, default=records, help="file to append to (default %(default)s)")
    parser.add_argument("--runs", type=Path, default=Path("runs") / name, help="folder of the trainings")
    parser.add_argument("--threads", type=positive, help="CPU threads; the records of the CPU were made with 1")
    add_options(parser, "--device")


def run_race(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    states: Callable[[list[dict[str, Any]]], str],
    work: Callable[[argparse.Namespace], None],
) -> int:
    """Print what is done, if asked, or do the rest; returns the exit code."""

    def either(args: argparse.Namespace) -> None:
        if args.list:
            print(states(load_records(args.records)))
            return
        if not args.data or not args.test:
            raise ValueError("give --data and --test, or --list")
        if args.threads:
            torch.set_num_threads(args.threads)
        work(args)

    return run_command(parser, argv, either)


def record_once(
    args: argparse.Namespace,
    key: dict[str, Any],
    measure: Callable[[], dict[str, Any]],
    where: dict[str, Any],
    compared: tuple[str, ...],
) -> None:
    """Measure what has no record yet, and keep it; with --again measure it anyway, and say whether it is the same.

    Args:
        args: of `add_race_options`.
        key: what its record is found by, its name first, "seed" among it.
        measure: does it; returns its record, the key included.
        where: what goes into the record besides.
        compared: what must be the same in a second run.
    """
    known = find_record(args.records, **key)
    if known and not args.again:
        return
    found = measure()
    if known:
        name, *_ = key.values()
        print(f"{name}, seed {key['seed']}: {differences(known, found, compared)}", flush=True)
    else:
        append_record(args.records, found | where)
