"""Begin a training where another one ended, with the same model or a deeper one."""

from dataclasses import replace

import torch
from torch import nn

from mae_lite.config import MAEConfig
from mae_lite.layers import Block
from mae_lite.mae import MAE

DEPTHS = ("depth", "decoder_depth")
MAY_DIFFER = ("img_size", "mask_ratio", "norm_pix_loss", *DEPTHS)
"""What may differ between a model and the one that starts from its weights; positions are computed anew."""


@torch.no_grad()
def warm_start(source: MAE, cfg: MAEConfig) -> MAE:
    """A model of `cfg` with the weights of `source`, which computes what `source` computes until it is trained.

    Blocks that `source` lacks come last in their stack and add nothing at first: the last layer of their attention and
    of their MLP is zero (as in Net2Net's identity layers, Chen et al. 2016).

    Args:
        source: a trained model, on any device.
        cfg: the same sizes; depths may be larger, and image size, mask ratio and target may differ.

    Raises:
        ValueError: if another size differs, or a depth is smaller.
    """
    if replace(cfg, **{name: getattr(source.cfg, name) for name in MAY_DIFFER}) != source.cfg or any(
        getattr(cfg, name) < getattr(source.cfg, name) for name in DEPTHS
    ):
        raise ValueError(
            f"Only a model of the same sizes, or a deeper one, can start from these weights: they are of "
            f"{source.cfg}, and {cfg} was asked for."
        )
    model = MAE(cfg)
    model.load_state_dict(source.state_dict(), strict=False)
    for stack, depth in (
        (model.encoder.blocks, source.cfg.depth),
        (model.decoder.blocks, source.cfg.decoder_depth),
    ):
        for block in stack[depth:]:
            assert isinstance(block, Block)
            nn.init.zeros_(block.attn.proj.weight)
            nn.init.zeros_(block.mlp.fc2.weight)
    return model
