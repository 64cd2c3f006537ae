"""Watch a model learn: its loss and what it paints in the same photos, redrawn in place, with a button to stop."""

import asyncio
import itertools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import anywidget
import numpy as np
import torch
from IPython.display import display
from jaxtyping import Float, UInt8
from torch import Tensor
from traitlets import Bool, Bytes, List, Unicode

from mae_lite.images import picture_bytes, to_picture, to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.measure.film import output_pictures
from mae_lite.measure.reconstruct import GREY
from mae_lite.show.figures import show_history
from mae_lite.show.flipbook import GAP, Flipbook, Strip, flipbook, side_by_side
from mae_lite.show.html import img_html
from mae_lite.train.data import LazyImages
from mae_lite.train.pretrain import PretrainConfig, pretrain
from mae_lite.widgets.curve import curve_alt, curve_svg
from mae_lite.widgets.words import stand_in_html

HERE = Path(__file__).parent
PICTURE_SIDE = 128
"""A photo's width is the whole multiple of the model's that is nearest to this."""
PAGES = 33
"""Frames of a flipbook at most."""
ROWS = ("given", "painted", "original")
"""The rows of pictures, from top to bottom."""


class Frame(NamedTuple):
    """What there was to see at a step."""

    step: int
    """Steps done."""
    loss: float | None
    """Mean training loss since the frame before; None before training."""
    painted: UInt8[np.ndarray, "H W 4"]
    """The photos with the model's output where patches are hidden, side by side."""


