"""Weights from everywhere, strictly: bundled, own, FAIR's, Hugging Face's and timm's files become models.

A model is built only once every tensor of the file is known to fit it: nothing loads half.
"""

import copy
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save

from mae_lite.decoder import MAEDecoder
from mae_lite.device import pick_device
from mae_lite.encoder import MAEEncoder
from mae_lite.images import load_image
from mae_lite.layers import sincos_2d
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.weights.assets import asset_path
from mae_lite.weights.catalogue import PUBLISHED, CheckpointError
from mae_lite.weights.conversion import (
    FIELDS,
    SIZES,
    check_kind,
    check_tensors,
    infer_config,
    no_decoder,
    open_tensors,
    renamed,
)
from mae_lite.weights.downloads import find

DEFAULT_MODEL = "mae-lite-mini"
"""What `load_model()` loads."""

Model = TypeVar("Model", MAE, MAEEncoder)


def load_model(
    name: str | Path = DEFAULT_MODEL,
    *,
    img_size: tuple[int, int] | None = None,
    norm_pix_loss: bool | None = None,
    device: str | None = None,
) -> MAE:
    """A trained masked autoencoder, in eval mode and float32.

    Args:
        name: a bundled or official name (see `list_models`), a Hugging Face ViTMAE repository such as
            "facebook/vit-mae-base", or a path: a folder or file of this package, of FAIR's code, or of Hugging Face.
            Only a name that is on this disk in no form is downloaded.
        img_size: height and width to use the weights at; positions are computed for it. The file's own by default.
        norm_pix_loss: whether the model predicts normalised patches, for FAIR files of unknown name, which do not say
            it. None takes what the file or its name says, else False. A wrong value gives garbled pictures.
        device: "cuda", "mps" or "cpu"; by default CUDA where there is one, else the CPU.

    Raises:
        CheckpointError: if there is no such model, or the file is not one; the message says what it is.
        ValueError: if `img_size` does not fit the patches, or there is no such device.
    """
    if name in PUBLISHED and not PUBLISHED[name].decoder:
        raise CheckpointError(no_decoder(str(name), next(size for size in SIZES.values() if size in str(name))))
    return _load(MAE, name, img_size, norm_pix_loss, device)


def load_encoder(
    name: str | Path = DEFAULT_MODEL, *, img_size: tuple[int, int] | None = None, device: str | None = None
) -> MAEEncoder:
    """Only the encoder, in eval mode and float32: for features of whole images (section 4.3).

    Args:
        name: as `load_model` takes, and the encoder-only files: FAIR's mae_pretrain_vit_base, large and huge, or
            "timm/vit_base_patch16_224.mae", large and huge.
        img_size: height and width to use the weights at; the file's own by default.
        device: "cuda", "mps" or "cpu"; by default CUDA where there is one, else the CPU.

    Returns:
        The encoder; its attribute `cfg` has the size and the statistics that `load_image` needs.

    Raises:
        CheckpointError: if there is no such model, or the file is not one; the message says what it is.
        ValueError: if `img_size` does not fit the patches, or there is no such device.
    """
    return _load(MAEEncoder, name, img_size, None, device)


def save_model(model: MAE, folder: str | Path, *, half: bool = False, **card: Any) -> None:
    """Write model.safetensors and config.json; each appears whole or not at all.

    Args:
        model: the model, on any device.
        folder: where; the files there are replaced.
        half: store float16, half the size. Loading gives float32 again.
        card: anything else for config.json, such as licence="...", data="...".

    Raises:
        ValueError: if a weight is not finite as stored, or the card uses a name of MAEConfig.
    """
    if taken := {"golden", "params", *FIELDS} & set(card):
        raise ValueError(f"config.json sets {', '.join(sorted(taken))} itself; choose other names for the card.")
    dtype = torch.float16 if half else torch.float32
    state = {key: value.detach().to("cpu", dtype).contiguous() for key, value in model.state_dict().items()}
    if bad := [key for key, value in state.items() if not value.isfinite().all()]:
        raise ValueError(f"{len(bad)} tensors are not finite in {dtype} ({bad[0]}); nothing was saved.")
    saved = copy.deepcopy(model).cpu()
    saved.load_state_dict(state)
    config = asdict(model.cfg) | {"params": sum(v.numel() for v in state.values())} | card
    if model.cfg.in_chans in (1, 3):
        config["golden"] = golden_value(saved)
    text, folder = json.dumps(config, indent=2) + "\n", Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights_part, config_part = folder / "model.safetensors.part", folder / "config.json.part"
    weights_part.write_bytes(save(state, metadata={"format": "pt"}))  # save_file would hide it from other users
    config_part.write_text(text, encoding="utf-8")
    os.replace(weights_part, folder / "model.safetensors")
    os.replace(config_part, folder / "config.json")


@torch.inference_mode()
def golden_value(model: MAE) -> float:
    """The masked error on one bundled photo under the mask of seed 0: a wrongly loaded model gives another number."""
    imgs = load_image(asset_path("photos", "cat.jpg"), model)
    return model(imgs, random_mask(model.num_patches, model.cfg.mask_ratio, seed=0)).loss.item()


def _load(
    cls: type[Model],
    name: str | Path,
    img_size: tuple[int, int] | None,
    norm_pix_loss: bool | None,
    device: str | None,
) -> Model:
    """Find, open, rename, check, build: a MAE, or a MAEEncoder without what belongs to the decoder."""
    target = pick_device(device)
    file = _weights_file(find(name))
    tensors, config = open_tensors(file)
    state = renamed(tensors)
    check_kind(state, list(tensors), file)
    width = state["encoder.patch_embed.weight"].shape[0]
    if cls is MAEEncoder:
        state = {key: value for key, value in state.items() if not key.startswith("decoder.")}
    elif not any(key.startswith("decoder.") for key in state):
        raise CheckpointError(no_decoder(f"{file} ({len(state)} encoder tensors, 0 decoder tensors)", SIZES.get(width)))
    cfg = infer_config(state, config, file, img_size, norm_pix_loss)
    with torch.device("meta"):  # costs neither time nor memory, and draws no random number
        model = cls(cfg)
    prefix = "" if cls is MAE else "encoder."
    check_tensors(state, {prefix + key: value.shape for key, value in model.state_dict().items()}, file)
    loaded = {key.removeprefix(prefix): state.pop(key).to(torch.float32, copy=True) for key in list(state)}
    model.load_state_dict(loaded, strict=True, assign=True)
    for part in model.modules():
        if isinstance(part, MAEEncoder | MAEDecoder):
            part.pos_embed = sincos_2d(cfg.grid_size, part.pos_embed.shape[1])
    return model.to(target).eval()


def _weights_file(path: Path) -> Path:
    """The file of weights of a folder, or the file itself."""
    names = ("model.safetensors", "pytorch_model.bin", "last.pt")
    if path.is_file():
        return path
    for file in (path / name for name in names):
        if file.exists():
            return file
    raise CheckpointError(f"The folder {path} holds none of {', '.join(names)}; pass the path of a file of weights.")
