"""Does it work here? Versions, device, disk, cache, widgets, bundled weights, speed; and what to do if not."""

import json
import os
import platform
import re
import shutil
import sys
import webbrowser
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

import torch

from mae_lite.device import pick_device
from mae_lite.images import load_image
from mae_lite.masking import random_mask
from mae_lite.measure.cost import median_seconds
from mae_lite.measure.reconstruct import reconstruct
from mae_lite.weights.assets import asset_path, user_path
from mae_lite.weights.catalogue import bundled_models, cache_folder
from mae_lite.weights.checkpoints import DEFAULT_MODEL, golden_value, load_model

PACKAGES = ("mae-lite", "torch", "timm", "jupyterlab", "ipywidgets", "anywidget", "matplotlib", "numpy", "pillow")
EXTENSIONS = {"ipywidgets": "@jupyter-widgets/jupyterlab-manager", "anywidget": "anywidget"}
"""What JupyterLab must have to show a widget, by the package that it belongs to."""
TOLERANCE = 1e-2
"""Largest relative difference of a golden value: other kernels and TF32 stay below it, wrong weights do not."""
ROOM_GB = 1.0
"""Less room than this is worth a remark."""
OK, NOTE, WRONG = "ok", "note", "WRONG"


class Line(NamedTuple):
    """One line of the report."""

    state: str
    """OK; NOTE: it works, but not everything or not as fast as it could; or WRONG."""
    text: str
    """What was found, and what to do unless all is well."""
    name: str = ""
    """Of what is wrong."""


def doctor() -> str:
    """A report, a line for each thing that can be wrong; its last line is "all is well", or says what is not.

    Each bundled model is loaded on the device that `load_model` would choose and must give the golden value stored
    with it; the default one is timed. Nothing is downloaded.
    """
    found = [line for look in (_packages, _device, _disk, _cache, _widgets, _browser, _models) for line in look()]
    wrong = [one.name for one in found if one.state == WRONG]
    if DEFAULT_MODEL not in wrong:
        found.append(_speed())
    lines = [f"{one.state:6}{one.text}" for one in found]
    lines.append("all is well" if not wrong else f"not well: {', '.join(wrong)}; install mae-lite again")
    return "\n".join(lines)


def _packages() -> Iterator[Line]:
    """Those that a report of a fault should name, and the bounds of all that mae-lite needs."""
    yield Line(OK, f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Line(OK, ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    if _version("mae-lite") == "missing":
        yield Line(WRONG, "mae-lite is not installed: run pip install --editable . in its folder", "mae-lite")
        return
    for text in requires("mae-lite") or ():
        name, bound = re.findall(r"^([\w-]+)>=([\d.]+)", text)[0]
        has = _version(name)
        if "extra" not in text and (has == "missing" or _release(has) < _release(bound)):
            yield Line(
                WRONG, f"{name} {bound} or newer is needed, here it is {has}: pip install --upgrade {name}", name
            )


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"^[\d.]*\d", text)[0].split("."))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _device() -> Iterator[Line]:
    device, threads = pick_device(), torch.get_num_threads()
    if device.type == "cuda":
        yield Line(OK, f"device: {torch.cuda.get_device_name(device)}")
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Line(OK, f"device: CPU, torch uses {threads} threads of {cores}")
    if threads > cores:
        yield Line(NOTE, f"more threads than cores are slow: set OMP_NUM_THREADS={cores} before Python starts")


def _disk() -> Iterator[Line]:
    """Room for what is written beside the notebooks, and for downloads where they are kept on another disk."""
    places = {"for downloads": _existing(cache_folder()), "in this folder": Path.cwd()}
    disks = {folder.stat().st_dev: (what, folder) for what, folder in places.items()}
    for what, folder in disks.values():
        free = shutil.disk_usage(folder).free / 1e9
        tip = ": make room, a training takes up to 1 GB and an official model 0.3 to 2.6" if free < ROOM_GB else ""
        yield Line(NOTE if tip else OK, f"disk: {free:.1f} GB free {what}{tip}")


