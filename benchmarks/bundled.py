"""How long a user waits for the bundled models: `make bench`, or python benchmarks/bundled.py [--json FILE].

Medians and interquartile ranges by torch.utils.benchmark, on the device `load_model` chooses and torch's own number of
threads. The first call of each is a warm-up.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import torch
from torch.utils.benchmark import Timer

import mae_lite as ml
from mae_lite.catalogue import bundled_models
from mae_lite.device import device_name


def measure(stmt: str, **names) -> dict[str, float]:
    """Median and interquartile range of a statement, in milliseconds."""
    timer = Timer(stmt, globals=names, num_threads=torch.get_num_threads())
    timer.timeit(1)
    found = timer.blocked_autorange(min_run_time=3)
    return {"median_ms": 1000 * found.median, "iqr_ms": 1000 * found.iqr}


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


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="file to write the record to")
    args = parser.parse_args()
    device = ml.pick_device()
    where = device_name(device)
    record = {
        "machine": f"{where}, {torch.get_num_threads()} threads", "date": date.today().isoformat(),
        "torch": torch.__version__, "rows": rows(),
    }  # fmt: skip
    print(f"{record['machine']}, torch {record['torch']}, {record['date']}; milliseconds, one image")
    for name, row in record["rows"].items():
        print(f"{name:44} {row['median_ms']:8.1f}  (interquartile range {row['iqr_ms']:.1f})")
    if args.json:
        Path(args.json).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
