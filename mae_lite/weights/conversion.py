"""One set of names for everybody's weights: the files of FAIR, Hugging Face and timm in this package's terms, checked.

Whatever a file calls its tensors, they are renamed by one table of rules; what it says of itself is completed from the
shapes; and every tensor is compared with the model's, by name and shape.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.layers import sincos_2d
from mae_lite.weights.catalogue import PUBLISHED, CheckpointError
from mae_lite.weights.files import read_file

RENAMES: list[tuple[re.Pattern[str], Any]] = [
    (re.compile(pattern), name)
    for pattern, name in [
        # wrappers: DistributedDataParallel, AveragedModel, torch.compile
        (r"^(module\.|_orig_mod\.)+", ""),
        # FAIR and timm
        (r"^(cls_token$|pos_embed$|blocks\.|norm\.)", r"encoder.\1"),
        (r"^patch_embed\.proj\.", "encoder.patch_embed."),
        (r"^mask_token$", "decoder.mask_token"),
        (r"^decoder_(embed|pos_embed|blocks|norm|pred)\b", r"decoder.\1"),
        # Hugging Face: transformers 4, 5 in memory, and 5 as it saves ("decoder_encoder")
        (r"^(?:vit\.)?embeddings\.cls_token$", "encoder.cls_token"),
        (r"^(?:vit\.)?embeddings\.position_embeddings$", "encoder.pos_embed"),
        (r"^(?:vit\.)?embeddings\.patch_embeddings\.projection\.", "encoder.patch_embed."),
        (r"^(?:vit\.)?(?:encoder\.layer|layers)\.(\d+)\.", r"encoder.blocks.\1."),
        (r"^(?:vit\.)?layernorm\.", "encoder.norm."),
        (r"^decoder\.(?:decoder_layers|decoder_encoder\.layer)\.(\d+)\.", r"decoder.blocks.\1."),
        (r"^decoder\.decoder_(embed|pos_embed|norm|pred)\b", r"decoder.\1"),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        (r"\.attention\.(?:attention\.)?(query|key|value|[qkv]_proj)\.", lambda m: f".attn.{m[1][0]}."),
        (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
        (r"\.intermediate\.dense\.", ".mlp.fc1."),
        (r"\.output\.dense\.", ".mlp.fc2."),
    ]
]
"""From every known name of a tensor to ours, applied in this order."""
HF_FIELDS = {
    "img_size": "image_size", "patch_size": "patch_size", "in_chans": "num_channels", "embed_dim": "hidden_size",
    "depth": "num_hidden_layers", "num_heads": "num_attention_heads", "decoder_embed_dim": "decoder_hidden_size",
    "decoder_depth": "decoder_num_hidden_layers", "decoder_num_heads": "decoder_num_attention_heads",
    "norm_pix_loss": "norm_pix_loss", "layer_norm_eps": "layer_norm_eps", "mask_ratio": "mask_ratio",
}  # fmt: skip
"""Where Hugging Face's config.json keeps the fields of MAEConfig."""
HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}
"""Heads of the standard ViTs by width: no shape in a file tells them."""
SIZES = {768: "base", 1024: "large", 1280: "huge"}
"""The paper's sizes by width."""
FIELDS = [field.name for field in fields(MAEConfig)]


def open_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file by their own names, and what is said of them beside it or in it, as fields of MAEConfig."""
    payload, config = read_file(file), _config_beside(file)
    if not isinstance(payload, Mapping):
        raise CheckpointError(f"{file} holds a {type(payload).__name__}, not tensors by name; save a state dict.")
    if (options := payload.get("args")) is not None and hasattr(options, "norm_pix_loss"):
        config.setdefault("norm_pix_loss", options.norm_pix_loss)
    if isinstance(payload.get("config"), Mapping):
        config |= {key: value for key, value in payload["config"].items() if key in FIELDS}
    for key in ("ema", "model_ema", "model", "state_dict"):
        if isinstance(payload.get(key), Mapping):
            payload = payload[key]
            break
    tensors = {str(k): v for k, v in payload.items() if isinstance(v, Tensor) and k != "n_averaged"}
    if not tensors:
        raise CheckpointError(f"{file} holds no tensors by name; save a state dict.")
    return tensors, config


def _config_beside(file: Path) -> dict[str, Any]:
    """Fields of MAEConfig from the config.json beside a file: our own, or Hugging Face's translated."""
    raw = _json(file.parent / "config.json")
    if "hidden_size" not in raw:
        return {key: raw[key] for key in FIELDS if key in raw}
    if raw.get("model_type") != "vit_mae" or raw.get("hidden_act", "gelu") != "gelu":
        raise CheckpointError(
            f'{file} is of another architecture: its config.json says model_type "{raw.get("model_type")}" and '
            f'hidden_act "{raw.get("hidden_act")}"; only "vit_mae" with "gelu" can be loaded.'
        )
    config = {"layer_norm_eps": 1e-12} | {ours: raw[theirs] for ours, theirs in HF_FIELDS.items() if theirs in raw}
    if "intermediate_size" in raw:
        config["mlp_ratio"] = raw["intermediate_size"] / raw["hidden_size"]
    if isinstance(side := config.get("img_size"), int):
        config["img_size"] = (side, side)
    statistics = _json(file.parent / "preprocessor_config.json")
    return config | {k: statistics[f"image_{k}"] for k in ("mean", "std") if f"image_{k}" in statistics}


