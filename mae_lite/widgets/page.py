"""The playground: hide patches of a photo by ratio, seed or brush, and see at once what the model paints there."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anywidget
import numpy as np
from IPython.display import display
from jaxtyping import Bool
from torch import Tensor
from traitlets import Bytes, Enum, Int, List, Unicode

from mae_lite.mae import MAE
from mae_lite.masking import STRATEGIES, mask_from_grid, num_masked
from mae_lite.measure.reconstruct import Reconstruction
from mae_lite.widgets.pictures import Photo, captioned, encoded, thumbnail, uploaded_files, write_new
from mae_lite.widgets.studio import YOURS, Studio
from mae_lite.widgets.words import SHOWN, alt, as_python, facts, file_name, source_title, stand_in, title

HERE = Path(__file__).parent
COALESCE_SECONDS = 0.01
"""Moves that arrive within this time are answered together, by the latest."""
MOST = 0.95  # the ratio at the slider's end
ERRORS = (ValueError, RuntimeError, OSError, MemoryError)
"""What a user or a machine can cause: shown as a line of text. Anything else is a bug and belongs in the log."""
OUT = Path("out")
"""Where files are written, beside the notebook."""
SET_BY_READER = ("photo", "hidden", "seed", "strategy", "show", "chosen", "mask", "request")


def playground(model: MAE | str | Path | None = None, photos: Sequence[str | Path] | None = None) -> "Playground":
    """Hide patches of a photo and watch the model fill them in; the last expression of a cell shows it.

    Args:
        model: a trained model, or what `load_model` takes; the bundled one if left out. The reader can choose others.
        photos: picture files to choose from; the bundled ones if left out. The reader can bring others.

    Raises:
        ValueError: if `photos` is empty, or there is no such model.
    """
    return Playground(model, photos)


class Playground(anywidget.AnyWidget):
    """The widget of `playground`. What a reader can set is an attribute; set it to drive the page by code."""

    _esm = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("painter.js", "playground.js"))
    _css = (HERE / "playground.css").read_text(encoding="utf-8")

    photo = Int(0, min=0, help="which photo").tag(sync=True)
    hidden = Int(0, min=0, help="patches to hide").tag(sync=True)
    seed = Int(0, min=0, max=2**31 - 1).tag(sync=True)
    strategy = Enum((*STRATEGIES, "drawn"), "random").tag(sync=True)
    show = Enum(tuple(SHOWN), "pasted", help="which picture of the reconstruction").tag(sync=True)
    chosen = Unicode(help="name of the model in the menu").tag(sync=True)
    mask = Bytes(help="a byte for each patch, 1 = hidden").tag(sync=True, from_json=lambda value, _: bytes(value))
    request = Int(0, help="the page counts its changes").tag(sync=True)

    answered = Int(0, help="the last request that the picture answers").tag(sync=True)
    serial = Int(0, help="counts the messages to the page").tag(sync=True)
    grid, limit = List([1, 1]).tag(sync=True), Int(0, help="the slider's end").tag(sync=True)
    order: List = List(help="for each patch, how many are hidden before it").tag(sync=True)
    photos: List = List().tag(sync=True)
    models: List = List().tag(sync=True)
    facts: List = List().tag(sync=True)
    source, picture = Bytes(help="the photo, a JPEG").tag(sync=True), Bytes(help="the result, a JPEG").tag(sync=True)
    title, source_title, alt = (Unicode().tag(sync=True) for _ in range(3))
    error, notice, offer, code = (Unicode().tag(sync=True) for _ in range(4))

    shown: Reconstruction | None = None
    """What the picture shows now."""

    def __init__(self, model: MAE | str | Path | None = None, photos: Sequence[str | Path] | None = None):
        self._studio, self._quiet, self._drawn, self._put = Studio(model, photos), False, b"", b""
        self._timer: asyncio.TimerHandle | None = None
        self._source_of: tuple[int, str] | None = None
        super().__init__()
        self.reset()
        self._list()
        self.observe(self._request, SET_BY_READER)
        self.on_msg(self._received)
        self.refresh()

    def _list(self) -> None:
        """The menus of photos and models."""
        new = self._studio.photos[len(self.photos) :]
        self.photos = self.photos + [{"name": photo.name, "picture": thumbnail(photo)} for photo in new]
        self.models = self._studio.menu()

    def _request(self, change: object = None) -> None:
        """Answer soon where an event loop runs, and only the latest of many moves; at once where none does."""
        if self._quiet or self._timer:
            return
        try:
            self._timer = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self.refresh)
        except RuntimeError:
            self.refresh()

    @contextmanager
    def _message(self) -> Iterator[None]:
        """What changes meanwhile goes to the page in one message, and an error as a line."""
        with self.hold_sync():
            try:
                yield
            except ERRORS as error:
                self.error = " ".join(str(error).split()) or type(error).__name__
            finally:
                self.serial += 1

    def refresh(self) -> None:
        """Reconstruct what the controls say and show it; an error becomes a line and leaves the picture."""
        if self._timer:
            self._timer.cancel()
        self._timer, self._quiet = None, True
        try:
            with self._message():
                self.answered = self.request
                self._settle_model()
                self._show(*self._studio.reconstruct(self.photo, self._settle_mask()))
        finally:
            self._quiet = False

    def _settle_model(self) -> None:
        """Use the chosen model; one that is not on this machine waits for another button."""
        studio, before = self._studio, self._studio.model
        self.offer = studio.fetch_note(self.chosen)
        if not self.offer:
            try:
                studio.use(self.chosen)
            except ERRORS:
                self.chosen = studio.name
                raise
        elif self.shown is not None:
            self.offer += f" The picture is still by {studio.name}."
        n, grid = studio.model.num_patches, list(studio.model.cfg.grid_size)
        if grid != self.grid:
            self.strategy = "random" if self.strategy == "drawn" else self.strategy
            self.hidden = num_masked(n, min(self.hidden / before.num_patches, MOST))
            self.grid, self.limit = grid, num_masked(n, MOST)

    def _settle_mask(self) -> Bool[Tensor, "1 n"]:
        """The mask (1, n) that the controls say, shown in the page even if the model cannot answer it."""
        if self.strategy != "drawn":
            self._drawn = b""
        elif not self._drawn or self.mask != self._put:
            self._drawn = self.mask
        order = self._studio.order(self.strategy, self.seed, self._drawn)
        mask = self._studio.cut(order, self.hidden)
        self.order, self.mask = order.tolist(), bytes(mask[0].tolist())
        self._put = self.mask
        return mask

    def _show(self, shown: Reconstruction, milliseconds: float) -> None:
        source = self.photo, self._studio.name
        if self._source_of != source:
            self.source, self._source_of = encoded(shown.original), source
            self.source_title = source_title(self._studio.sizes[self.photo], shown)
        self.shown, self.picture = shown, encoded(getattr(shown, self.show))
        self.title, self.alt = title(shown, self.show), alt(shown, self.show, self._studio.photos[self.photo].name)
        self.facts = facts(shown, milliseconds, self._studio.model)
        self.error = self.notice = self.code = ""

    def _received(self, widget: object, content: dict, buffers: list) -> None:
        """A button of the page was pressed."""
        if self._timer:
            self.refresh()
        files = [{"name": n, "content": b} for n, b in zip(content.get("names", []), buffers, strict=False)]
        actions = {
            "reset": self.reset, "save": self.save, "python": self.copy_as_python, "download": self.download,
            "path": lambda: self.bring(content["text"]), "upload": lambda: self.upload(tuple(files)),
        }  # fmt: skip
        with self._message():
            self.error = self.notice = ""
            actions[content["do"]]()
            if self._timer:
                self.refresh()

    def reset(self) -> None:
        """Back to the first photo and model, the ratio of training, seed 0. Photos that were brought stay."""
        studio = self._studio
        studio.use(studio.first)
        cfg = studio.model.cfg
        with self.hold_trait_notifications():
            self.photo, self.seed, self.strategy, self.show, self.chosen = 0, 0, "random", "pasted", studio.name
            self.grid, self.limit = list(cfg.grid_size), num_masked(cfg.num_patches, MOST)
            self.hidden = num_masked(cfg.num_patches, cfg.mask_ratio)

    def draw(self, grid: Tensor | np.ndarray | Sequence) -> None:
        """Set the mask by hand, as `mask_from_grid` takes it: rows of 0 and 1 (1 = hidden).

        Raises:
            ValueError: if it is no mask, or does not fit the model.
        """
        mask = mask_from_grid(grid, self._studio.model.cfg.grid_size)[0]
        with self.hold_trait_notifications():
            self.strategy, self.hidden, self.mask = "drawn", int(mask.sum()), bytes(mask.tolist())

    def bring(self, source: str | Path | bytes, name: str = "") -> None:
        """Add a photo, from a path or the bytes of a file, and choose it.

        Raises:
            ImageError: if it cannot be read; the message says why.
        """
        if not isinstance(source, bytes):
            source = Path(str(source).strip().strip("\"'")).expanduser()
        name = Path(name).name or getattr(source, "name", "own photo")
        number = self._studio.add(Photo(name, source))
        self._list()
        self.photo = number

    def upload(self, value: tuple | list | dict) -> None:
        """Add the photos of an upload widget's value, in the shape of ipywidgets 7 or 8."""
        for name, content in uploaded_files(value):
            self.bring(content, name)

    def download(self) -> None:
        """Fetch the chosen model and use it. The notebook waits until it is there."""
        self._studio.use(self.chosen)
        self._studio.look_for_models()
        self._list()
        self._request()

    def save(self) -> Path:
        """Write what the model saw, the picture on show and the photo, with captions, to a PNG file in `out/`."""
        shown, photo = self._current()
        picture = captioned(shown, ("masked", self.show, "original"), f"{photo.name}, {self._studio.name}")
        path = write_new(OUT / file_name(photo.name, self.strategy, self.seed, shown, self.show), picture)
        self.notice = f"Saved as {path.resolve()}"
        return path

    def copy_as_python(self) -> str:
        """The Python that gives this picture; an uploaded photo is written to `out/` for it."""
        (shown, photo), studio = self._current(), self._studio
        if isinstance(photo.source, bytes):
            path = write_new(OUT / photo.name, photo.source).resolve()
            photo = studio.photos[self.photo] = photo._replace(source=path)
            self.notice = f"Your photo was saved as {path}, for the code to find it."
        name = "" if studio.name == YOURS else studio.name
        self.code = as_python(name, photo, self.strategy, self.seed, shown, tuple(self.grid), self.show)
        return self.code

    def _current(self) -> tuple[Reconstruction, Photo]:
        if self.shown is None:
            raise ValueError("There is no picture yet; choose a photo that can be read.")
        return self.shown, self._studio.photos[self.photo]

    def _ipython_display_(self) -> None:
        """Show the widget, and after it what a reader without a kernel gets in its place: a figure with alt text."""
        if self._timer:
            self.refresh()
        data, metadata = self._repr_mimebundle_() or ({}, {})
        display(data, metadata=metadata, raw=True)
        if self.shown is not None:
            display(stand_in(self.shown), raw=True)
