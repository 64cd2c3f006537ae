"""What the playground sends to the page: photos, pictures and uploads as bytes."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from mae_lite.images import ImageError, enlarge, fit_image, open_image, picture_bytes
from mae_lite.measure.reconstruct import Reconstruction
from mae_lite.show.figures import metrics_line

PICTURE_SIDE = 336
"""A picture's width is the whole multiple of the model's that is nearest to this."""
THUMBNAIL_SIDE = 64
CAPTION = 42
"""Height of the bands above and below a saved picture, in pixels."""


class Photo(NamedTuple):
    """A photo to choose."""

    name: str
    source: Path | bytes
    bundled: bool = False


def enlarged(picture: UInt8[np.ndarray, "h w 3"], width: int) -> Image.Image:
    """A picture, or several side by side of which each has `width`, enlarged by whole pixels."""
    times = max(1, round(PICTURE_SIDE / width))
    return Image.fromarray(enlarge(picture, times))


def encoded(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """An enlarged picture as a JPEG."""
    return picture_bytes(enlarged(picture, picture.shape[1]), "jpeg", quality=90, subsampling=0)


def captioned(shown: Reconstruction, panels: tuple[str, ...], name: str) -> bytes:
    """The named pictures as a PNG, each under its title, with the name and the measures below."""
    strip = enlarged(shown.strip(panels), shown.original.shape[1])
    page = Image.new("RGB", (strip.width, strip.height + 2 * CAPTION), "white")
    page.paste(strip, (0, CAPTION))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(CAPTION // 3)
    for k, panel in enumerate(panels):
        centre = (k + 0.5) * strip.width / len(panels), CAPTION / 2
        pen.multiline_text(centre, shown.titles[panel], "black", font, anchor="mm", align="center")
    pen.text((strip.width / 2, page.height - CAPTION / 2), f"{name}; {metrics_line(shown)}", "black", font, anchor="mm")
    told = PngInfo()
    told.add_itxt("Description", shown.alt)
    return picture_bytes(page, "png", pnginfo=told)


def thumbnail(photo: Photo) -> bytes:
    """A small square JPEG, or nothing if the photo cannot be read: choosing it says why."""
    try:
        small = fit_image(open_image(photo.source), (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    except ImageError:
        return b""
    return picture_bytes(small, "jpeg", quality=85)


def uploaded_files(value: tuple | list | dict) -> list[tuple[str, bytes]]:
    """Names and contents from FileUpload.value, in the shape of ipywidgets 8 (dicts in a tuple) or 7 (dict by name)."""
    if isinstance(value, dict):
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]


def write_new(path: Path, content: bytes) -> Path:
    """Write a file, its folder too; if another file has that name, the name gets the next number."""
    path = path.with_name(re.sub(r"[^\w.-]+", "-", path.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    numbered, number = path, 1
    while numbered.exists() and numbered.read_bytes() != content:
        number += 1
        numbered = path.with_stem(f"{path.stem}-{number}")
    numbered.write_bytes(content)
    return numbered
