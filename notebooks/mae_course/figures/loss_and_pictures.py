"""Figures of the loss: which patches count, what norm-pix keeps, and what a prediction looks like with a leak."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.images import enlarge, to_picture, to_tensor, to_uint8
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE
from mae_lite.masking import pixel_mask
from mae_lite.measure.attention import untrained
from mae_lite.measure.reconstruct import GREY
from mae_lite.patches import denormalize_patches, normalize_patches, patchify, unpatchify
from mae_lite.show.flipbook import Flipbook, flipbook, side_by_side
from mae_lite.show.style import LINES, STYLE, AltFigure

LEAK = "LEAK"
"""What is written over a picture that was made with a part of the answer."""
BANNER = (213, 94, 0)
"""Its colour, an orange that white can be read on."""
HIDDEN, VISIBLE = "#F6DDB3", "0.92"
"""Rows that count and rows that do not; the words stand beside them."""


def show_masked_loss(
    patches: Float[Tensor, "n patch_dim"], pred: Float[Tensor, "n patch_dim"], mask: Bool[Tensor, " n"]
) -> AltFigure:
    """The loss as a sum on paper: truth, prediction, squared errors, their mean for each patch, and which count.

    Args:
        patches: few and short enough to read.
        pred: what was predicted.
        mask: True = hidden, which is what counts.
    """
    (n, length), errors = patches.shape, (pred - patches).square()
    columns = {"patch": 1.9} | dict.fromkeys(("truth", "prediction", "squared error"), float(length)) | {"mean": 1.5}
    fig = AltFigure(figsize=(0.55 * sum(columns.values()) + 1.0, 0.46 * (n + 2) + 0.1), layout="constrained")
    ax, left = fig.subplots(), 0.0
    for name, width in columns.items():
        ax.text(left + width / 2, -0.4, name, ha="center", va="center", fontweight="bold", **STYLE)
        table = {"truth": patches, "prediction": pred, "squared error": errors}.get(name)
        for k in range(n):
            words = [f"{k}: hidden" if mask[k] else f"{k}: visible"] if name == "patch" else [f"{errors[k].mean():g}"]
            _cells(ax, left, k, width, words if table is None else [f"{v:g}" for v in table[k]], bool(mask[k]))
        left += width + 0.3
    loss = errors.mean(dim=1)[mask].mean()
    text = f"loss = mean of the hidden rows = {loss:g}"
    ax.text(left - 0.3, n + 0.5, text, ha="right", va="center", fontweight="bold", **STYLE)
    ax.set(xlim=(-0.1, left), ylim=(n + 0.9, -0.8))
    ax.axis("off")
    rows = [f"patch {k}, {'hidden' if mask[k] else 'visible'}: {errors[k].mean():g}" for k in range(n)]
    fig.alt = f"Truth, prediction and squared errors of {n} patches. Mean squared error: {'; '.join(rows)}. {text}."
    return fig


def _cells(ax, left: float, row: int, width: float, words: Sequence[str], hidden: bool) -> None:
    """A row of words on a tinted ground; pale where it does not count."""
    colour, ink = (HIDDEN, "black") if hidden else (VISIBLE, "0.45")
    ax.fill((left, left + width, left + width, left), (row, row, row + 0.9, row + 0.9), color=colour, linewidth=0)
    for i, word in enumerate(words):
        ax.text(
            left + (i + 0.5) * width / len(words), row + 0.47, word, ha="center", va="center", color=ink, fontsize=11
        )


def show_norm_pix(patches: Mapping[str, Float[Tensor, " patch_dim"]]) -> AltFigure:
    """Small grey patches as they are, with mean and deviation below, and under them what norm-pix makes of them.

    Args:
        patches: by name; each a square of one channel, with few enough numbers to read.
    """
    pixels = torch.stack(list(patches.values()))
    target, mean, std = (x[0] for x in normalize_patches(pixels[None]))
    side, words = int(target.shape[1] ** 0.5), []
    fig = AltFigure(figsize=(1.8 * len(patches) + 0.6, 4.3), layout="constrained")
    axes = fig.subplots(2, len(patches), squeeze=False)
    for k, (name, patch) in enumerate(patches.items()):
        _draw_square(axes[0, k], patch.reshape(side, side), (pixels.min().item(), pixels.max().item()))
        axes[0, k].set_title(name, **STYLE)
        axes[0, k].set_xlabel(f"mean {mean[k].item():.2f}, deviation {std[k].item():.2f}", fontsize=9)
        _draw_square(axes[1, k], target[k].reshape(side, side), (-1.5, 1.5))
        row = ", ".join(f"{v:.2f}" for v in target[k].tolist())
        words.append(f"{name}: {', '.join(f'{v:g}' for v in patch.tolist())} becomes {row}")
    for ax, name in zip(axes[:, 0], ("pixels", "norm-pix"), strict=True):
        ax.set_ylabel(name, **STYLE)
    fig.alt = f"{len(patches)} patches and the same normalised by their own mean and deviation. {'; '.join(words)}."
    return fig


def _draw_square(ax, table: Float[Tensor, "p p"], scale: tuple[float, float]) -> None:
    ax.imshow(table.numpy(), cmap="gray", vmin=scale[0], vmax=scale[1])
    for (y, x), value in np.ndenumerate(table.numpy()):
        style = {"facecolor": "white", "alpha": 0.8, "pad": 1.5, "linewidth": 0}
        ax.text(x, y, f"{value:.2g}", ha="center", va="center", bbox=style, fontsize=11)
    ax.set(xticks=[], yticks=[])


def stamp_leak(picture: UInt8[Tensor, "3 h w"]) -> UInt8[Tensor, "3 H W"]:
    """The picture, twice as large, with a banner across its top that says LEAK and stays when it is copied."""
    image = Image.fromarray(enlarge(to_picture(picture), 2))
    height = max(12, image.height // 9)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width, height), fill=BANNER)
    font = ImageFont.load_default(size=round(height * 0.8))
    draw.text((image.width / 2, height / 2), LEAK, fill="white", font=font, anchor="mm")
    return to_tensor(image)


def views_flipbook(
    photo: Float[Tensor, "1 c h w"],
    masks: Bool[Tensor, "k n"],
    views: Sequence[Mapping[str, Float[Tensor, "1 n patch_dim"]]],
    cfg: MAEConfig,
    leaks: Collection[str] = (),
) -> Flipbook:
    """A slider over masks of one photo: what is given, each way to show a prediction with its error, and the photo.

    Args:
        photo: normalised.
        masks: True = hidden, a row a frame; each hides something.
        views: for each mask the predicted patches by the name of the way to show them, the same names for all. The
            true visible patches are pasted over.
        cfg: of the model, for patches and colours.
        leaks: the ways that use a part of the answer; their pictures get a banner.

    Raises:
        ValueError: if there are not as many views as masks, their names differ, or none has the name of a leak.
    """
    names = list(views[0]) if views else []
    if len(views) != len(masks) or any(list(view) != names for view in views) or set(leaks) - set(names):
        raise ValueError(
            f"views_flipbook got {len(masks)} masks, {len(views)} views, the first of {names}, leaks {list(leaks)}; "
            "give a view for each mask, all of the same names, and leaks among them."
        )
    frames, labels, alts = [], [], []
    original, patches = to_uint8(photo, cfg)[0].expand(3, -1, -1), patchify(photo, cfg.patch_size)
    for mask, view in zip(masks, views, strict=True):
        given = original.where(~pixel_mask(mask[None], cfg.grid_size, cfg.patch_size)[0], GREY)
        pasted = {name: pred.where(mask[None, :, None], patches) for name, pred in view.items()}
        pictures = {name: _picture(one, cfg) for name, one in pasted.items()}
        row = [("", given), *pictures.items(), ("", original)]
        shown = [to_picture(stamp_leak(x)) if name in leaks else enlarge(to_picture(x), 2) for name, x in row]
        frames.append(side_by_side(shown, width=224))
        errors = ", ".join(f"{name} {mae_loss(one, patches, mask[None]):.3f}" for name, one in pasted.items())
        labels.append(f"{int(mask.sum())} of {len(mask)} patches hidden. MSE: {errors}")
        alts.append(f"A photo with {int(mask.sum())} of {len(mask)} patches hidden. MSE of {errors}.")
    titles = ("given", *(f"{name}: a leak" if name in leaks else name for name in names), "original")
    start = (masks.float().mean(dim=1) - 0.75).abs().argmin().item()
    return flipbook(frames, labels, alts, name="patches hidden", titles=titles, start=start, max_bytes=500_000)


def _picture(patches: Float[Tensor, "1 n patch_dim"], cfg: MAEConfig) -> UInt8[Tensor, "3 h w"]:
    """Patches as bytes that a screen can show."""
    return to_uint8(unpatchify(patches, cfg.patch_size, cfg.grid_size), cfg)[0].expand(3, -1, -1)


def show_error_parts(parts: Mapping[str, tuple[float, float]], leaks: Collection[str] = ()) -> AltFigure:
    """Bars of errors in two parts: brightness (error of a patch's mean) and structure (the rest).

    Args:
        parts: for each name the two parts of its mean squared error.
        leaks: the names that use a part of the answer; marked in words and hatched.
    """
    fig = AltFigure(figsize=(8, 0.5 * len(parts) + 1.1), layout="constrained")
    ax, words = fig.subplots(), []
    for k, (name, (brightness, structure)) in enumerate(parts.items()):
        look = {"hatch": "///" if name in leaks else None, "edgecolor": "white", "linewidth": 0.5}
        ax.barh(k, brightness, color=LINES[1][0], label="brightness" if k == 0 else None, **look)
        ax.barh(k, structure, left=brightness, color=LINES[0][0], label="structure" if k == 0 else None, **look)
        ax.text(brightness + structure, k, f" {brightness + structure:.3f}", va="center", **STYLE)
        words.append(f"{name} {brightness:.3f} + {structure:.3f}")
    names = [f"{name} ({LEAK})" if name in leaks else name for name in parts]
    ax.set_yticks(range(len(parts)), names, **STYLE)
    ax.set(
        ylim=(len(parts) - 0.5, -0.5), xlabel="MSE on hidden patches", xlim=(0, 1.15 * max(map(sum, parts.values())))
    )
    ax.legend(frameon=False, loc="center right", **STYLE)
    ax.spines[["top", "right"]].set_visible(False)
    fig.alt = f"Mean squared error on hidden patches as brightness + structure: {'; '.join(words)}."
    return fig


SUSPECTS = ("leak", "no decoder", "norm-pix", "raw")
"""What made picture A, B, C and D of `suspects`. If you are solving the exercise, you have not seen this line."""


@torch.inference_mode()
def suspects(
    raw: MAE, norm_pix: MAE, photo: Float[Tensor, "1 3 h w"], mask: Bool[Tensor, "1 n"]
) -> dict[str, UInt8[Tensor, "3 h w"]]:
    """Four pictures of the hidden patches of one photo by four kinds of checkpoint or viewer, named A to D.

    Args:
        raw: predicts pixels.
        norm_pix: predicts normalised patches, at the same size.
        photo: normalised.
        mask: True = hidden.
    """
    patches = patchify(photo, raw.cfg.patch_size)
    _, mean, std = normalize_patches(patches)
    blank = untrained(raw)  # a decoder that was never trained, behind a trained encoder
    blank.encoder.load_state_dict(raw.encoder.state_dict())
    pred = norm_pix(photo, mask).pred
    kinds = {"raw": raw(photo, mask).pred, "norm-pix": pred, "no decoder": blank(photo, mask).pred}
    kinds["leak"] = denormalize_patches(pred, mean, std)
    return {letter: _picture(kinds[kind].cpu(), raw.cfg) for letter, kind in zip("ABCD", SUSPECTS, strict=True)}