async def watch_training(
    model: MAE,
    images: UInt8[Tensor, "n c s s2"] | LazyImages,
    cfg: PretrainConfig,
    photos: Mapping[str, Float[Tensor, "1 c h w"]],
    *,
    every: int = 20,
    out: str | Path | None = None,
) -> "Training":
    """Train a model in place, as `pretrain` does, and show it learn.

    In a cell, `view = await` this: the cell ends when the training does, so the next one finds the model trained. After
    each step it lets the kernel read what the page sent, which is how Stop gets in. The notebook's interrupt button
    does the same, also where a page's messages have to wait for the cell, as with ipykernel 6. The model is then as far
    as it got.

    Args:
        model: on the device to train on, for raw pixels of 1 or 3 channels.
        images: as `pretrain` takes them.
        cfg: how to train.
        photos: what to redraw, by name, as `load_image` gives them.
        every: steps between two redraws.
        out: folder for what `pretrain` keeps; by default nothing is kept.

    Raises:
        TrainingError: as `pretrain`, before anything is shown if the settings do not fit.
        ValueError: if there are no photos, or they do not fit the model.
    """
    view = Training(model, photos, cfg.epochs * (len(images) // cfg.batch_size), every)
    with tempfile.TemporaryDirectory() as folder:
        steps = pretrain(model, images, cfg, out or folder)
        first = next(steps)
        display(view)
        try:
            for record in itertools.chain([first], steps):
                view.add(record)
                await asyncio.sleep(0)
                if view.stopped:
                    break
        except (KeyboardInterrupt, asyncio.CancelledError):  # the interrupt button, during a step or between two
            view.stop()
        view.finish()
    display(view.stand_in(), raw=True)
    return view


class Training(anywidget.AnyWidget):
    """The widget of `watch_training`, and what is left to look at: `history`, `frames`, `flipbook()`."""

    _esm = (HERE / "training.js").read_text(encoding="utf-8")
    _css = (HERE / "training.css").read_text(encoding="utf-8")

    names: List = List().tag(sync=True)
    rows: List = List(list(ROWS)).tag(sync=True)
    pictures = Bytes(help="all photos, a WebP file").tag(sync=True)
    alt, curve = Unicode().tag(sync=True), Unicode(help="an SVG").tag(sync=True)
    status = Unicode().tag(sync=True)
    said = Unicode(help="the status, now and then, to be read out").tag(sync=True)
    running = Bool(True).tag(sync=True)

    def __init__(self, model: MAE, photos: Mapping[str, Float[Tensor, "1 c h w"]], total: int, every: int):
        cfg = model.cfg
        if not photos or cfg.norm_pix_loss or cfg.in_chans not in (1, 3):
            raise ValueError(
                f"watch_training needs a photo or more, and a model that paints pixels in 1 or 3 channels; it got "
                f"{len(photos)} photos, norm_pix_loss {cfg.norm_pix_loss} and {cfg.in_chans} channels."
            )
        self.history: list[dict] = []
        """The records of all steps, as `pretrain` yields them."""
        self.frames: list[Frame] = []
        """What there was to see, a frame for each redraw."""
        self.stopped = False
        """Whether somebody asked to stop."""
        self._model, self._total, self._every, self._quarter = model, total, every, 0
        self._imgs = torch.cat([x.cpu() for x in photos.values()])
        self._mask = random_mask(cfg.num_patches, cfg.mask_ratio, batch_size=len(photos))
        self._hidden = pixel_mask(self._mask, cfg.grid_size, cfg.patch_size)[:, 0, :, :, None].numpy()
        self._originals = to_picture(to_uint8(self._imgs, cfg))
        super().__init__(names=list(photos))
        self.on_msg(self._received)
        self._redraw()

    def _received(self, widget: object, content: dict, buffers: list) -> None:
        if content.get("do") == "stop":  # with some kernels on another thread, so it only leaves a note
            self.stop()

    def stop(self) -> None:
        """End the training after the step at hand."""
        self.stopped = True

    def add(self, record: dict) -> None:
        """Take a step's record; redraw when it is time."""
        self.history.append(record)
        if record["step"] % self._every == 0:
            self._redraw()

    def finish(self) -> None:
        """Show how far it got."""
        if self.history and self.frames[-1].step != self.history[-1]["step"]:
            self._redraw()
        self.running = False
        self._say(last=True)

    def _redraw(self) -> None:
        output = output_pictures(self._model, self._imgs, self._mask)
        painted = _in_a_row(np.where(self._hidden, output, self._originals))
        since = self.history[self.frames[-1].step :] if self.frames else []
        loss = sum(record["loss"] for record in since) / len(since) if since else None
        self.frames.append(Frame(len(self.history), loss, painted))
        with self.hold_sync():
            self.pictures, self.alt = picture_bytes(self._sheet(), "webp", quality=85), self._alt()
            self.curve = curve_svg(self._points(), self._total)
            self._say()

    def _points(self) -> list[tuple[int, float]]:
        return [(frame.step, frame.loss) for frame in self.frames if frame.loss is not None]

    def _say(self, last: bool = False) -> None:
        """The line of text; read out at quarters and at the end only."""
        now, seconds = self.frames[-1], self.history[-1]["seconds"] if self.history else 0
        text = f"step {now.step:,} of {self._total:,}"
        text += "" if now.loss is None else f" · loss {now.loss:.3f} · {seconds:.0f} s"
        if last and now.step < self._total:
            text = f"Stopped at {text} · the model is as far as it got, and can be used"
        elif last:
            text = f"Done: {text}"
        elif now.step:
            text += f", about {seconds / now.step * (self._total - now.step):.0f} s to go"
        self.status, quarter = text, 4 * now.step // max(1, self._total)
        if last or quarter > self._quarter:
            self.said, self._quarter = text, quarter

    def _given(self) -> UInt8[np.ndarray, "H W 4"]:
        return _in_a_row(np.where(self._hidden, np.uint8(GREY), self._originals))

    def _sheet(self) -> UInt8[np.ndarray, "H W 4"]:
        """All rows of pictures as one."""
        given, painted = self._given(), self.frames[-1].painted
        gap = np.zeros((GAP, given.shape[1], 4), np.uint8)
        return np.concatenate([given, gap, painted, gap, _in_a_row(self._originals)])

    def _alt(self) -> str:
        hidden, n = int(self._mask[0].sum()), self._mask.shape[1]
        return (
            f"{', '.join(self.names)}: what the model is given, {n - hidden} of {n} patches; what it paints after "
            f"{self.frames[-1].step:,} of {self._total:,} steps; and the originals."
        )

    def flipbook(self) -> Flipbook:
        """What the model painted from the first step to the last, to leaf through without a kernel."""
        picked = np.linspace(0, len(self.frames) - 1, min(PAGES, len(self.frames))).round().astype(int)
        frames, names = [self.frames[i] for i in picked], ", ".join(self.names)
        losses = ["before training" if f.loss is None else f"training loss {f.loss:.3f}" for f in frames]
        return flipbook(
            [frame.painted for frame in frames],
            [f"step {f.step:,} of {self._total:,}, {loss}" for f, loss in zip(frames, losses, strict=True)],
            [f"What the model paints after {f.step:,} steps: {names}." for f in frames],
            name="step",
            titles=tuple(self.names),
            above=Strip(self._given(), "given to the model", f"Photos with most patches hidden: {names}."),
            below=Strip(_in_a_row(self._originals), "original", f"The photos: {names}."),
            start=len(frames) - 1,
            max_bytes=400_000,
        )

    def stand_in(self) -> dict[str, str]:
        """What a reader without a kernel gets in place of the widget: the curve and the pictures, with alt text."""
        figure = show_history([{"step": float(step), "loss": loss} for step, loss in self._points()])
        figure.alt, sheet = curve_alt(self._points()), self._sheet()
        picture = img_html(picture_bytes(sheet, "webp", quality=85), self._alt(), "webp", sheet.shape[1])
        page = f"{figure.to_html()}<div>From top to bottom: {', '.join(ROWS)}.</div>{picture}<div>{self.status}</div>"
        page = stand_in_html("mae-lite-training", page)
        return {"text/html": page, "text/plain": f"{figure.alt} {self._alt()} {self.status}"}


def _in_a_row(pictures: UInt8[np.ndarray, "k h w 3"]) -> UInt8[np.ndarray, "H W 4"]:
    return side_by_side(pictures, PICTURE_SIDE)
