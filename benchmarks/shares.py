"""Where the time of a training step goes: python benchmarks/shares.py [--json FILE] [--sizes mini base].

A step of Hugging Face's ViTMAE and of our model, eager and compiled, under torch's profiler, in milliseconds by kind of
operation, on a CPU; they take turns, and each kind is the median of its turns. "products" are those of matrices, the
patches' convolution among them: what no other form of the same step does without. "compiled code" does, in fewer passes
over memory, what "softmax", "GELU", "norms and sums" and "copies" do in a model that is not compiled. Fused attention
has products of its own inside. What remains, the profiler's own time included, is "rest".

It needs the packages of the extra "dev".
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from peers import BUILD, HUGGING_FACE, OURS, compiled, training_step
from timing import in_turns, main
from torch.profiler import ProfilerActivity, profile

from mae_lite.config import PRESETS
from mae_lite.device import has_bf16

CPU = torch.device("cpu")
BATCH_SIZES = {"mini": 64, "base": 8}
"""The sizes that are profiled, and images at once."""
KINDS = {
    "products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "convolution"),
    "fused attention": ("aten::_scaled_dot_product",),
    "softmax": ("softmax",),
    "GELU": ("gelu",),
    "norms and sums": ("layer_norm", "aten::add", "aten::sum", "aten::mul", "aten::div"),
    "copies": ("aten::copy_", "aten::cat", "aten::clone"),
    "compiled code": ("CompiledFxGraph",),
    "optimiser": ("_fused_adamw_",),
}
"""Parts of the names of operations, the first kind that fits counts."""


def kind_of(operation: str) -> str:
    """The kind of an operation by its name in the profile."""
    return next((kind for kind, parts in KINDS.items() if any(part in operation for part in parts)), "rest")


def shares(step: Callable[[], object]) -> dict[str, float]:
    """Milliseconds of a step by kind of operation, each operation without those it calls; two steps warm up."""
    for _ in range(2):
        step()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        step()
    table = dict.fromkeys([*KINDS, "rest"], 0.0)
    for event in found.key_averages():
        table[kind_of(event.key)] += event.self_cpu_time_total / 1000
    return {f"{kind}_ms": value for kind, value in table.items()}


def rows(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Each model at each size and precision."""
    table = {}
    for size in args.sizes:
        cfg, batch_size = PRESETS[size], BATCH_SIZES[size]
        imgs = torch.randn(batch_size, 3, *cfg.img_size)
        for precision in ("fp32", "bf16") if has_bf16(CPU) else ("fp32",):
            models = {name: BUILD[name](cfg) for name in (HUGGING_FACE, OURS)}
            models[f"{OURS}, compiled"] = compiled(models[OURS])
            steps = {name: training_step(name, model, imgs, precision) for name, model in models.items()}
            for name, turns in in_turns({name: partial(shares, step) for name, step in steps.items()}).items():
                row = {kind: median(turn[kind] for turn in turns) for kind in turns[0]}
                table[f"{size}, batch {batch_size}, {precision}, {name}"] = row
                print(f"{size} {batch_size} {precision} {name}", {k: round(v) for k, v in row.items()}, flush=True)
    return table


def options(parser: argparse.ArgumentParser) -> None:
    """What to train."""
    parser.add_argument("--sizes", nargs="+", default=list(BATCH_SIZES), choices=BATCH_SIZES)


if __name__ == "__main__":
    main(rows, __doc__, options, CPU)
