"""Pictures of every kind that Pillow can write, as (name, bytes), and ways to damage them. Seeded: always the same."""

import io
import struct
from collections.abc import Iterator

import numpy as np
import PIL
from PIL import Image, ImageCms

MODES = (
    "1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "I;16B", "F"
)  # fmt: skip
FORMATS = (
    "AVIF", "BMP", "DDS", "EPS", "GIF", "ICO", "ICNS", "IM", "JPEG", "JPEG2000", "MPO", "MSP", "PCX", "PDF", "PNG",
    "PPM", "QOI", "SGI", "SPIDER", "TGA", "TIFF", "WEBP", "XBM",
)  # fmt: skip
SIZES = ((1, 1), (2, 3), (37, 29), (300, 1), (1, 300), (20_000, 10), (10, 20_000))


def photo(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Smooth colours and noise, so that every codec has something to do."""
    width, height = size
    rng = np.random.default_rng(width * 7 + height)
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([x, y, 255 - x], axis=2) + rng.normal(0, 20, (height, width, 3))
    rgb = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if mode in ("La", "RGBa"):
        return rgb.convert({"La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    if mode == "LAB":
        return Image.merge("LAB", rgb.split())
    if mode in ("I;16", "I;16B"):
        return Image.fromarray(np.asarray(rgb.convert("L"), dtype=np.uint16) * 257).convert(mode)
    return rgb.convert(mode)


def encoded(img: Image.Image, fmt: str, **options) -> bytes | None:
    """The file, or None if the format cannot hold the mode or size."""
    file = io.BytesIO()
    try:
        img.save(file, fmt, **options)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, struct.error, AttributeError):
        return None
    return file.getvalue()


def _plain() -> Iterator[tuple[str, bytes | None]]:
    for fmt in FORMATS:
        for mode in MODES:
            yield f"{mode} in {fmt}", encoded(photo((37, 29), mode), fmt)
        for size in SIZES:
            yield f"{size[0]}x{size[1]} {fmt}", encoded(photo(size), fmt)


def _turned() -> Iterator[tuple[str, bytes | None]]:
    for fmt in ("AVIF", "JPEG", "PNG", "TIFF", "WEBP"):
        for orientation in (*range(10), 65535):
            exif = Image.Exif()
            exif[0x0112] = orientation
            yield f"orientation {orientation} {fmt}", encoded(photo((37, 29)), fmt, exif=exif)
    yield "exif that is noise", encoded(photo((37, 29)), "JPEG", exif=b"Exif\0\0" + bytes(range(256)))


def _special() -> Iterator[tuple[str, bytes | None]]:
    frames = [photo((37, 29)).rotate(90 * k) for k in range(3)]
    for fmt in ("AVIF", "GIF", "PNG", "TIFF", "WEBP", "MPO"):
        yield f"three frames {fmt}", encoded(frames[0], fmt, save_all=True, append_images=frames[1:])
    yield "progressive JPEG", encoded(frames[0], "JPEG", progressive=True)
    yield "JPEG of quality 1", encoded(frames[0], "JPEG", quality=1)
    yield "lossless WebP", encoded(frames[0], "WEBP", lossless=True)
    for mode, icc in (("RGB", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()), ("CMYK", b"noise")):
        for fmt in ("JPEG", "PNG", "TIFF", "WEBP"):
            yield f"{mode} with a colour profile {fmt}", encoded(photo((37, 29), mode), fmt, icc_profile=icc)
    palette = photo((37, 29)).quantize(16)
    for fmt, transparency in (("PNG", 3), ("PNG", bytes(range(0, 256, 16))), ("GIF", 3)):
        yield f"palette with transparency {fmt} {transparency!r}", encoded(palette, fmt, transparency=transparency)
    for dtype in (np.float32, np.int32, np.uint16):
        for value in (0, 1, 255, 65535, 2**31 - 1, -(2**31)):
            array = np.full((29, 37), np.clip(value, *_limits(dtype)), dtype=dtype)
            yield f"{np.dtype(dtype)} {value} TIFF", encoded(Image.fromarray(array), "TIFF")
    for value in (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-38):
        array = np.linspace(0, 1, 37 * 29, dtype=np.float32).reshape(29, 37).copy()
        array[:5] = value
        yield f"float with {value} TIFF", encoded(Image.fromarray(array), "TIFF")
    zstd = ("zstd",) if int(PIL.__version__.split(".")[0]) >= 13 else ()  # 11.3 without it crashes on writing
    for compression in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg", "group4", *zstd):
        mode = "1" if compression == "group4" else "RGB"
        yield f"{compression} TIFF", encoded(photo((37, 29), mode), "TIFF", compression=compression)


def _limits(dtype) -> tuple[float, float]:
    info = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    return info.min, info.max


def corpus() -> dict[str, bytes]:
    """Every picture that Pillow here could write, by a name that says what it is."""
    return {name: data for part in (_plain, _turned, _special) for name, data in part() if data}


def truncations(data: bytes, count: int = 10) -> Iterator[bytes]:
    """The first bytes of a file, cut at places spread over it."""
    yield from (data[: len(data) * k // count] for k in range(count))


def flips(data: bytes, count: int = 50, seed: int = 0) -> Iterator[bytes]:
    """Copies with one to four bytes changed, half of them in the header."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        damaged = bytearray(data)
        reach = len(data) if k % 2 else min(len(data), 200)
        for place in rng.integers(0, reach, rng.integers(1, 5)):
            damaged[place] = rng.integers(256)
        yield bytes(damaged)
