"""A picture file becomes a normalised tensor, and a tensor becomes a picture again."""

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from mae_lite.config import MAEConfig

MAX_PIXELS = 100_000_000
"""Pictures with more pixels are refused before they are decoded; a fifth of it with deep grey, half if transparent.

So one never takes more than a gigabyte of memory."""

FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP")
"""What is opened. Pillow knows more, but those are rarely photos, and EPS would start another program."""


class ImageError(ValueError):
    """A picture that cannot be used; the message says why and what would work."""


def open_image(
    source: str | Path | bytes | memoryview | Image.Image, mode: str = "RGB", name: str = "These bytes"
) -> Image.Image:
    """Read a picture: upright (EXIF), first frame of an animation, transparency on white, 8 bits a channel.

    Args:
        source: a path, the bytes of a file (an upload widget's too), or a PIL image.
        mode: "RGB", or "L" for one channel.
        name: what messages call the bytes of a file.

    Raises:
        ImageError: if there is no such file, or it is not a picture, is cut short, or has too many pixels.
    """
    if isinstance(source, Image.Image):
        return _decoded(nullcontext(source), "This image", mode)
    if isinstance(source, bytes | memoryview):
        return _decoded(io.BytesIO(source), name, mode)
    try:
        with Path(source).open("rb") as file:
            return _decoded(file, str(source), mode)
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise ImageError(f"{source}: no picture can be read there; check the path.") from error


# What Pillow's decoders raise on damaged files: mostly OSError, but AVIF's RuntimeError, SPIDER's AttributeError, ...
_DAMAGED = (
    OSError, ValueError, SyntaxError, EOFError, RuntimeError, struct.error, TypeError, AttributeError, LookupError,
    ArithmeticError, MemoryError,
)  # fmt: skip


_HEIC = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heif", b"hevc", b"mif1", b"msf1"))


def _decoded(file: Any, name: str, mode: str) -> Image.Image:
    try:
        with _quiet_pillow, file if isinstance(file, nullcontext) else Image.open(file, formats=FORMATS) as img:
            limit = MAX_PIXELS // (5 if img.mode.startswith(("I", "F")) else 2 if img.has_transparency_data else 1)
            if not 0 < img.width * img.height <= limit:
                raise ImageError(
                    f"{name}: {img.width}x{img.height} pixels cannot be used, only 1 to {limit:,}; resize it."
                )
            img.load()
            upright = ImageOps.exif_transpose(img)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        file.seek(4)
        if file.read(8) in _HEIC:
            raise ImageError(f"{name}: this is an HEIC photo, as iPhones take; export it as JPEG first.") from error
        raise ImageError(f"{name}: this is not a picture that can be read; use JPEG, PNG or WebP.") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: it has more than {MAX_PIXELS:,} pixels; resize it first.") from error
    except _DAMAGED as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ImageError(
            f"{name}: the picture is damaged or cut short ({reason}); save or download it again."
        ) from error
    try:
        return _flatten(upright).convert(mode)
    except ValueError as error:
        raise ImageError(f"{name}: its colours ({upright.mode}) cannot be read; save it as RGB first.") from error


class _QuietPillow:
    """Keeps Pillow's remarks on odd metadata and large pictures to itself, also where threads decode side by side."""

    def __init__(self) -> None:
        self.lock, self.users, self.filters = threading.Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self.filters = warnings.catch_warnings()
                self.filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")
            self.users += 1

    def __exit__(self, *error: Any) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.filters.__exit__(*error)


_quiet_pillow = _QuietPillow()


def _flatten(img: Image.Image) -> Image.Image:
    """Bring 16-bit and float grey down to 8 bits, and lay transparency on white."""
    if img.mode.startswith(("I", "F")):
        with np.errstate(invalid="ignore"):  # a signalling NaN
            values = np.asarray(img, dtype=np.float64)
        finite = values[np.isfinite(values)]
        top = float(finite.max(initial=0))
        values = np.nan_to_num(values, nan=0, posinf=top, neginf=0)
        grey = values * (255 / _white(img.mode, top))
        return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    if img.has_transparency_data:
        rgba = (img.convert("LA") if img.mode == "La" else img).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", img.size, "white"), rgba)
    return img


def _white(mode: str, top: float) -> float:
    """The value that stands for white: I;16 says it; I and F take the smallest usual range that holds the values."""
    if mode == "F" and top <= 1:
        return 1.0
    if not mode.startswith("I;16") and top <= 255:
        return 255.0
    return max(65535.0, top)


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
        return _letterbox(img, width, height, grey)
    raise ValueError(f'fit is "{fit}"; use "crop" or "letterbox".')


def _letterbox(img: Image.Image, width: int, height: int, grey: int | tuple[int, int, int]) -> Image.Image:
    scale = min(width / img.width, height / img.height)
    inner = max(1, round(img.width * scale)), max(1, round(img.height * scale))
    canvas = Image.new(img.mode, (width, height), grey)
    canvas.paste(img.resize(inner, Image.Resampling.BICUBIC), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


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


def to_picture(imgs: UInt8[Tensor, "*b c h w"]) -> UInt8[np.ndarray, "*b h w 3"]:
    """Bytes as pictures a screen shows: channels last, on the CPU; one channel becomes grey."""
    return imgs.expand(*imgs.shape[:-3], 3, -1, -1).movedim(-3, -1).contiguous().cpu().numpy()


def enlarge(picture: UInt8[np.ndarray, "h w c"], times: int) -> UInt8[np.ndarray, "H W c"]:
    """Each pixel as a square of `times` x `times`, which keeps patches crisp."""
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def picture_bytes(picture: UInt8[np.ndarray, "h w c"] | Image.Image, format: str, **options: Any) -> bytes:
    """A picture as a file, "jpeg", "png" or "webp"; options are Pillow's, such as `quality` from 0 to 100."""
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, format=format, **options)
    return file.getvalue()


def _statistics(imgs: Tensor, cfg: MAEConfig) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(v, device=imgs.device).view(1, -1, 1, 1) for v in (cfg.mean, cfg.std))
    return mean, std


@runtime_checkable
class Configured(Protocol):
    """A model or an encoder: it says what images it takes, and has its weights on a device."""

    cfg: MAEConfig

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """The weights."""
        ...


def load_image(
    source: str | Path | bytes | memoryview | Image.Image, model: MAEConfig | Configured, fit: str = "crop"
) -> Float[Tensor, "1 c h w"]:
    """A picture as the model takes it: the config's size, normalised by the config's statistics, on its device.

    Args:
        source: a path, the bytes of a file, or a PIL image.
        model: a model, an encoder, or an MAEConfig (then the picture is on the CPU).
        fit: "crop" (centre) or "letterbox".

    Raises:
        ImageError: if the picture cannot be used; the message says why.
        ValueError: if the model's channels are neither 1 nor 3, or `fit` is unknown.
    """
    cfg = model if isinstance(model, MAEConfig) else model.cfg
    modes = {1: "L", 3: "RGB"}
    if cfg.in_chans not in modes:
        raise ValueError(f"A picture has 1 or 3 channels, this model takes {cfg.in_chans}; build its tensor yourself.")
    img = fit_image(open_image(source, modes[cfg.in_chans]), cfg.img_size, fit)
    device = None if isinstance(model, MAEConfig) else next(model.parameters()).device
    return normalize(to_tensor(img)[None].to(device), cfg)
