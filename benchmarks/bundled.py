"""How long a user waits for the bundled models: `make bench`, or python benchmarks/bundled.py [--json FILE].

Medians and interquartile ranges by torch.utils.benchmark, on the device `load_model` chooses and torch's own number of
threads; the first call of each is a warm-up. What happens once in a session is timed in new processes, in turns:
importing, and the first picture or playground once torch is there.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from jupyter_client.manager import start_new_kernel
from timing import TURNS, main, measure, spread, take_turns

import mae_lite as ml
from mae_lite.device import pick_device
from mae_lite.weights.catalogue import bundled_models
from mae_lite.weights.checkpoints import DEFAULT_MODEL
from mae_lite.widgets import playground

PICTURE = """import time, torch
start = time.perf_counter()
import mae_lite as ml
model = ml.load_model()
image = ml.load_image(ml.asset_path("photos", "cat.jpg"), model)
ml.reconstruct(model, image, ml.random_mask(model.num_patches)).to_bytes()
print(time.perf_counter() - start)"""
"""The first picture, as a script makes it."""
PLAYGROUND = """import time
start = time.perf_counter()
from mae_lite.widgets import playground
playground()
print(time.perf_counter() - start)"""
"""The first playground of a notebook in which torch is imported already."""


def python(code: str) -> subprocess.CompletedProcess:
    """A new Python that runs some lines."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)


def in_kernel() -> float:
    """Seconds of PLAYGROUND in a new kernel."""
    manager, client = start_new_kernel()
    printed = []

    def hear(message: dict) -> None:
        printed.append(message["content"].get("text", ""))

    try:
        client.execute_interactive("import torch", output_hook=hear)
        client.execute_interactive(PLAYGROUND, output_hook=hear)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return float("".join(printed).split()[-1])


def starts() -> dict[str, dict[str, float]]:
    """What happens once in a session."""
    calls = {f"import {name}": lambda name=name: python(f"import {name}") for name in ("torch", "mae_lite")}
    table = take_turns(calls, torch.device("cpu"), turns=2 * TURNS)
    for name, seconds in (
        ("first picture after import torch", lambda: float(python(PICTURE).stdout)), ("first playground", in_kernel),
    ):  # fmt: skip
        table[name] = spread([1000 * seconds() for _ in range(TURNS)])
    return table


def moves(choose_threads: bool = True) -> dict[str, float]:
    """The playground's work in the kernel for one move of the slider: mask, reconstruction, metrics, JPEG."""
    shown, times = playground(), []
    if not choose_threads:
        shown._studio._threads = nullcontext
    n = len(shown.order)
    while sum(times) < 4000:
        step = len(times)
        shown._quiet = True  # as in a page: what changes is answered once
        shown.hidden, shown.seed = n * 3 // 4 - step % 5, step
        start = time.perf_counter()
        shown.refresh()
        times.append(1000 * (time.perf_counter() - start))
    return spread(times[3:])


@contextmanager
def busy() -> Iterator[None]:
    """Another program on every core but one."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range((os.cpu_count() or 1) - 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()


def rows(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Every measurement by name."""
    table = starts()
    for name in bundled_models():
        model = ml.load_model(name)
        image = ml.load_image(ml.asset_path("photos", "cat.jpg"), model)
        mask = ml.random_mask(model.num_patches)
        given = {"ml": ml, "name": name, "model": model, "image": image, "mask": mask, "torch": torch}
        table[f"{name}: load"] = measure("ml.load_model(name)", **given)
        table[f"{name}: forward"] = measure("with torch.inference_mode(): model(image, mask)", **given)
        models = {"reconstruct": model, "reconstruct, prepacked": ml.prepack(model)}
        calls = {
            f"{name}: {what}, with metrics": partial(ml.reconstruct, one, image, mask) for what, one in models.items()
        }
        table |= take_turns(calls, pick_device())
        if name == DEFAULT_MODEL:
            hidden = ml.pixel_mask(mask, model.cfg.grid_size, model.cfg.patch_size)
            table["harmonic fill of 112 x 112"] = measure(
                "ml.harmonic_fill(image, hidden)", ml=ml, image=image.cpu(), hidden=hidden
            )
    table["playground: a move, in the kernel"] = moves()
    with busy():
        table["playground: a move, one core free"] = moves()
        table["playground: a move, one core free, torch's own threads"] = moves(choose_threads=False)
    return table


if __name__ == "__main__":
    main(rows, __doc__)
