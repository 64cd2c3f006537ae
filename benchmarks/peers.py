"""The masked autoencoders that people use, side by side: python benchmarks/peers.py [--json FILE] [--sizes mini base].

Hugging Face's ViTMAE, vit-pytorch's MAE, and the official forward pass restated by us in timm's blocks, all on the same
random images at 75 %, in turns, so that what else the machine does slows all alike. Hugging Face's and the restated
model have the weights of ours, and are checked to predict the same. Each row is also given as a multiple of the time
that its matrix products alone would take at the machine's best rate, measured in the same run.

It needs `pip install transformers vit-pytorch` beside the package.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median

import torch
from timing import measure
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from transformers import ViTMAEConfig, ViTMAEForPreTraining
from vit_pytorch import MAE as VitPytorchMAE
from vit_pytorch import ViT

from mae_lite.checkpoints import load_model
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.cost import count_flops
from mae_lite.device import device_name, pick_device
from mae_lite.layers import sincos_2d
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.patches import patchify
from mae_lite.pretrain import training_kernels

TURNS = 3
"""Times that all models take their turn."""
SECONDS = 1.0
"""Shortest time of a turn."""


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
        x_ = torch.cat([x[:, 1:], self.mask_token.repeat(b, n - n_keep, 1)], dim=1)
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


def contestants(cfg: MAEConfig, imgs: Tensor, device: torch.device) -> dict[str, tuple[nn.Module, Callable]]:
    """Each model and a call that gives its loss; those that can share weights are checked to predict the same."""
    theirs = hugging_face(cfg)
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = load_model(folder, device="cpu")
    theirs, ours, restated, other = (m.to(device) for m in (theirs, ours, Restated(ours), vit_pytorch(cfg)))
    noise = torch.rand(len(imgs), cfg.num_patches, generator=torch.Generator().manual_seed(0)).to(device)
    mask = noise.argsort(dim=1).argsort(dim=1) >= int(cfg.num_patches * (1 - cfg.mask_ratio))
    with torch.inference_mode():
        pred = ours(imgs, mask).pred
        for found in (theirs(imgs, noise=noise).logits, restated(imgs, noise)[1]):
            torch.testing.assert_close(found, pred, rtol=0, atol=1e-3 if device.type == "cuda" else 1e-4)
    return {
        "mae-lite": (ours, lambda: ours(imgs, random_mask(cfg.num_patches, batch_size=len(imgs))).loss),
        "Hugging Face ViTMAE": (theirs, lambda: theirs(imgs).loss),
        "official forward, timm blocks": (restated, lambda: restated(imgs, torch.rand(noise.shape, device=device))[0]),
        "vit-pytorch MAE": (other, lambda: other(imgs)),
    }


def matmul_rate(device: torch.device) -> float:
    """Floating-point operations a second of a large float32 matrix product."""
    a = torch.randn(2048, 2048, device=device)
    sync = getattr(torch, device.type).synchronize
    return 2 * 2048**3 / (measure("a @ a; sync()", seconds=2, a=a, sync=sync)["median_ms"] / 1000)


def race(calls: dict[str, Callable], device: torch.device, statement: str) -> dict[str, dict[str, float]]:
    """All calls in turns; the median and the spread of the turns' medians."""
    sync = getattr(torch, device.type).synchronize
    turns = {name: [] for name in calls}
    for _ in range(TURNS):
        for name, call in calls.items():
            turns[name].append(measure(statement, seconds=SECONDS, call=call, sync=sync, torch=torch)["median_ms"])
    return {name: {"median_ms": median(t), "low_ms": min(t), "high_ms": max(t)} for name, t in turns.items()}


def rows(sizes: list[str], batch_sizes: list[int], device: torch.device) -> list[dict]:
    """Every forward pass and, at batch 8, every training step of the sizes asked for."""
    rate, table = matmul_rate(device), []
    for size in sizes:
        cfg = PRESETS[size]
        for batch_size in batch_sizes:
            imgs = torch.randn(batch_size, 3, *cfg.img_size, device=device)
            models = contestants(cfg, imgs, device)
            calls = {name: call for name, (_, call) in models.items()}
            floor = 1000 * batch_size * count_flops(cfg).total / rate
            found = race(calls, device, "with torch.inference_mode(): call(); sync()")
            table += [row(size, batch_size, "forward", name, one, floor) for name, one in found.items()]
            if batch_size == 8 and size != "large":
                with training_kernels(device):
                    found = race(calls, device, "call().backward(); sync()")
                table += [row(size, batch_size, "training step", name, one, 3 * floor) for name, one in found.items()]
            for line in table[-len(models) :]:
                print(line, flush=True)
    return table


def row(size: str, batch_size: int, what: str, name: str, found: dict[str, float], floor: float) -> dict:
    """One line of the table; `floor_ms` is what the matrix products alone would take."""
    where = {"size": size, "batch_size": batch_size, "what": what, "name": name}
    return where | found | {"floor_ms": floor, "times_floor": found["median_ms"] / floor}


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="file to write the record to")
    parser.add_argument("--sizes", nargs="+", default=["mini", "base", "large"], choices=PRESETS)
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[1, 8])
    args = parser.parse_args()
    device = pick_device()
    record = {
        "machine": f"{device_name(device)}, threads: {torch.get_num_threads()}", "date": date.today().isoformat(),
        "torch": torch.__version__, "rows": rows(args.sizes, args.batch_sizes, device),
    }  # fmt: skip
    if args.json:
        Path(args.json).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
