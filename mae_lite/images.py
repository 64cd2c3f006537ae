"""A picture file becomes a normalised tensor, and a tensor becomes a picture again."""

import io
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from mae_lite.config import MAEConfig

MAX_PIXELS = 100_000_000
"""Pictures with more pixels are refused before they are decoded."""


class ImageError(ValueError):
    """A picture that cannot be used; the message says why and what would work."""


def open_image(source: str | Path | bytes | Image.Image, mode: str = "RGB") -> Image.Image:
    """Read a picture: upright (EXIF), first frame of an animation, transparency on white, 8 bits a channel.

    Args:
        source: a path, the bytes of a file, or a PIL image.
        mode: "RGB", or "L" for one channel.

    Raises:
        ImageError: if there is no such file, or it is not a picture, is cut short, or has too many pixels.
    """
    name = "These bytes" if isinstance(source, bytes) else "This image" if isinstance(source, Image.Image) else source
    try:
        img = source if isinstance(source, Image.Image) else _opened(source)
        if img.width * img.height > MAX_PIXELS:
            raise ImageError(
                f"{name}: {img.width}x{img.height} pixels are more than {MAX_PIXELS:,}; make the picture smaller first."
            )
        img.load()
        img = ImageOps.exif_transpose(img)
        return _flatten(img).convert(mode)
    except ImageError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ImageError(f"{name}: no picture can be read there; check the path.") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: this is not a picture that Pillow can read; use JPEG, PNG or WebP.") from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ImageError(
            f"{name}: the picture is damaged or cut short ({error}); save or download it again."
        ) from error


def _opened(source: str | Path | bytes) -> Image.Image:
    return Image.open(io.BytesIO(source) if isinstance(source, bytes) else Path(source))


def _flatten(img: Image.Image) -> Image.Image:
    """Bring 16-bit and float grey down to 8 bits, and lay transparency on white."""
    if img.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(img, dtype=np.float64), posinf=0, neginf=0)
        top = values.max()
        scale = 255.0 if img.mode == "F" and top <= 1 else 1.0 if top <= 255 else 255 / 65535
        return Image.fromarray((values * scale).round().clip(0, 255).astype(np.uint8))
    if img.has_transparency_data:
        rgba = img.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", img.size, "white"), rgba)
    return img


def fit_image(img: Image.Image, size: tuple[int, int], fit: str = "crop") -> Image.Image:
    """Bring a picture to `size` (height, width) without distorting it.

    Args:
        img: the picture.
        size: height and width in pixels.
        fit: "crop" fills the size and cuts off the rest, centred; "letterbox" shows all of it on grey.

    Raises:
        ValueError: if `fit` is another word.
    """
    height, width = size
    if fit == "crop":
        return ImageOps.fit(img, (width, height), Image.Resampling.BICUBIC)
    if fit == "letterbox":
        grey = 128 if img.mode == "L" else (124, 116, 104)  # ImageNet's mean: 0 once normalised
        return ImageOps.pad(img, (width, height), Image.Resampling.BICUBIC, color=grey)
    raise ValueError(f'fit is "{fit}"; use "crop" or "letterbox".')


def to_tensor(img: Image.Image) -> UInt8[Tensor, "c h w"]:
    """The pixels of a picture as bytes, channels first."""
    values = np.array(img)
    return torch.from_numpy(values.reshape(*values.shape[:2], -1)).permute(2, 0, 1).contiguous()


def normalize(pixels: UInt8[Tensor, "b c h w"], cfg: MAEConfig) -> Float[Tensor, "b c h w"]:
    """Bytes to the units the model works in: (x / 255 - mean) / std per channel."""
    mean, std = _statistics(pixels, cfg)
    return (pixels / 255 - mean) / std


def to_uint8(imgs: Float[Tensor, "b c h w"], cfg: MAEConfig) -> UInt8[Tensor, "b c h w"]:
    """Back to bytes: undo `normalize`, clamp to what a screen can show, round. The only way back in this package."""
    mean, std = _statistics(imgs, cfg)
    return ((imgs.float() * std + mean) * 255).clamp(0, 255).round().to(torch.uint8)


def _statistics(imgs: Tensor, cfg: MAEConfig) -> tuple[Tensor, Tensor]:
    return tuple(torch.tensor(v, device=imgs.device).view(1, -1, 1, 1) for v in (cfg.mean, cfg.std))


def load_image(source: str | Path | bytes | Image.Image, model, fit: str = "crop") -> Float[Tensor, "1 c h w"]:
    """A picture as the model takes it: the config's size, normalised by the config's statistics.

    Args:
        source: a path, the bytes of a file, or a PIL image.
        model: a model, or its MAEConfig.
        fit: "crop" (centre) or "letterbox".

    Raises:
        ImageError: if the picture cannot be used; the message says why.
        ValueError: if the model's channels are neither 1 nor 3, or `fit` is unknown.
    """
    cfg = getattr(model, "cfg", model)
    modes = {1: "L", 3: "RGB"}
    if cfg.in_chans not in modes:
        raise ValueError(f"A picture has 1 or 3 channels, this model takes {cfg.in_chans}; build its tensor yourself.")
    img = fit_image(open_image(source, modes[cfg.in_chans]), cfg.img_size, fit)
    return normalize(to_tensor(img)[None], cfg)
