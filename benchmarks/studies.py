"""What the studies cost: python benchmarks/studies.py [--json FILE].

Medians and interquartile ranges by torch.utils.benchmark on random images, on the device `pick_device` chooses and
torch's own number of threads. The two encoders take turns, so that what else the machine does slows both alike.
"""

import argparse
from statistics import median

import torch
from timing import main, measure, take_turns

from mae_course.studies.ablations import STORE_SIZE
from mae_course.studies.arms import MODEL, PLANS
from mae_course.studies.variants import MAEWithMaskTokens
from mae_lite.device import pick_device
from mae_lite.mae import MAE
from mae_lite.masking import ids_from_mask, random_mask
from mae_lite.measure.cost import count_flops
from mae_lite.measure.features import extract_features
from mae_lite.measure.probes import knn_predict, linear_probe
from mae_lite.train.pretrain import accumulate_gradients

TURNS = 5
"""Times that the two encoders change places."""
TRAIN, TEST = 7104, 2365
"""Images of the study."""


def encoder_rows(device: torch.device) -> dict[str, dict[str, float]]:
    """A training step of the encoder alone at 75 %, forward and backward, without and with mask tokens (Table 1c)."""
    plain, tokens = MAE(MODEL).to(device).encoder, MAEWithMaskTokens(MODEL).to(device).encoder
    mask = random_mask(MODEL.num_patches, batch_size=64).to(device)
    imgs, ids = torch.randn(64, 3, *MODEL.img_size, device=device), ids_from_mask(mask)[0]
    calls = {
        "encoder, step of 64, without mask tokens": lambda: plain(imgs, ids).square().mean().backward(),
        "encoder, step of 64, with mask tokens": lambda: tokens(imgs, mask).square().mean().backward(),
    }
    found = [take_turns(calls, device, turns=1) for _ in range(TURNS)]
    table = {name: {"median_ms": median(turn[name]["median_ms"] for turn in found)} for name in calls}
    first, second = ([turn[name]["median_ms"] for turn in found] for name in calls)
    ratios = [b / a for a, b in zip(first, second, strict=True)]
    flops = [count_flops(MODEL, 0.75, mask_tokens_in_encoder=with_them).encoder for with_them in (False, True)]
    table["encoder, step of 64, with mask tokens"] |= {
        "times": median(ratios), "times_low": min(ratios), "times_high": max(ratios), "flops_times": flops[1] / flops[0]
    }  # fmt: skip
    return table


def rows(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Every measurement by name."""
    device, plan = pick_device(), PLANS["cpu"]
    table = encoder_rows(device)
    model = MAE(MODEL).to(device)
    squares = torch.randint(256, (plan.batch_size, 3, STORE_SIZE, STORE_SIZE), dtype=torch.uint8, device=device)
    step = "accumulate(model, cfg, squares, everything, plan, torch.Generator(device)).item()"
    given = {"model": model, "cfg": MODEL, "squares": squares, "plan": plan, "device": device, "torch": torch}
    given |= {"accumulate": accumulate_gradients, "everything": torch.arange(plan.batch_size)}
    table[f"ablations, default arm, step of {plan.batch_size}"] = measure(step, **given)
    steps = plan.epochs * (TRAIN // plan.batch_size)
    table[f"ablations, default arm, step of {plan.batch_size}"]["arm_seconds"] = (
        steps * table[f"ablations, default arm, step of {plan.batch_size}"]["median_ms"] / 1000
    )
    imgs = torch.randint(256, (64, 3, *MODEL.img_size), dtype=torch.uint8)
    table["features of 64 images, no mask"] = measure(
        "extract(model, imgs)", extract=extract_features, model=model, imgs=imgs
    )
    features, labels = torch.randn(TRAIN + TEST, MODEL.embed_dim), torch.arange(TRAIN) % 10
    given = {"train": features[:TRAIN], "test": features[TRAIN:], "labels": labels}
    table[f"kNN, {TRAIN:,} to {TEST:,}"] = measure("knn(train, labels, test)", knn=knn_predict, **given)
    table[f"linear probe, {TRAIN:,} to {TEST:,}"] = measure("probe(train, labels, test)", probe=linear_probe, **given)
    return table


if __name__ == "__main__":
    main(rows, __doc__)
