"""Does it work here? Versions, device, bundled weights, speed."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from mae_lite.assets import asset_path
from mae_lite.catalogue import bundled_models
from mae_lite.checkpoints import DEFAULT_MODEL, golden_value, load_model
from mae_lite.cost import median_seconds
from mae_lite.device import pick_device
from mae_lite.images import load_image
from mae_lite.masking import random_mask
from mae_lite.reconstruction import reconstruct

PACKAGES = ("mae-lite", "torch", "timm", "jupyterlab", "ipywidgets", "anywidget", "matplotlib", "numpy", "pillow")
TOLERANCE = 1e-2
"""Largest relative difference of a golden value: other kernels and TF32 stay below it, wrong weights do not."""


def doctor() -> str:
    """A report in a line or two for each thing that can be wrong, ending with what is wrong if anything is.

    Each bundled model is loaded on the device that `load_model` would choose and must give the golden value stored
    with it; the default one is timed.
    """
    lines = [f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"]
    lines.append(", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    device = pick_device()
    where = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU with {torch.get_num_threads()} threads"
    )
    lines.append(f"device: {where}")
    wrong = [name for name in PACKAGES if _version(name) == "missing"]
    for name in sorted({DEFAULT_MODEL, *bundled_models()}):
        good, line = _check_model(name)
        lines.append(f"{name}: {line}")
        wrong += [] if good else [name]
    if DEFAULT_MODEL not in wrong:
        lines.append(f"one reconstruction by {DEFAULT_MODEL}: {_milliseconds():.0f} ms")
    lines.append("all is well" if not wrong else f"not well: {', '.join(wrong)}; install mae-lite again")
    return "\n".join(lines)


def _check_model(name: str) -> tuple[bool, str]:
    """Whether a bundled model is right, and a line that says so."""
    try:
        found = golden_value(load_model(bundled_models()[name]))
        stored = json.loads(asset_path("weights", name, "config.json").read_text())["golden"]
    except KeyError:
        return False, "its weights, or the golden value in its config.json, are MISSING"
    except ValueError as error:
        return False, f"DAMAGED: {error}"
    good = abs(found - stored) <= TOLERANCE * stored
    return good, f"golden value {found:.4f}, stored {stored:.4f}: {'right' if good else 'WRONG'}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _milliseconds() -> float:
    """Median time of a reconstruction with its metrics, after one to warm up."""
    model = load_model()
    image, mask = load_image(asset_path("photos", "cat.jpg"), model), random_mask(model.num_patches)
    return 1000 * median_seconds(lambda: reconstruct(model, image, mask), next(model.parameters()).device, seconds=0.1)