def _existing(path: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if os.access(one, os.F_OK))


def _cache() -> Iterator[Line]:
    folder, there, home = cache_folder(), _existing(cache_folder()), user_path("~")
    name = Path("~", folder.relative_to(home)) if folder.is_relative_to(home) else folder
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        yield Line(NOTE, f"cache: {name} cannot be written: to download models, set MAE_LITE_CACHE to another folder")
        return
    files = [path.stat().st_size for path in folder.glob("*.pth*")]
    what = f"{len(files)} files, {sum(files) / 1e6:,.0f} MB" if files else "nothing downloaded yet"
    yield Line(OK, f"cache: {name}, {what}")


def _widgets() -> Iterator[Line]:
    """Whether JupyterLab has the other half of each widget package, and anywidget's is of the same version."""
    if _version("jupyter-core") == "missing":
        return  # there is no JupyterLab, as was said already
    from jupyter_core.paths import jupyter_path

    try:
        folders = jupyter_path("labextensions")
    except RuntimeError:
        yield Line(NOTE, "widgets: JupyterLab needs a home folder: set HOME to a folder that you can write")
        return
    for package, name in EXTENSIONS.items():
        cards = [Path(folder, name, "package.json") for folder in folders]
        halves = [json.loads(path.read_text(encoding="utf-8"))["version"] for path in cards if os.access(path, os.R_OK)]
        line = f"widgets: JupyterLab's extension of {package} is {halves[0] if halves else 'missing'}"
        same = package != "anywidget" or (halves and _release(halves[0]) == _release(_version(package)))
        if halves and same:
            yield Line(OK, line)
            continue
        line += f", Python's half {_version(package)}: pip install --force-reinstall {package} in the environment of "
        yield Line(NOTE, f"{line}JupyterLab and of the kernel, then reload the page; until then widgets stay text")


def _browser() -> Iterator[Line]:
    hint = "the widgets are tested in Chromium; reload the page after an update"
    try:
        inside = "ipykernel" in sys.modules or webbrowser.get() is not None
    except webbrowser.Error:
        inside = False
    if inside:
        yield Line(OK, f"browser: {hint}")
    else:
        yield Line(NOTE, f"browser: none found here, so open the address that JupyterLab prints by hand; {hint}")


def _models() -> Iterator[Line]:
    for name in sorted({DEFAULT_MODEL, *bundled_models()}):
        state, text = _check_model(name)
        yield Line(state, f"{name}: {text}", name)


def _check_model(name: str) -> tuple[str, str]:
    """Whether a bundled model is right, and words that say so."""
    try:
        found = golden_value(load_model(bundled_models()[name]))
        stored = json.loads(asset_path("weights", name, "config.json").read_text())["golden"]
    except KeyError:
        return WRONG, "its weights, or the golden value in its config.json, are MISSING"
    except ValueError as error:
        return WRONG, f"DAMAGED: {error}"
    good = abs(found - stored) <= TOLERANCE * stored
    return OK if good else WRONG, f"golden value {found:.4f}, stored {stored:.4f}: {'right' if good else 'WRONG'}"


def _speed() -> Line:
    """The median time of a reconstruction with its metrics; on a CPU also whether one thread would be faster."""
    model, threads = load_model(), torch.get_num_threads()
    image, mask = load_image(asset_path("photos", "cat.jpg"), model), random_mask(model.num_patches)
    device = next(model.parameters()).device

    def milliseconds() -> float:
        return 1000 * median_seconds(lambda: reconstruct(model, image, mask), device, seconds=0.1)

    usual, text = milliseconds(), f"one reconstruction by {DEFAULT_MODEL}: "
    if device.type == "cpu" and threads > 1:
        torch.set_num_threads(1)
        alone = milliseconds()
        torch.set_num_threads(threads)
        if alone < 0.75 * usual:
            return Line(
                NOTE, f"{text}{usual:.0f} ms, with one thread {alone:.0f}: set OMP_NUM_THREADS=1 before Python starts"
            )
    return Line(OK, f"{text}{usual:.0f} ms")
