"""Searches on a trained model: which patches tell most, and how many must be visible for a given PSNR."""

import functools
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mae_lite.images import load_image, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.quality import masked_psnr
from mae_lite.measure.sweeps import guess
from mae_lite.patches import unpatchify
from mae_lite.weights.assets import asset_path
from mae_lite.weights.checkpoints import load_model


def trained_and(name: str) -> tuple[MAE, Float[Tensor, "1 c h w"]]:
    """The bundled model, and the bundled photo of that name as it takes it, on the CPU."""
    model = load_model(device="cpu")
    return model, load_image(asset_path("photos", f"{name}.jpg"), model)


def errors_when_shown(model: MAE, image: Float[Tensor, "1 c h w"], shown: Int[Tensor, "b k"]) -> Float[Tensor, " b"]:
    """The squared errors of all hidden patches added up, for each row of patches to show."""
    masks = torch.ones(len(shown), model.num_patches, dtype=torch.bool).scatter(1, shown, False)
    found = guess(model, image, masks)
    return ((found.preds - found.patches).square().mean(dim=2) * masks).sum(dim=1)


def greedy_patches(model: MAE, image: Float[Tensor, "1 c h w"], candidates: Sequence[int], k: int = 10) -> list[int]:
    """Patches to show, one after the other, each the one that lowers the error of the rest most."""
    chosen = []
    for _ in range(k):
        left = [patch for patch in candidates if patch not in chosen]
        errors = errors_when_shown(model, image, torch.tensor([[*chosen, patch] for patch in left]))
        chosen.append(left[int(errors.argmin())])
    return chosen


def best_alone(model: MAE, image: Float[Tensor, "1 c h w"], candidates: Sequence[int], k: int = 10) -> list[int]:
    """The k patches that tell most when shown alone, the best first."""
    errors = errors_when_shown(model, image, torch.tensor(candidates)[:, None])
    return torch.tensor(candidates)[errors.argsort()[:k]].tolist()


def visible_psnr(model: MAE, image: Float[Tensor, "1 c h w"], seed: int | None = 0, whole: bool = False):
    """A function that gives the PSNR with so many patches visible; it remembers what it measured.

    Args:
        model: a trained model on the CPU.
        image: as `load_image` gives it.
        seed: of all masks; None gives each count a seed of its own.
        whole: whether to measure the whole picture with the visible patches pasted in, and not what was hidden.
    """
    truth, cfg = to_uint8(image, model.cfg), model.cfg

    @functools.cache
    @torch.no_grad()
    def psnr(visible: int) -> float:
        mask = random_mask(cfg.num_patches, 1 - visible / cfg.num_patches, seed=visible if seed is None else seed)
        hidden = pixel_mask(mask, cfg.grid_size, cfg.patch_size)
        output = unpatchify(model(image, mask).pred, cfg.patch_size, cfg.grid_size)
        if whole:
            output, hidden = torch.where(hidden, output, image), torch.ones_like(hidden)
        return masked_psnr(to_uint8(output, cfg), truth, hidden).item()

    return psnr


def scan(psnr: Callable[[int], float], target: float, most: int = 195) -> int | None:
    """The smallest count with at least that PSNR, found by looking at each from 1 up."""
    return next((visible for visible in range(1, most + 1) if psnr(visible) >= target), None)


def bisect(psnr: Callable[[int], float], target: float) -> int:
    """A count with at least that PSNR and one below it with less; the smallest only if PSNR never falls."""
    low, high = 1, 195
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if psnr(middle) >= target else (middle + 1, high)
    return low
