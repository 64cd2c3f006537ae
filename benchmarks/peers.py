"""The masked autoencoders that people use, side by side: python benchmarks/peers.py [--json FILE] [--sizes mini base].

Hugging Face's ViTMAE, vit-pytorch's MAE, and the official forward pass restated by us in timm's blocks, all on the same
random images at 75 %, in turns, so that what else the machine does slows all alike. Hugging Face's and the restated
model have the weights of ours, and are checked to predict the same. `times_floor` is the time as a multiple of what
the matrix products alone would take at the rate of a large one, measured in the same run.

On a CPU in float32, training steps also in bfloat16 where the processor has it; on CUDA all in bfloat16, and our model
compiled too. A training step is forward, backward and AdamW, fused where the project's own training is (ours, Hugging
Face's). `peak_mb` is what a process of its own takes for the model, its gradients, the optimiser and one step.

It needs the packages of the extra "dev".
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import torch
from timing import main, matmul_rate, take_turns
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from transformers import ViTMAEConfig, ViTMAEForPreTraining
from vit_pytorch import MAE as VitPytorchMAE
from vit_pytorch import ViT

from mae_lite.config import PRESETS, MAEConfig
from mae_lite.device import has_bf16, pick_device, training_autocast
from mae_lite.layers import sincos_2d
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.measure.cost import count_flops
from mae_lite.patches import patchify
from mae_lite.weights.checkpoints import load_model
from mae_lite.weights.prepack import can_prepack, prepack

OURS, HUGGING_FACE, OFFICIAL, VIT_PYTORCH = (
    "mae-lite", "Hugging Face ViTMAE", "official forward, timm blocks", "vit-pytorch MAE",
)  # fmt: skip


class Restated(nn.Module):
    """The official forward pass with timm's blocks: noise, argsort, gather, append mask tokens, gather."""

    def __init__(self, model: MAE):
        super().__init__()
        cfg = model.cfg
        self.cfg, encoder, decoder = cfg, model.encoder, model.decoder
        for name, dim, depth, heads, part in (
            ("blocks", cfg.embed_dim, cfg.depth, cfg.num_heads, encoder),
            ("decoder_blocks", cfg.decoder_embed_dim, cfg.decoder_depth, cfg.decoder_num_heads, decoder),
        ):
            norm = partial(nn.LayerNorm, eps=cfg.layer_norm_eps)
            blocks = nn.ModuleList(Block(dim, heads, qkv_bias=True, norm_layer=norm) for _ in range(depth))
            blocks.load_state_dict(part.blocks.state_dict(), strict=True)
            setattr(self, name, blocks)
        self.patch_embed, self.norm, self.cls_token = encoder.patch_embed, encoder.norm, encoder.cls_token
        self.embed, self.decoder_norm, self.pred = decoder.embed, decoder.norm, decoder.pred
        self.mask_token = decoder.mask_token
        for name, width in (("pos_embed", cfg.embed_dim), ("decoder_pos_embed", cfg.decoder_embed_dim)):
            table = torch.cat([torch.zeros(1, width), sincos_2d(cfg.grid_size, width)])[None]
            setattr(self, name, nn.Parameter(table, requires_grad=False))

    def forward(self, imgs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and predictions; the patches of smallest noise are kept."""
        x = self.patch_embed(imgs).flatten(2).transpose(1, 2) + self.pos_embed[:, 1:]
        b, n, d = x.shape
        n_keep = int(n * (1 - self.cfg.mask_ratio))
        ids_shuffle = noise.argsort(dim=1)
        ids_restore = ids_shuffle.argsort(dim=1)
        x = x.gather(1, ids_shuffle[:, :n_keep, None].repeat(1, 1, d))
        mask = torch.ones(b, n, device=x.device)
        mask[:, :n_keep] = 0
        mask = mask.gather(1, ids_restore)
        x = torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(b, -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.embed(self.norm(x))
        mask_tokens = self.mask_token.to(x.dtype).repeat(b, n - n_keep, 1)
        x_ = torch.cat([x[:, 1:], mask_tokens], dim=1)
        x_ = x_.gather(1, ids_restore[..., None].repeat(1, 1, x.shape[2]))
        x = torch.cat([x[:, :1], x_], dim=1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x)
        pred = self.pred(self.decoder_norm(x))[:, 1:]
        return mae_loss(pred, patchify(imgs, self.cfg.patch_size), mask.bool()), pred


def hugging_face(cfg: MAEConfig) -> ViTMAEForPreTraining:
    """Hugging Face's model of these sizes, with sine-cosine tables, which some of its versions leave at zero."""
    model = ViTMAEForPreTraining(
        ViTMAEConfig(
            image_size=cfg.img_size[0], patch_size=cfg.patch_size, hidden_size=cfg.embed_dim,
            num_hidden_layers=cfg.depth, num_attention_heads=cfg.num_heads, intermediate_size=4 * cfg.embed_dim,
            decoder_hidden_size=cfg.decoder_embed_dim, decoder_num_hidden_layers=cfg.decoder_depth,
            decoder_num_attention_heads=cfg.decoder_num_heads, decoder_intermediate_size=4 * cfg.decoder_embed_dim,
            norm_pix_loss=False, layer_norm_eps=cfg.layer_norm_eps, mask_ratio=cfg.mask_ratio,
        )
    )  # fmt: skip
    with torch.no_grad():
        for table in (model.vit.embeddings.position_embeddings, model.decoder.decoder_pos_embed):
            table[0, 1:] = sincos_2d(cfg.grid_size, table.shape[-1])
    return model.eval()


def vit_pytorch(cfg: MAEConfig) -> VitPytorchMAE:
    """vit-pytorch's model of these sizes, with its own weights, since its positions are learned.

    Without class token: with one, the MAE of vit-pytorch 1.26 fails on the shape of its positions.
    """
    heads = {"heads": cfg.num_heads, "dim_head": cfg.embed_dim // cfg.num_heads}
    encoder = ViT(
        image_size=cfg.img_size, patch_size=cfg.patch_size, num_classes=10, dim=cfg.embed_dim, depth=cfg.depth,
        mlp_dim=4 * cfg.embed_dim, pool="mean", **heads,
    )  # fmt: skip
    return VitPytorchMAE(
        encoder=encoder, decoder_dim=cfg.decoder_embed_dim, masking_ratio=cfg.mask_ratio,
        decoder_depth=cfg.decoder_depth, decoder_heads=cfg.decoder_num_heads,
        decoder_dim_head=cfg.decoder_embed_dim // cfg.decoder_num_heads,
    ).eval()  # fmt: skip


BUILD = {
    OURS: lambda cfg: MAE(cfg).eval(),
    HUGGING_FACE: hugging_face,
    OFFICIAL: lambda cfg: Restated(MAE(cfg)).eval(),
    VIT_PYTORCH: vit_pytorch,
}


def loss_of(name: str, model: nn.Module, imgs: Tensor) -> Tensor:
    """The loss of one of the models under fresh masks, drawn as each project draws them."""
    if name == HUGGING_FACE:
        return model(imgs).loss
    if name == VIT_PYTORCH:
        return model(imgs)
    n = model.cfg.num_patches
    if name == OFFICIAL:
        return model(imgs, torch.rand(len(imgs), n, device=imgs.device))[0]
    return model(imgs, random_mask(n, batch_size=len(imgs))).loss


def contestants(cfg: MAEConfig, device: torch.device) -> dict[str, nn.Module]:
    """The models; those that can share weights do, and are checked to predict the same."""
    theirs = hugging_face(cfg)
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = load_model(folder, device="cpu")
    models = {OURS: ours, HUGGING_FACE: theirs, OFFICIAL: Restated(ours).eval(), VIT_PYTORCH: vit_pytorch(cfg)}
    models = {name: model.to(device) for name, model in models.items()}
    imgs, noise = torch.randn(1, 3, *cfg.img_size, device=device), torch.rand(1, cfg.num_patches, device=device)
    mask = noise.argsort(dim=1).argsort(dim=1) >= int(cfg.num_patches * (1 - cfg.mask_ratio))
    with torch.inference_mode():
        pred = ours(imgs, mask).pred
        for found in (
            theirs(imgs, noise=noise).logits,
            models[OFFICIAL](imgs, noise)[1],
            prepack(ours)(imgs, mask).pred,
        ):
            torch.testing.assert_close(found, pred, rtol=0, atol=1e-3 if device.type == "cuda" else 1e-4)
    return models


def compiled(model: MAE) -> MAE:
    """Ours as `pretrain` compiles it, with its own copies of what compiling changes."""
    twin = MAE(model.cfg).to(next(model.parameters()).device).eval()
    twin.load_state_dict(model.state_dict())
    twin.encoder.compile()
    twin.decoder.compile()
    return twin


def forward_rows(size: str, batch_size: int, models: dict[str, nn.Module], device: torch.device, rate: float) -> dict:
    """Forward passes for inference; ours also packed on a CPU, and compiled on CUDA."""
    cfg = PRESETS[size]
    imgs = torch.randn(batch_size, 3, *cfg.img_size, device=device)
    models, ours = dict(models), models[OURS]
    if device.type == "cpu" and can_prepack():
        models[f"{OURS}, prepacked"] = prepack(ours)
    if device.type == "cuda":
        models[f"{OURS}, compiled"] = compiled(ours)
    precision = "bf16" if device.type == "cuda" else "fp32"

    def call(name: str, model: nn.Module) -> None:
        with torch.inference_mode(), training_autocast(device, precision):
            loss_of(name, model, imgs)

    calls = {name: partial(call, name, model) for name, model in models.items()}
    return rows_of(
        f"{size}, batch {batch_size}, forward, {precision}", take_turns(calls, device), cfg, batch_size, rate
    )


def step_rows(size: str, batch_size: int, models: dict[str, nn.Module], device: torch.device, rates: dict) -> dict:
    """Training steps in each precision; ours also compiled."""
    cfg, table = PRESETS[size], {}
    imgs = torch.randn(batch_size, 3, *cfg.img_size, device=device)
    for precision, rate in rates.items():
        entered = models | {f"{OURS}, compiled": compiled(models[OURS])}
        calls = {name: training_step(name, model, imgs, precision) for name, model in entered.items()}
        found = take_turns(calls, device)
        for name in models:  # compiling takes memory of its own
            found[name]["peak_mb"] = peak_mb(name, size, batch_size, precision, device, calls[name])
        del calls, entered
        what = f"{size}, batch {batch_size}, training step, {precision}"
        table |= rows_of(what, found, cfg, 3 * batch_size, rate)
    return table


def training_step(name: str, model: nn.Module, imgs: Tensor, precision: str) -> Callable[[], None]:
    """Forward, backward, AdamW."""
    model.train()
    fused = True if name.startswith(OURS) or name == HUGGING_FACE else None
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=fused)

    def step() -> None:
        with training_autocast(imgs.device, precision):
            loss = loss_of(name, model, imgs)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def peak_mb(name: str, size: str, batch_size: int, precision: str, device: torch.device, step: Callable) -> float:
    """Most memory of a training step: CUDA's own count, or that of a new process beyond what importing took."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        step()
        return torch.cuda.max_memory_allocated(device) / 1e6
    command = [sys.executable, __file__, "--memory", name, size, str(batch_size), precision]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def memory(name: str, size: str, batch_size: int, precision: str) -> float:
    """What `peak_mb` asks another process for."""
    before, cfg = psutil.Process().memory_info().rss, PRESETS[size]
    step = training_step(name, BUILD[name](cfg), torch.randn(batch_size, 3, *cfg.img_size), precision)
    for _ in range(2):
        step()
    (peak,) = re.findall(
        r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()
    )  # getrusage tells the parent's too
    return (1024 * int(peak) - before) / 1e6


def rows_of(what: str, found: dict, cfg: MAEConfig, passes: int, rate: float) -> dict[str, dict[str, float]]:
    """The rows with the floor of their matrix products; a training step has three forward passes' worth."""
    floor = 1000 * passes * count_flops(cfg).total / rate
    table = {
        f"{what}, {name}": row | {"floor_ms": floor, "times_floor": row["median_ms"] / floor}
        for name, row in found.items()
    }
    for name, row in table.items():
        print(f"{name:80} {row['median_ms']:9.1f} ms", flush=True)
    return table


def rows(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Every forward pass, and the training steps of all but the largest sizes."""
    device = pick_device()
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    used = ["bf16"] if device.type == "cuda" else ["fp32", "bf16"] if has_bf16(device) else ["fp32"]
    rates = {precision: matmul_rate(device, dtypes[precision]) for precision in used}
    table = {f"matrix product, {precision}": {"gflops": rate / 1e9} for precision, rate in rates.items()}
    for size in args.sizes:
        models = contestants(PRESETS[size], device)
        for batch_size in args.batch_sizes:
            table |= forward_rows(size, batch_size, models, device, rates[used[0]])
        if size in args.train:
            table |= step_rows(size, max(args.batch_sizes), models, device, rates)
    return table


def options(parser: argparse.ArgumentParser) -> None:
    """What to race."""
    cuda = torch.cuda.is_available()
    sizes, batch_sizes = (["base", "large", "huge"], [1, 256]) if cuda else (["mini", "base", "large"], [1, 8])
    parser.add_argument("--sizes", nargs="+", default=sizes, choices=PRESETS)
    parser.add_argument("--train", nargs="*", default=["mini", "base"], choices=PRESETS, help="those also trained")
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=batch_sizes)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        print(memory(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]))
    else:
        main(rows, __doc__, options)
