"""What the playground sends to the page: photos, pictures and uploads as bytes."""

import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mae_lite.images import ImageError, fit_image, open_image

PICTURE_SIDE = 336
"""A picture's width is the whole multiple of the model's that is nearest to this."""
THUMBNAIL_SIDE = 64


class Photo(NamedTuple):
    """A photo to choose."""

    name: str
    source: Path | bytes
    bundled: bool = False


def encoded(picture: UInt8[np.ndarray, "h w 3"], width: int, format: str = "jpeg") -> bytes:
    """A picture, or several side by side of which each has `width`, enlarged by whole pixels, as a JPEG or PNG."""
    times = max(1, round(PICTURE_SIDE / width))
    file = io.BytesIO()
    options = {"quality": 90, "subsampling": 0} if format == "jpeg" else {}
    Image.fromarray(picture.repeat(times, axis=0).repeat(times, axis=1)).save(file, format=format, **options)
    return file.getvalue()


def thumbnail(photo: Photo) -> bytes:
    """A small square JPEG, or nothing if the photo cannot be read: choosing it says why."""
    try:
        small = fit_image(open_image(photo.source), (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    except ImageError:
        return b""
    file = io.BytesIO()
    small.save(file, format="jpeg", quality=85)
    return file.getvalue()


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
