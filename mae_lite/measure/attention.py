"""Attention read out of a running model, or forbidden in it; and the control, the same model untrained."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mae_lite.encoder import MAEEncoder
from mae_lite.layers import Attention, Block
from mae_lite.mae import MAE, MAEOutput
from mae_lite.masking import ids_from_mask
from mae_lite.measure.features import check_images

KINDS = ("visible", "hidden", "class")
"""Kinds of tokens; where attention goes has a fourth, "itself"."""


def untrained(model: MAE | MAEEncoder, seed: int = 0) -> MAE:
    """The control: a model of the same size with random weights, as training would begin with them.

    Args:
        model: whose config and device to use.
        seed: fixes the weights; the caller's random state is left alone.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        control = MAE(model.cfg)
    return control.to(next(model.parameters()).device).eval()


def attention_weights(layer: Attention, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b heads t t"]:
    """What the layer never stores: softmax(q k' / sqrt(d / heads)); rows are queries, and each sums to one."""
    q, k, _ = _qkv(layer, x)
    return (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(dim=3)


def _qkv(layer: Attention, x: Tensor) -> Float[Tensor, "3 b heads t dh"]:
    b, t, d = x.shape
    return layer.qkv(x).reshape(b, t, 3, layer.num_heads, d // layer.num_heads).permute(2, 0, 3, 1, 4)


@contextmanager
def _hooked(blocks: nn.ModuleList, hook: Callable[..., Tensor | None]) -> Iterator[None]:
    """Inside, the hook gets every pass through the attention of the blocks, and may give another result."""
    with ExitStack() as hooks:
        for block in blocks:
            assert isinstance(block, Block)
            hooks.enter_context(block.attn.register_forward_hook(hook))
        yield


@contextmanager
def _recorded(blocks: nn.ModuleList) -> Iterator[list[Tensor]]:
    """Inside, every pass through the blocks appends the weights of each."""
    if not len(blocks):
        raise ValueError("This model has no block here, depth is 0, so there is no attention to look at.")
    weights: list[Tensor] = []

    def hook(layer: Attention, args: tuple[Tensor], _: Tensor) -> None:
        weights.append(attention_weights(layer, args[0]))

    with _hooked(blocks, hook):
        yield weights


@torch.no_grad()
def encoder_attention(
    model: MAE | MAEEncoder, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "#b n"] | None = None
) -> Float[Tensor, "depth b heads t t"]:
    """The encoder's attention in every layer and head, read while it runs.

    Args:
        model: a model or an encoder.
        imgs: images of its size, normalised.
        mask: True = hidden, those the encoder does not get; None for whole images.

    Returns:
        Weights from each token (a row) to each: the class token, then the visible patches in raster order.

    Raises:
        ValueError: if the images or the mask do not fit, or the model has no block.
    """
    encoder = model.encoder if isinstance(model, MAE) else model
    check_images(imgs, encoder.cfg)
    ids_keep = None if mask is None else ids_from_mask(mask.to(imgs.device).expand(len(imgs), -1))[0]
    with _recorded(encoder.blocks) as weights:
        encoder(imgs, ids_keep)
    return torch.stack(weights)


@torch.no_grad()
def decoder_attention(
    model: MAE, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "#b n"]
) -> Float[Tensor, "depth b heads t t"]:
    """The decoder's attention in every layer and head, among the class token and all patches.

    Raises:
        ValueError: if the images or the mask do not fit, or the decoder has no block.
    """
    with _recorded(model.decoder.blocks) as weights:
        model(imgs, mask)
    return torch.stack(weights)


def token_kinds(mask: Bool[Tensor, "b n"]) -> dict[str, Bool[Tensor, "b t"]]:
    """For each of KINDS which tokens are of it: the class token, then a token for each value of the mask."""
    cls = torch.zeros_like(mask[:, :1])
    return {
        "visible": torch.cat([cls, ~mask], dim=1),
        "hidden": torch.cat([cls, mask], dim=1),
        "class": torch.cat([~cls, torch.zeros_like(mask)], dim=1),
    }


@torch.no_grad()
def forward_without(
    model: MAE, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "#b n"], keys: Sequence[str], queries: str = "hidden"
) -> MAEOutput:
    """Reconstruct while, in every decoder block, tokens of one kind may not attend to tokens of some kinds.

    It asks what a trained model makes of an attention it was not trained to do without. CrossMAE (Fu et al. 2024) asks
    more, and trains a decoder whose mask tokens never look at each other.

    Args:
        model: a masked autoencoder.
        imgs: normalised images.
        mask: True = hidden.
        keys: what is forbidden, of KINDS (others than the token itself) and "itself".
        queries: the kind for which it is.

    Raises:
        ValueError: if a word is none of these, or nothing would be left to attend to.
    """
    kinds = token_kinds(mask)
    if queries not in kinds or not set(keys) <= {*kinds, "itself"}:
        raise ValueError(f'queries is "{queries}", keys are {", ".join(keys)}; use {", ".join(KINDS)}, keys "itself".')
    same = torch.eye(mask.shape[1] + 1, dtype=torch.bool, device=mask.device)
    barred = torch.zeros(len(mask), *same.shape, dtype=torch.bool, device=mask.device)
    for key in keys:
        barred |= same if key == "itself" else kinds[key][:, None, :] & ~same
    barred &= kinds[queries][:, :, None]
    if barred.all(dim=2).any():
        raise ValueError(f"Without {', '.join(keys)} a {queries} token has nothing left to attend to.")

    def hook(layer: Attention, args: tuple[Tensor], _: Tensor) -> Tensor:
        q, k, v = _qkv(layer, args[0])
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=~barred[:, None].to(q.device))
        return layer.proj(out.transpose(1, 2).flatten(2))

    with _hooked(model.decoder.blocks, hook):
        return model(imgs, mask)
