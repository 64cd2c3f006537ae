"""A training's film as pictures: a flipbook by training step, or some of its frames as rows."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from mae_lite.measure.film import FILM_PHOTOS, Film
from mae_lite.show.flipbook import Flipbook, Strip, flipbook, side_by_side
from mae_lite.show.style import DPI, STYLE, AltFigure, show_picture

VIEW_WIDTH = 896
"""Pixels that the photos of a film share when it is shown."""


def film_flipbook(
    film: Film,
    photos: Sequence[str] = FILM_PHOTOS,
    *,
    paste: bool = True,
    batch_size: int | None = None,
    max_bytes: int = 1_000_000,
) -> Flipbook:
    """The outputs, to leaf through by training step, between what the model is given and the originals.

    Args:
        film: from `load_film`.
        photos: which of `FILM_PHOTOS`, in this order; fewer are shown larger.
        paste: whether to lay the true visible patches over the output.
        batch_size: images a step, if the labels shall say how many were seen.
        max_bytes: limit on the page's share in bytes.

    Raises:
        ValueError: if a photo is not part of the film, or the frames do not fit `max_bytes`.
    """
    labels = [film.label(i, batch_size) for i in range(len(film.steps))]
    kind = "output + visible patches" if paste else "raw output, also where patches were visible"
    names, n = ", ".join(photos), film.mask.shape[1]
    seen = n - int(film.mask[0].sum())
    return flipbook(
        [film_row(film.frame(i, paste=paste), photos) for i in range(len(film.steps))],
        labels,
        [f"{kind[0].upper()}{kind[1:]}, {label}: {names}." for label in labels],
        name="frame",
        titles=[kind],
        above=Strip(
            film_row(film.masked, photos),
            f"given to the model: {seen} of {n} patches",
            f"Photos with {n - seen} of {n} patches hidden: {names}.",
        ),
        below=Strip(film_row(film.originals, photos), "original", f"The photos: {names}."),
        start=len(film.steps) - 1,
        stills=film.picks(4),
        max_bytes=max_bytes,
    )


def show_film(film: Film, frames: int = 6, photos: Sequence[str] = FILM_PHOTOS) -> AltFigure:
    """Some frames of a training's film as rows, between what the model is given and the originals.

    Args:
        film: from `load_film`.
        frames: how many at most, chosen as far apart in what they show.
        photos: which of `FILM_PHOTOS`; fewer are shown larger.

    Raises:
        ValueError: if a photo is not part of the film.
    """
    picked = film.picks(frames)
    rows = {f"step\n{film.steps[i]:,}": film.frame(i) for i in picked}
    rows = {"given": film.masked} | rows | {"original": film.originals}
    pictures = {name: film_row(row, photos) for name, row in rows.items()}
    h, w = next(iter(pictures.values())).shape[:2]
    width, n = w / DPI + 0.8, len(rows)  # inches: a pixel of a picture is one of the figure's
    fig = AltFigure(figsize=(width, n * (h + 8) / DPI))
    fig.format = "jpeg"
    for k, (name, picture) in enumerate(pictures.items()):
        ax = fig.add_axes((0.8 / width, 1 - (k + 1) / n, 1 - 0.8 / width, h / (h + 8) / n))
        show_picture(ax, picture)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", **STYLE)
    fig.alt = (
        f"{', '.join(photos)}: what the model is given, its output with the visible patches pasted over at "
        f"{'; '.join(film.label(i) for i in picked)}; and the originals."
    )
    return fig


def film_row(pictures: UInt8[np.ndarray, "8 h w 3"], photos: Sequence[str] = FILM_PHOTOS) -> UInt8[np.ndarray, "H W 4"]:
    """Those of eight pictures that are of the named photos, side by side; the fewer, the larger.

    Raises:
        ValueError: if no photo is named, or one that is not part of the film.
    """
    missing = [name for name in photos if name not in FILM_PHOTOS]
    if missing or not photos:
        raise ValueError(f"The film shows {', '.join(FILM_PHOTOS)}; it has no {', '.join(missing) or 'empty list'}.")
    return side_by_side(pictures[[FILM_PHOTOS.index(name) for name in photos]], min(224, VIEW_WIDTH // len(photos)))
