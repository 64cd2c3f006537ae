"""How good a model is: masked error on images it never saw, beside the fills it must beat."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mae_lite.baselines import harmonic_fill, nearest_fill, pixel_mask, visible_mean_fill
from mae_lite.images import normalize
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask
from mae_lite.patches import patchify, unpatchify

FILLS = {"visible mean": visible_mean_fill, "nearest": nearest_fill, "harmonic": harmonic_fill}


@torch.inference_mode()
def masked_errors(
    model: MAE,
    imgs: Float[Tensor, "b c h w"] | UInt8[Tensor, "b c h w"],
    mask_ratio: float = 0.75,
    *,
    strategy: str = "random",
    seed: int = 0,
) -> dict[str, Float[Tensor, " b"]]:
    """Mean squared error on masked patches, image by image in normalised units, of the model and of its rivals.

    Args:
        model: a model with raw-pixel targets.
        imgs: images of the model's size, normalised, or as bytes, which take a quarter of the memory.
        mask_ratio: share of patches to hide.
        strategy: "random", "block" or "grid".
        seed: fixes the masks, one an image.

    Returns:
        Errors by name: "model", the three fills, and "true patch mean", an oracle that paints each hidden patch in its
        own mean colour.

    Raises:
        ValueError: if the model predicts norm-pix targets, whose pixels cannot be compared, or nothing is masked.
    """
    cfg, p = model.cfg, model.cfg.patch_size
    if cfg.norm_pix_loss:
        raise ValueError(
            "This model predicts normalised patches, so its pixels cannot be compared; use a raw-pixel one."
        )
    masks = draw_mask(strategy, cfg.grid_size, mask_ratio, batch_size=len(imgs), seed=seed)
    if not masks.any():
        raise ValueError(f"mask_ratio {mask_ratio} hides no patch, so there is nothing to measure; raise it.")
    device = next(model.parameters()).device
    rows = []
    # One image at a time: each fill stops when it has converged, and on a CPU stays in the cache.
    for img, mask in zip(imgs.split(1), masks.split(1), strict=True):
        img = img.cpu() if img.is_floating_point() else normalize(img.cpu(), cfg)
        hidden = pixel_mask(mask, cfg.grid_size, p)
        patches = patchify(img, p)
        filled = {"model": unpatchify(model(img.to(device), mask).pred.float().cpu(), p, cfg.grid_size)}
        filled |= {name: fill(img, hidden) for name, fill in FILLS.items()}
        means = patches.unflatten(2, (p * p, -1)).mean(dim=2, keepdim=True)
        filled["true patch mean"] = unpatchify(means.expand(-1, -1, p * p, -1).flatten(2), p, cfg.grid_size)
        rows.append(
            {name: ((x - img).square() * hidden).sum() / (hidden.sum() * img.shape[1]) for name, x in filled.items()}
        )
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def summarise(errors: dict[str, Float[Tensor, " b"]]) -> dict[str, dict[str, float]]:
    """Mean error, and the model's skill over each competitor, each with its 95 % interval over images.

    Skill is 1 - mean error of the model / mean error of the competitor. Intervals are from 1,000 bootstrap samples.
    """
    n = len(errors["model"])
    draws = torch.randint(n, (1000, n), generator=torch.Generator().manual_seed(0))
    means = {name: e[draws].mean(dim=1) for name, e in errors.items()}
    table = {}
    for name, e in errors.items():
        low, high = means[name].quantile(torch.tensor([0.025, 0.975])).tolist()
        table[name] = {"mse": e.mean().item(), "mse_low": low, "mse_high": high}
        if name != "model":
            skill = 1 - errors["model"].mean() / e.mean()
            low, high = (1 - means["model"] / means[name]).quantile(torch.tensor([0.025, 0.975])).tolist()
            table[name] |= {"skill": skill.item(), "skill_low": low, "skill_high": high}
    return table


def format_table(table: dict[str, dict[str, float]]) -> str:
    """The summary as lines of text."""
    lines = [f"{'':16} {'masked MSE':>10}  {'95 % interval':15}  model's skill over it"]
    for name, row in table.items():
        line = f"{name:16} {row['mse']:10.3f}  {row['mse_low']:.3f} to {row['mse_high']:.3f} "
        if "skill" in row:
            line += f"  {row['skill']:+.3f} ({row['skill_low']:+.3f} to {row['skill_high']:+.3f})"
        lines.append(line)
    return "\n".join(lines)
