"""The encoder as a classifier of timm's, and which of its parts learn (sections 4.2 and 4.3, Figure 9)."""

from functools import partial

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from mae_lite.encoder import MAEEncoder
from mae_lite.mae import MAE
from mae_lite.measure.features import check_pool
from mae_lite.measure.probes import BN_EPS


def check_blocks(blocks: int | float | None, depth: int) -> None:
    """Raise ValueError unless `blocks` is None, 0, 0.5, or a whole number up to an encoder's depth."""
    if blocks is not None and blocks not in (0, 0.5, *range(1, depth + 1)):
        raise ValueError(f"blocks is {blocks}; use 0, 0.5, or a whole number up to the encoder's {depth} blocks.")


def to_timm(
    model: MAE | MAEEncoder, num_classes: int = 0, *, pool: str = "mean", drop_path: float = 0.0
) -> VisionTransformer:
    """The encoder as a Vision Transformer of timm: a copy of its weights, on its device, for whatever timm offers.

    Its positions are the fixed table (A.1) and stay out of training. With `num_classes=0` it gives the features of
    `extract_features`; otherwise a new head, one linear layer, gives logits.

    Args:
        model: a model or an encoder.
        num_classes: classes of the head; 0 for none.
        pool: "mean" of the patch tokens, or the "cls" token.
        drop_path: chance to skip the last block in training; it rises linearly from 0 at the first.

    Raises:
        ValueError: if `pool` is another word.
    """
    check_pool(pool)
    encoder = model.encoder if isinstance(model, MAE) else model
    cfg = encoder.cfg
    with torch.random.fork_rng():  # timm draws weights, which are replaced; the caller's random numbers go on unmoved
        vit = VisionTransformer(
            img_size=cfg.img_size, patch_size=cfg.patch_size, in_chans=cfg.in_chans, num_classes=num_classes,
            embed_dim=cfg.embed_dim, depth=cfg.depth, num_heads=cfg.num_heads, mlp_ratio=cfg.mlp_ratio,
            norm_layer=partial(nn.LayerNorm, eps=cfg.layer_norm_eps), drop_path_rate=drop_path,
            global_pool="avg" if pool == "mean" else "token", fc_norm=False,  # the norm before the mean, as here
        )  # fmt: skip
    state = {key.replace("patch_embed.", "patch_embed.proj."): value for key, value in encoder.state_dict().items()}
    positions = encoder.pos_embed[None]
    state["pos_embed"] = torch.cat([torch.zeros_like(positions[:, :1]), positions], dim=1)  # none for the class token
    state |= {f"head.{key}": torch.zeros_like(value) for key, value in vit.head.state_dict().items()}
    vit.load_state_dict(state, strict=True)
    vit.get_parameter("pos_embed").requires_grad_(False)
    return vit.to(encoder.cls_token.device)


def make_classifier(
    model: MAE | MAEEncoder,
    num_classes: int,
    *,
    blocks: int | float | None = None,
    pool: str = "mean",
    drop_path: float = 0.0,
) -> VisionTransformer:
    """The encoder with a head of zeros, and only the last `blocks` blocks and the head left to train.

    The head is a BatchNorm without affine and a linear layer, as in the paper's linear probe, for any number of blocks:
    0 is then linear probing, and the settings differ in the blocks alone.

    Args:
        model: a model or an encoder.
        num_classes: how many there are.
        blocks: how many of the last blocks are tuned, as `freeze` takes it.
        pool: what the head sees, the "mean" of the patch tokens or the "cls" token.
        drop_path: as in `to_timm`.

    Raises:
        ValueError: if the encoder has not so many blocks, or `pool` is another word.
    """
    vit = to_timm(model, num_classes, pool=pool, drop_path=drop_path)
    norm = nn.BatchNorm1d(vit.embed_dim, affine=False, eps=BN_EPS).to(next(vit.parameters()).device)
    vit.add_module("head", nn.Sequential(norm, vit.head))
    freeze(vit, blocks)
    return vit


def freeze(vit: VisionTransformer, blocks: int | float | None) -> None:
    """Leave gradients to the head and the last blocks only (partial fine-tuning, section 4.3).

    Args:
        vit: the classifier.
        blocks: 0 is the head alone, 0.5 the last block's MLP too, k the last k blocks; with either goes the last norm.
            None, or as many as there are, is everything but the fixed positions.

    Raises:
        ValueError: if `blocks` is neither 0, 0.5, nor a whole number up to the depth.
    """
    depth = len(vit.blocks)
    check_blocks(blocks, depth)
    tuned: list[nn.Module] = [vit.head]
    if blocks is None or blocks == depth:
        tuned = [vit]
    elif blocks == 0.5:
        tuned += [vit.norm, *(vit.get_submodule(f"blocks.{depth - 1}.{part}") for part in ("norm2", "mlp"))]
    elif blocks:
        tuned += [vit.norm, *vit.blocks[depth - int(blocks) :]]
    vit.requires_grad_(False)
    for part in tuned:
        part.requires_grad_(True)
    vit.get_parameter("pos_embed").requires_grad_(False)
