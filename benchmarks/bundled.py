"""How long a user waits for the bundled models: `make bench`, or python benchmarks/bundled.py [--json FILE].

Medians and interquartile ranges by torch.utils.benchmark, on the device `load_model` chooses and torch's own number of
threads. The first call of each is a warm-up.
"""

import subprocess
import sys

import torch
from timing import main, measure

import mae_lite as ml
from mae_lite.catalogue import bundled_models


def rows() -> dict[str, dict[str, float]]:
    """Every measurement by name."""
    table = {"import mae_lite, in a fresh Python": measure(
        "run([python, '-c', 'import mae_lite'], check=True)", run=subprocess.run, python=sys.executable
    )}  # fmt: skip
    for name in bundled_models():
        model = ml.load_model(name)
        image = ml.load_image(ml.asset_path("photos", "cat.jpg"), model)
        mask = ml.random_mask(model.num_patches)
        given = {"ml": ml, "name": name, "model": model, "image": image, "mask": mask, "torch": torch}
        table[f"{name}: load"] = measure("ml.load_model(name)", **given)
        table[f"{name}: forward"] = measure("with torch.inference_mode(): model(image, mask)", **given)
        table[f"{name}: reconstruct, with metrics"] = measure("ml.reconstruct(model, image, mask)", **given)
    return table


if __name__ == "__main__":
    main(rows, __doc__)
