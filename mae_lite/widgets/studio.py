"""The playground without its page: photos, models, masks, and the reconstructions made of late."""

import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mae_lite.device import ThreadChoice
from mae_lite.images import load_image, open_image
from mae_lite.mae import MAE
from mae_lite.masking import draw_order, mask_from_grid
from mae_lite.measure.reconstruct import Reconstruction, reconstruct
from mae_lite.weights.assets import list_photos
from mae_lite.weights.catalogue import list_models
from mae_lite.weights.checkpoints import DEFAULT_MODEL, load_model
from mae_lite.weights.prepack import prepack
from mae_lite.widgets.pictures import Photo
from mae_lite.widgets.words import model_note

KEPT = 32
"""Reconstructions that are kept, so that going back costs nothing."""
FIRST_PHOTO = "dahlia"
"""The bundled photo a reader sees first: one that the model fills well, but not perfectly."""
YOURS = "your model"
"""The name in the menu of a model that has none."""


class Studio:
    """One model in use, the photos to choose from, and what they give under a mask.

    Args:
        model: a trained model, or what `load_model` takes; the bundled one if None.
        photos: picture files; the bundled ones if None.

    Raises:
        ValueError: if `photos` is empty, or there is no such model.
    """

    def __init__(self, model: MAE | str | Path | None, photos: Sequence[str | Path] | None):
        bundled = photos is None
        paths = [Path(path) for path in (list_photos() if photos is None else photos)]
        paths.sort(key=lambda path: bundled and path.stem != FIRST_PHOTO)
        self.photos = [Photo(path.stem, path, bundled) for path in paths]
        self.sizes: dict[int, tuple[int, int]] = {}
        if not self.photos:
            raise ValueError("playground got an empty list of photos; leave it out to use the bundled ones.")
        self._own = model if isinstance(model, MAE) else None
        self.first = YOURS if self._own else str(model or DEFAULT_MODEL)
        self.name = ""
        self.use(self.first)
        self._kept: OrderedDict[tuple, tuple[Reconstruction, float]] = OrderedDict()
        self.look_for_models()

    def look_for_models(self) -> None:
        """Find out which models there are and where; nothing is fetched."""
        self._infos = {info.name: info for info in list_models() if info.decoder}

    def menu(self) -> list[dict[str, str]]:
        """The models to choose from: name, label, and where each is."""
        rows = {self.first: {"name": self.first, "label": self.first, "where": "yours"}}
        for name, info in self._infos.items():
            rows[name] = {"name": name, "label": f"{name} ({info.size_mb:,} MB)", "where": info.where}
        return list(rows.values())

    def fetch_note(self, name: str) -> str:
        """What fetching a model would mean, or nothing if it is on this machine."""
        info = self._infos.get(name)
        if name == self.name or info is None or info.where != "download":
            return ""
        return f"{name}: {model_note(info)}. Nothing is fetched until you press Download."

    def use(self, name: str) -> None:
        """Load a model, fetching it if need be; if it cannot be had, the one in use stays.

        Raises:
            ValueError: if there is no such model or its file is damaged.
        """
        if name != self.name:
            self.model = self._own if self._own and name == YOURS else prepack(load_model(name))
            self.name, self._image, self._threads = name, (-1, torch.empty(0)), ThreadChoice()

    def add(self, photo: Photo) -> int:
        """Take a photo, if it can be read; returns its number.

        Raises:
            ValueError: if it cannot be read.
        """
        open_image(photo.source, name=photo.name)
        known = [k for k, other in enumerate(self.photos) if other.source == photo.source]
        if not known:
            self.photos.append(photo)
        return known[0] if known else len(self.photos) - 1

    def _load(self, photo: int) -> Float[Tensor, "1 c h w"]:
        one = self.photos[photo]
        img = open_image(one.source, name=one.name)
        self.sizes[photo] = img.size
        return load_image(img, self.model)

    def order(self, strategy: str, seed: int, drawn: bytes) -> Int[Tensor, " n"]:
        """For each patch how many are hidden before it; of a drawn mask first the drawn ones, then others by chance.

        Raises:
            ValueError: if the drawn mask does not have a byte for each patch.
        """
        grid, n = self.model.cfg.grid_size, self.model.num_patches
        if strategy != "drawn":
            return draw_order(strategy, grid, seed=seed)
        if len(drawn) != n:
            raise ValueError(f"The drawn mask has {len(drawn)} bytes, the model {n} patches; draw it anew.")
        visible = ~torch.tensor(list(drawn), dtype=torch.bool)
        return (draw_order("random", grid, seed=seed) + n * visible).argsort().argsort()

    def cut(self, order: Int[Tensor, " n"], hidden: int) -> Bool[Tensor, "1 n"]:
        """The mask that hides so many patches.

        Raises:
            ValueError: if it hides every patch.
        """
        grid = self.model.cfg.grid_size
        return mask_from_grid((order < hidden).reshape(grid), grid)

    def reconstruct(self, photo: int, mask: Bool[Tensor, "1 n"]) -> tuple[Reconstruction, float]:
        """What the model makes of a photo, and in how many milliseconds; kept for a while.

        Raises:
            ValueError: if there is no such photo, or it cannot be read.
        """
        if photo >= len(self.photos):
            raise ValueError(f"There is no photo {photo}; there are {len(self.photos)}, counted from 0.")
        key = photo, mask.numpy().tobytes(), self.name
        if key not in self._kept:
            if self._image[0] != photo:
                self._image = photo, self._load(photo)
            start = time.perf_counter()
            with self._threads():
                shown = reconstruct(self.model, self._image[1], mask)
            self._kept[key] = shown, 1000 * (time.perf_counter() - start)
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]
