"""python -m mae_lite evaluate."""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mae_lite.cli.frame import add_options, evenly, read_images
from mae_lite.cli.records import circumstances, write_record
from mae_lite.mae import MAE
from mae_lite.masking import STRATEGIES
from mae_lite.measure.evaluate import (
    evaluation_masks,
    format_sweep,
    format_table,
    masked_scores,
    stack_scores,
    summarise,
)
from mae_lite.train.data import ImageSource
from mae_lite.weights.checkpoints import DEFAULT_MODEL, load_model

SWEEP = {"ratios": (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.85, 0.9, 0.95), "strategies": ("random", "block", "grid")}
"""What `--sweep` measures: from little hidden to almost all, by the strategies of Table 1f."""


def add_evaluate(commands: argparse._SubParsersAction) -> None:
    """Options of `evaluate`."""
    p = commands.add_parser("evaluate", help="error, PSNR and SSIM on a data set, beside three fills and an oracle")
    p.add_argument("model", nargs="?", default=DEFAULT_MODEL, help="a name from `models`, or a path")
    add_options(p, "--data", required=True)
    add_options(p, "--limit", "--seed", "--json", "--device")
    p.add_argument(
        "--mask-ratio", type=float, nargs="+", help="shares of patches to hide (default: the ratio it was trained at)"
    )
    p.add_argument("--strategy", nargs="+", choices=STRATEGIES, help="ways to choose them (default random)")
    p.add_argument("--sweep", action="store_true", help="10 to 95 %% by random, block and grid, where not given")
    p.set_defaults(run=run_evaluate)


def run_evaluate(args: argparse.Namespace) -> None:
    """Measure each setting, print one table, save the record if asked."""
    model = load_model(args.model, device=args.device)
    settings = settings_of(args, model)
    source = ImageSource(args.data)
    imgs, _ = read_images(source, evenly(source, args.limit), model.cfg.img_size)
    found: list[dict[str, Any]] = []
    with tqdm(total=len(settings) * len(imgs), unit="image", mininterval=1, leave=False) as bar:
        for ratio, strategy in settings:
            bar.set_description(f"{100 * ratio:g}% {strategy}", refresh=False)
            scores = []
            for score in masked_scores(model, imgs, ratio, strategy=strategy, seed=args.seed):
                scores.append(score)
                bar.update()
            found.append({"mask_ratio": ratio, "strategy": strategy, "table": summarise(**stack_scores(scores))})
            if args.json:  # each time, so that an interrupted sweep leaves what it has
                save_record(args, model, len(imgs), settings, found)
    if len(settings) == 1:
        print(f"{args.model} on {len(imgs):,} images, {100 * ratio:g}% masked ({strategy}, seed {args.seed})")
        print(format_table(found[0]["table"]))
    else:
        print(f"{args.model} (trained at {100 * model.cfg.mask_ratio:g}%) on {len(imgs):,} images, seed {args.seed}")
        print(format_sweep(found))


def settings_of(args: argparse.Namespace, model: MAE) -> list[tuple[float, str]]:
    """The mask ratios and strategies to measure at; one that cannot be measured is refused before the work begins."""
    ratios = args.mask_ratio or (SWEEP["ratios"] if args.sweep else [model.cfg.mask_ratio])
    strategies = args.strategy or (SWEEP["strategies"] if args.sweep else ["random"])
    settings = list(dict.fromkeys(product(ratios, strategies)))
    for ratio, strategy in settings:
        evaluation_masks(model.cfg, ratio, 1, strategy=strategy, seed=args.seed)
    return settings


def save_record(args: argparse.Namespace, model: MAE, images: int, settings: list, found: list[dict]) -> None:
    """Write what was measured, and how: one setting beside its "table", several as a list called "sweep"."""
    ratios, strategies = (list(dict.fromkeys(values)) for values in zip(*settings, strict=True))
    record = {"model": args.model, "data": [Path(d).name or d for d in args.data], "limit": args.limit}
    record |= {"images": images, "trained_at": model.cfg.mask_ratio, "seed": args.seed}
    record |= circumstances(next(model.parameters()).device)
    record |= found[0] if len(settings) == 1 else {"mask_ratios": ratios, "strategies": strategies, "sweep": found}
    write_record(args.json, record)