def _json(path: Path) -> dict[str, Any]:
    """A JSON object from a file with its lists as tuples, empty if there is none."""
    if not path.exists():
        return {}
    try:
        raw = dict(json.loads(path.read_text(encoding="utf-8")))
        return {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is not a JSON object ({error}); download it again.") from error


def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by our names, with separate queries, keys and values fused."""
    state = {}
    for key, value in tensors.items():
        for pattern, name in RENAMES:
            key = pattern.sub(name, key)
        state[key] = value
    for q in [key for key in state if ".attn.q." in key]:
        parts = [q.replace(".attn.q.", f".attn.{part}.") for part in "qkv"]
        if all(part in state for part in parts):
            state[q.replace(".attn.q.", ".attn.qkv.")] = torch.cat([state.pop(part) for part in parts])
    return state


def check_kind(state: dict[str, Tensor], keys: list[str], file: Path) -> None:
    """Refuse what is no masked autoencoder's encoder, and say what it is."""
    known = sum(key.startswith(("encoder.", "decoder.")) for key in state)
    patch_embed = state.get("encoder.patch_embed.weight")
    if patch_embed is None or patch_embed.ndim != 4 or "encoder.cls_token" not in state:
        raise CheckpointError(
            f"{file} is not a masked autoencoder: only {known} of its {len(keys)} tensors ({', '.join(keys[:3])}, ...) "
            "are named like one's; give a checkpoint of this package, of FAIR's mae, or of Hugging Face's ViTMAE."
        )
    if heads := [key for key in keys if re.match(r"(module\.)?(head|fc_norm|classifier)\.", key)]:
        biases = [len(state[k]) for k in state if re.match(r"(head|classifier)\..*bias", k)]
        classes = f" for {biases[-1]} classes" if biases else ""
        size = SIZES.get(patch_embed.shape[0], "base")
        raise CheckpointError(
            f"{file} is a classifier: it has a head{classes} ({', '.join(heads[:2])}) and no decoder, so it cannot "
            f'reconstruct; use load_model("mae_visualize_vit_{size}"), for features '
            f'load_encoder("mae_pretrain_vit_{size}"), and to classify with this file timm.'
        )


def no_decoder(what: str, size: str | None) -> str:
    """The sentence for somebody who wants to reconstruct with an encoder; `size` names the model that would work."""
    return (
        f'{what} has no decoder and cannot reconstruct; load_model("mae_visualize_vit_{size or "base"}") can, and '
        "load_encoder takes this one for features."
    )


def infer_config(
    state: dict[str, Tensor],
    stated: dict[str, Any],
    file: Path,
    img_size: tuple[int, int] | None,
    norm_pix_loss: bool | None,
) -> MAEConfig:
    """What is stated in or beside the file, completed from the shapes; the position tables are checked and dropped."""
    config = _sizes(state) | stated
    _complete_heads(config, file)
    named = PUBLISHED[file.stem].target == "norm-pix" if file.stem in PUBLISHED else norm_pix_loss
    known = config.setdefault("norm_pix_loss", bool(named))
    if norm_pix_loss not in (None, known):
        raise CheckpointError(f"{file} is known to have norm_pix_loss={known}, not {norm_pix_loss}; leave it out.")
    try:
        grid = _stored_grid(state, config, img_size, file)
        cfg = MAEConfig(**config | {"img_size": tuple(n * config["patch_size"] for n in grid)})
    except CheckpointError:
        raise
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{file}: {error} Put right values into the config.json beside it.") from error
    for part, dim in (("encoder", cfg.embed_dim), ("decoder", cfg.decoder_embed_dim)):
        if (table := state.pop(f"{part}.pos_embed", None)) is not None:
            _check_positions(table, grid, dim, f"{file}: the {part}'s positions")
    return replace(cfg, img_size=img_size) if img_size else cfg


def _complete_heads(config: dict[str, Any], file: Path) -> None:
    """Fill in the heads, which no shape tells, where the width is a standard one."""
    for prefix in ("", "decoder_"):
        width = config.get(f"{prefix}embed_dim", 512)
        heads = {512: 16} if prefix else HEADS
        if f"{prefix}num_heads" not in config:
            if width not in heads:
                raise CheckpointError(
                    f"{file} does not say how many heads its {prefix}embed_dim {width} has; write "
                    f'{{"{prefix}num_heads": ...}} into a config.json beside it.'
                )
            config[f"{prefix}num_heads"] = heads[width]


def _sizes(state: dict[str, Tensor]) -> dict[str, Any]:
    """What the shapes tell."""
    dim, in_chans, patch_size, _ = state["encoder.patch_embed.weight"].shape
    sizes: dict[str, Any] = {"embed_dim": dim, "in_chans": in_chans, "patch_size": patch_size}
    blocks = {match[0] for key in state if (match := re.match(r"(en|de)coder\.blocks\.\d+\.", key))}
    sizes["depth"] = sum(block.startswith("en") for block in blocks)
    if (fc1 := state.get("encoder.blocks.0.mlp.fc1.weight")) is not None:
        sizes["mlp_ratio"] = len(fc1) / dim
    if (mask_token := state.get("decoder.mask_token")) is not None:
        sizes |= {"decoder_embed_dim": mask_token.shape[-1], "decoder_depth": len(blocks) - sizes["depth"]}
    return sizes


def _stored_grid(
    state: dict[str, Tensor], config: dict[str, Any], img_size: tuple[int, int] | None, file: Path
) -> tuple[int, int]:
    """Patches down and across that the file was trained with: as stated, or read off its table of positions."""
    table, p = state.get("encoder.pos_embed"), config["patch_size"]
    sizes = [tuple(size) for size in (config.get("img_size"), img_size) if size]
    grids = [(height // p, width // p) for height, width in sizes]
    if table is not None:
        n = table.shape[-2] - 1
        side = math.isqrt(max(n, 0))
        grids = [grid for grid in [*grids, (side, side)] if math.prod(grid) == n]
    if not grids:
        raise CheckpointError(
            f"{file} does not say its image size, and it is not square; pass img_size=(height, width)."
        )
    return grids[0]


def _check_positions(table: Tensor, grid: tuple[int, int], dim: int, what: str) -> None:
    """A stored table must be the one this package computes, after a row of zeros for the class token."""
    expected = torch.cat([torch.zeros(1, dim), sincos_2d(grid, dim)])[None]
    advice = "so it is not a masked autoencoder with fixed positions, or has its patches in another order."
    if table.shape != expected.shape:
        raise CheckpointError(f"{what} have shape {tuple(table.shape)}, not {tuple(expected.shape)}, {advice}")
    if not table.any():  # some versions of transformers 5 start a model that is trained from scratch like this
        raise CheckpointError(
            f"{what} are all zero, so it was trained without knowing where a patch lies; train it anew."
        )
    error = (table.float() - expected).abs().max().item()
    if not error <= max(1e-4, torch.finfo(table.dtype).eps):
        raise CheckpointError(f"{what} differ by {error:.2g} from the 2-D sine-cosine table, {advice}")


def check_tensors(state: dict[str, Tensor], expected: dict[str, torch.Size], file: Path) -> None:
    """Every tensor there, none more, of its shape, finite floating-point numbers."""
    missing, extra = [k for k in expected if k not in state], [k for k in state if k not in expected]
    if missing or extra:
        total = Counter(key.split(".")[0] for key in expected)
        found = Counter(key.split(".")[0] for key in expected if key in state)
        counts = " and ".join(f"{found[part]} of {total[part]} {part} tensors found" for part in total)
        few = [
            f"{len(keys)} {word} ({keys[0]}, ...)" for word, keys in (("missing", missing), ("unknown", extra)) if keys
        ]
        raise CheckpointError(f"{file} does not fit the model: {counts}, {', '.join(few)}; it is of another version.")
    if wrong := [key for key in expected if state[key].shape != expected[key]]:
        key = wrong[0]
        raise CheckpointError(
            f"{file}: {len(wrong)} tensors have another shape than its config asks for, {key} for one is "
            f"{tuple(state[key].shape)}, not {tuple(expected[key])}; correct the config.json beside it."
        )
    if bad := [k for k, v in state.items() if not v.is_floating_point() or not v.isfinite().all()]:
        raise CheckpointError(
            f"{file}: {len(bad)} of its {len(state)} tensors ({bad[0]}, ...) hold NaN, infinity or integers instead of "
            "weights; use an earlier checkpoint."
        )
