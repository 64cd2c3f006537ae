"""How good a model is: masked error on images it never saw, beside the fills it must beat."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.images import normalize, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import draw_mask, pixel_mask
from mae_lite.measure.baselines import harmonic_fill, nearest_fill, visible_mean_fill
from mae_lite.measure.quality import masked_mse, masked_psnr, masked_ssim
from mae_lite.measure.reconstruct import FLAT
from mae_lite.measure.table import text_table
from mae_lite.patches import patchify, unpatchify

FILLS = {"visible mean": visible_mean_fill, "nearest": nearest_fill, "harmonic": harmonic_fill}
Score = Callable[[Tensor, Tensor, Tensor], Tensor]
SCORES: dict[str, Score] = {"mse": masked_mse, "psnr": masked_psnr, "ssim": masked_ssim}
COLUMNS = {"mse": ("masked MSE", 3), "psnr": ("PSNR, dB", 2), "ssim": ("SSIM", 3)}
"""Title and decimals of each metric."""


def evaluation_masks(
    cfg: MAEConfig, mask_ratio: float, batch_size: int, *, strategy: str = "random", seed: int = 0
) -> Bool[Tensor, "b n"]:
    """The masks of an evaluation, one an image; refuses at once what could not be measured.

    Raises:
        ValueError: if the model predicts norm-pix targets, whose pixels cannot be compared, or nothing is masked.
    """
    if cfg.norm_pix_loss:
        raise ValueError(
            "This model predicts normalised patches, so its pixels cannot be compared; use a raw-pixel one."
        )
    masks = draw_mask(strategy, cfg.grid_size, mask_ratio, batch_size=batch_size, seed=seed)
    if not masks.any():
        raise ValueError(f"mask_ratio {mask_ratio} hides no patch, so there is nothing to measure; raise it.")
    return masks


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
        strategy: a name that `draw_mask` knows.
        seed: fixes the masks, one an image.

    Returns:
        Errors by name: "model", the three fills, and "true patch mean", an oracle that paints each hidden patch in its
        own mean colour.

    Raises:
        ValueError: if the model predicts norm-pix targets, whose pixels cannot be compared, or nothing is masked.
    """
    scores = masked_scores(model, imgs, mask_ratio, strategy=strategy, seed=seed, metrics=("mse",))
    return stack_scores(scores)["mse"]


def masked_scores(
    model: MAE,
    imgs: Float[Tensor, "b c h w"] | UInt8[Tensor, "b c h w"],
    mask_ratio: float = 0.75,
    *,
    strategy: str = "random",
    seed: int = 0,
    metrics: Sequence[str] = tuple(COLUMNS),
) -> Iterator[dict[str, dict[str, Float[Tensor, ""]]]]:
    """What `masked_errors` measures, and how it looks: an iterator, so that a caller can show how far it is.

    Takes what `masked_errors` takes, and in `metrics` which of COLUMNS to measure.

    Yields:
        For each image the scores of model and rivals by metric and name: "mse" as in `masked_errors`, "psnr" in dB and
        "ssim" as in `mae_lite.measure.quality`, on the pictures that a screen would show. `stack_scores` joins them.

    Raises:
        ValueError: as `masked_errors`.
    """
    masks = evaluation_masks(model.cfg, mask_ratio, len(imgs), strategy=strategy, seed=seed)
    for img, hidden, filled in _fill_each(model, imgs, masks):
        values = torch.cat(list(filled.values())), img
        pictures = to_uint8(values[0], model.cfg), to_uint8(img, model.cfg)
        scores = {metric: SCORES[metric](*(values if metric == "mse" else pictures), hidden) for metric in metrics}
        yield {metric: dict(zip(filled, score, strict=True)) for metric, score in scores.items()}


def stack_scores(
    scores: Iterable[dict[str, dict[str, Float[Tensor, ""]]]],
) -> dict[str, dict[str, Float[Tensor, " b"]]]:
    """Scores image by image, as `masked_scores` yields them, as one tensor for each metric and name."""
    rows = list(scores)
    return {
        metric: {name: torch.stack([row[metric][name] for row in rows]) for name in names}
        for metric, names in rows[0].items()
    }


