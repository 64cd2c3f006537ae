"""Time against mask ratio, image size and patch size, beside the formula: python benchmarks/scaling.py [--json FILE].

ViT-B's encoder and the whole model with random weights, one image, on the device `pick_device` chooses. `formula_ms` is
`count_flops`, brought to milliseconds by the row of the sweep with most operations.
"""

import argparse
from dataclasses import replace

import torch
from timing import main, take_turns

from mae_lite.config import PRESETS
from mae_lite.device import pick_device
from mae_lite.mae import MAE
from mae_lite.masking import ids_from_mask, random_mask
from mae_lite.measure.cost import count_flops

CFG = PRESETS["base"]
SWEEPS = {
    "mask ratio": {ratio: replace(CFG, mask_ratio=ratio) for ratio in (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)},
    "image size": {side: replace(CFG, img_size=(side, side)) for side in (112, 160, 224, 320, 448)},
    "patch size": {side: replace(CFG, patch_size=side) for side in (32, 28, 16, 14, 8)},
}
"""What changes, and the sizes of each step; all else is as in ViT-B/16 at 224 pixels, 75 % hidden."""


def rows(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Three sweeps; in each the sizes take turns."""
    device, table = pick_device(), {}
    for what, configs in SWEEPS.items():
        calls = {}
        for value, cfg in configs.items():
            model, imgs = MAE(cfg).to(device).eval(), torch.randn(1, cfg.in_chans, *cfg.img_size, device=device)
            mask = random_mask(cfg.num_patches, cfg.mask_ratio)
            ids = ids_from_mask(mask)[0].to(device)
            calls[value, "encoder"] = lambda model=model, imgs=imgs, ids=ids: model.encoder(imgs, ids)
            calls[value, "whole model"] = lambda model=model, imgs=imgs, mask=mask: model(imgs, mask)
        with torch.inference_mode():
            found = take_turns(calls, device, seconds=0.3)
        for part, field in (("encoder", "encoder"), ("whole model", "total")):
            flops = {value: getattr(count_flops(cfg), field) for value, cfg in configs.items()}
            most = max(flops, key=flops.get)
            for value in configs:
                formula = found[most, part]["median_ms"] * flops[value] / flops[most]
                row = {"value": value} | found[value, part] | {"formula_ms": formula}
                table[f"{what} {value}, {part}"] = row
    return table


if __name__ == "__main__":
    main(rows, __doc__)
