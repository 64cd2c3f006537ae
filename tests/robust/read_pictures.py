"""Reads the whole corpus, damaged copies too, and prints what happened as JSON. Run by test_pictures.py, in a process
of its own so that memory can be measured and a crash of a codec would be seen.
"""

import json
import resource
import sys
import time
import warnings

import torch

import mae_lite as ml
from helpers.corpus import corpus, flips, truncations
from mae_lite.images import ImageError, load_image


def read(data: bytes, cfg) -> str:
    """ "read" or "refused", or what went wrong."""
    try:
        x = load_image(data, cfg)
    except ImageError as error:
        sentence = str(error)
        fine = sentence.endswith(".") and "\n" not in sentence and len(sentence) < 300
        return "refused" if fine else f"no clear sentence: {sentence!r}"
    except Exception as error:  # what this is here to find
        return f"{type(error).__name__}: {error}"
    return "read" if x.shape == (1, 3, 112, 112) and torch.isfinite(x).all() else f"not a picture: {x.shape}"


def main() -> None:
    """Count."""
    torch.set_num_threads(1)
    model = ml.load_model()
    mask = ml.random_mask(model.num_patches)
    with warnings.catch_warnings():  # Pillow's remarks on what it is asked to write
        warnings.simplefilter("ignore")
        files = corpus()
    warnings.simplefilter("error")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"files": len(files), "tried": 0, "read": 0, "refused": 0, "wrong": [], "slowest": [0, ""], "whole": {}}
    for number, (name, data) in enumerate(files.items()):
        copies = [data] if len(data) > 500_000 else [data, *truncations(data), *flips(data, seed=number)]
        for k, copy in enumerate(copies):
            start = time.process_time()
            outcome = read(copy, model.cfg)
            seconds = time.process_time() - start
            found["tried"] += 1
            found["slowest"] = max(found["slowest"], [seconds, name])
            if k == 0:
                found["whole"][name] = outcome
            if outcome in ("read", "refused"):
                found[outcome] += 1
            else:
                found["wrong"].append(f"{name}, copy {k}: {outcome}")
        if found["whole"][name] == "read" and number % int(sys.argv[1]) == 0:
            ml.reconstruct(model, load_image(data, model), mask)
    found["megabytes"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