@torch.inference_mode()
def _fill_each(model: MAE, imgs: Tensor, masks: Bool[Tensor, "b n"]) -> Iterator[tuple[Tensor, Tensor, dict]]:
    """Each normalised image, its hidden pixels, and what the model and its rivals paint there.

    One image at a time: each fill stops when it has converged, and on a CPU stays in the cache.
    """
    cfg, p, device = model.cfg, model.cfg.patch_size, next(model.parameters()).device
    for img, mask in zip(imgs.split(1), masks.split(1), strict=True):
        img = img.cpu() if img.is_floating_point() else normalize(img.cpu(), cfg)
        hidden = pixel_mask(mask, cfg.grid_size, p)
        filled = {"model": unpatchify(model(img.to(device), mask).pred.float().cpu(), p, cfg.grid_size)}
        filled |= {name: fill(img, hidden) for name, fill in FILLS.items()}
        means = patchify(img, p).unflatten(2, (p * p, -1)).mean(dim=2, keepdim=True)
        filled["true patch mean"] = unpatchify(means.expand(-1, -1, p * p, -1).flatten(2), p, cfg.grid_size)
        yield img, hidden, filled


def summarise(
    mse: dict[str, Float[Tensor, " b"]], **others: dict[str, Float[Tensor, " b"]]
) -> dict[str, dict[str, float]]:
    """Mean of each metric, and the model's skill over each competitor, each with its 95 % interval over images.

    Skill is 1 - mean error of the model / mean error of the competitor; there is none over a competitor that makes no
    error, as on plain walls. Intervals are from 1,000 bootstrap samples.

    Args:
        mse: errors by name, "model" among them, as `masked_errors` gives them.
        others: more metrics by name; `summarise(**stack_scores(masked_scores(...)))` takes them all.

    Returns:
        A row for each name: "mse", "mse_low", "mse_high", the same of the others, "skill", "skill_low", "skill_high".
    """
    n = len(mse["model"])
    draws = torch.randint(n, (1000, n), generator=torch.Generator().manual_seed(0))
    samples = {name: e[draws].mean(dim=1) for name, e in mse.items()}
    table = {}
    for name, e in mse.items():
        table[name] = _interval("mse", e.mean(), samples[name])
        for metric, scores in others.items():
            table[name] |= _interval(metric, scores[name].mean(), scores[name][draws].mean(dim=1))
        if name != "model" and e.mean() > FLAT:
            skills = 1 - samples["model"] / samples[name].clamp(min=FLAT)
            table[name] |= _interval("skill", 1 - mse["model"].mean() / e.mean(), skills)
    return table


def _interval(key: str, value: Float[Tensor, ""], samples: Float[Tensor, " s"]) -> dict[str, float]:
    low, high = samples.quantile(torch.tensor([0.025, 0.975])).tolist()
    return {key: value.item(), f"{key}_low": low, f"{key}_high": high}


def format_table(table: dict[str, dict[str, float]]) -> str:
    """The summary as lines of text: means and 95 % intervals."""
    metrics = [metric for metric in COLUMNS if metric in table["model"]]
    rows = [("", *(COLUMNS[metric][0] for metric in metrics), "model's skill over it")]
    for name, row in table.items():
        cells = [_cell(row, metric, f".{COLUMNS[metric][1]}f") for metric in metrics]
        rows.append((name, *cells, _cell(row, "skill", "+.3f") if "skill" in row else ""))
    return text_table(rows, "<")


def _cell(row: dict[str, float], key: str, form: str) -> str:
    return f"{row[key]:{form}} ({row[f'{key}_low']:{form}} to {row[f'{key}_high']:{form}})"


def format_sweep(sweep: list[dict]) -> str:
    """Several summaries as one table of text: a line for each mask ratio, three columns for each strategy.

    Args:
        sweep: dicts with "mask_ratio", "strategy" and "table", the summary.
    """
    strategies, ratios = ([*dict.fromkeys(one[key] for one in sweep)] for key in ("strategy", "mask_ratio"))
    cells = {(one["strategy"], one["mask_ratio"]): _sweep_cell(one["table"]) for one in sweep}
    lines = [" " * 7 + "".join(f"| {strategy:28}" for strategy in strategies)]
    lines.append("hidden " + "| model MSE  harmonic    skill " * len(strategies))
    lines += [f"{100 * ratio:5.4g}% " + "".join(cells[strategy, ratio] for strategy in strategies) for ratio in ratios]
    return "\n".join(line.rstrip() for line in lines)


def _sweep_cell(table: dict[str, dict[str, float]]) -> str:
    skill = f"{table['harmonic']['skill']:+8.3f}" if "skill" in table["harmonic"] else f"{'-':>8}"
    return f"| {table['model']['mse']:9.3f} {table['harmonic']['mse']:9.3f} {skill} "
