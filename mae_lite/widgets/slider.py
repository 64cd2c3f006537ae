"""Drag the share of hidden patches and watch the reconstruction follow."""

import asyncio
import html
import io
import time
from collections.abc import Sequence
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from IPython.display import display
from PIL import Image
from traitlets import Unicode

from mae_lite.assets import list_photos
from mae_lite.figures import show_reconstruction
from mae_lite.images import load_image
from mae_lite.mae import MAE
from mae_lite.masking import STRATEGIES, draw_mask
from mae_lite.reconstruction import Reconstruction, reconstruct

PANELS = ("original", "masked", "output", "pasted")
PANEL_SIDE = 224
"""A panel is shown about this wide, in screen pixels."""
GAP = 8
COALESCE_SECONDS = 0.02
"""Moves that arrive within this time are answered together, by the latest."""
ERRORS = (ValueError, RuntimeError, OSError, MemoryError)
"""What a user or a machine can cause: shown as a line of text. Anything else is a bug and belongs in the log."""
NO_KERNEL = "The controls need a running kernel: open this notebook in JupyterLab and run the cell."
TWIN_STYLE = (
    "<style>.jp-OutputArea-child:has(.mae-lite-lab) + .jp-OutputArea-child:has(.mae-lite-twin) {display: none}</style>"
)
"""Hides the figure while the widget before it is alive; a page that ignores it shows both."""


class NamedImage(widgets.Image):
    """A picture whose `tooltip` is its accessible name, for ipywidgets.Image has no alt text."""

    description = Unicode("").tag(sync=True)  # JupyterLab shows a tooltip only on what has a description, empty or not


def reconstruction_slider(model: MAE, photos: Sequence[str | Path] | None = None) -> "ReconstructionSlider":
    """Controls for photo, mask and seed over the model's reconstruction; the last expression of a cell shows it.

    Args:
        model: a trained model.
        photos: picture files to choose from; the bundled ones if left out. The reader can bring others.

    Raises:
        ValueError: if `photos` is empty.
    """
    return ReconstructionSlider(model, photos)


class ReconstructionSlider(widgets.VBox):
    """The widget of `reconstruction_slider`. Its controls are attributes; set their `.value` to drive it by code."""

    shown: Reconstruction | None = None
    """What the picture shows now."""

    def __init__(self, model: MAE, photos: Sequence[str | Path] | None = None):
        paths = list_photos() if photos is None else [Path(photo) for photo in photos]
        if not paths:
            raise ValueError("reconstruction_slider got an empty list of photos; leave it out to use the bundled ones.")
        self._model, self._source, self._image, self._pending = model, None, None, False
        self._make_controls([(path.stem, path) for path in paths])
        self._make_views()
        choices = widgets.HBox([self.photo, self.strategy, self.seed], layout={"flex_flow": "row wrap"})
        own = widgets.HBox([self.upload, self.path], layout={"flex_flow": "row wrap"})
        views = [self.titles, self.picture, self.status, self.message]
        super().__init__([choices, widgets.HBox([self.hidden, self.share]), *views, own, self.refused])
        for control in (self.photo, self.strategy, self.seed, self.hidden):
            control.observe(self._request, names="value")
        self.upload.observe(self._uploaded, names="value")
        self.path.observe(self._typed, names="value")
        self.add_class("mae-lite-lab")
        self.refresh()

    def _make_controls(self, photos: list[tuple[str, Path]]) -> None:
        n, ratio = self._model.num_patches, self._model.cfg.mask_ratio
        self.photo = widgets.Dropdown(options=photos, description="Photo", tooltip="Photo to hide patches of")
        self.strategy = widgets.Dropdown(
            options=STRATEGIES, description="Mask", tooltip="How the hidden patches are chosen"
        )
        self.seed = widgets.BoundedIntText(
            value=0, min=0, max=2**31 - 1, description="Seed", tooltip="Another seed hides other patches"
        )
        self.hidden = widgets.IntSlider(
            value=min(round(n * ratio), n - 1), max=n - 1, description="Hidden", tooltip="Number of patches to hide",
            layout={"flex": "1 1 auto", "max_width": "640px"},
        )  # fmt: skip
        self.share = widgets.HTML()
        self.upload = widgets.FileUpload(
            accept="image/*", description="Own photo", tooltip="Upload a picture; it stays on this machine"
        )
        self.path = widgets.Text(
            description="or its path", placeholder="a file, then Enter", continuous_update=False,
            tooltip="Path of a picture file; press Enter",
        )  # fmt: skip

    def _make_views(self) -> None:
        h, w = self._model.cfg.img_size
        width = len(PANELS) * (PANEL_SIDE + GAP) - GAP
        self.titles = widgets.HTML(layout={"width": "100%", "max_width": f"{width}px"})
        self.picture = NamedImage(
            format="jpeg",
            layout={"width": "100%", "max_width": f"{width}px", "height": "auto", "min_height": "24px"},
        )
        self.status, self.message, self.refused = widgets.HTML(), widgets.HTML(), widgets.HTML()

    def _request(self, change=None) -> None:
        """Answer soon where an event loop runs, and only the latest of many moves; at once where none does."""
        if self._pending:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.refresh()
            return
        self._pending = True
        loop.call_later(COALESCE_SECONDS, self.refresh)

    def refresh(self) -> None:
        """Reconstruct what the controls say and show it; an error becomes a line and leaves the picture."""
        self._pending = False
        n, hidden = self._model.num_patches, self.hidden.value
        self.share.value = f"of {n} patches = {hidden / n:.0%}"
        try:
            if self._source != self.photo.value:
                self._image, self._source = load_image(self.photo.value, self._model), self.photo.value
            mask = draw_mask(self.strategy.value, self._model.cfg.grid_size, hidden / n, seed=self.seed.value)
            start = time.perf_counter()
            shown = reconstruct(self._model, self._image, mask)
        except ERRORS as error:
            self.message.value = alert(error)
            return
        self.message.value = ""
        self._show(shown, milliseconds=1000 * (time.perf_counter() - start))

    def _show(self, shown: Reconstruction, milliseconds: float) -> None:
        self.shown = shown
        with self.picture.hold_sync():  # one message, so that no reader meets a picture with another's name
            self.picture.value, self.picture.tooltip = picture_bytes(shown), shown.alt
        cells = "".join(f'<span style="text-align:center">{html.escape(shown.titles[name])}</span>' for name in PANELS)
        grid = f"display:grid;grid-template-columns:repeat({len(PANELS)},1fr);gap:{GAP}px;line-height:1.3"
        self.titles.value = f'<div style="{grid}">{cells}</div>'
        self.status.value = f'<div style="line-height:1.4">{html.escape(status_line(shown, milliseconds))}</div>'

    def _uploaded(self, change) -> None:
        for name, content in uploaded_files(change["new"]):
            self._bring(f"own: {name}", content)

    def _typed(self, change) -> None:
        text = change["new"].strip().strip("\"'")
        if text:
            path = Path(text).expanduser()
            self._bring(f"own: {path.name}", path)

    def _bring(self, name: str, source: Path | bytes) -> None:
        """Add a picture to the menu and choose it, if it can be read."""
        try:
            load_image(source, self._model)
        except ERRORS as error:
            self.refused.value = alert(error)
            return
        self.refused.value = ""
        kept = [option for option in self.photo.options if option[1] != source]
        self.photo.options = [*kept, (name, source)]
        self.photo.value = source

    def _ipython_display_(self) -> None:
        """Show the widget, and after it what a reader without a kernel gets in its place: a figure with alt text."""
        if self._pending:
            self.refresh()
        display(self._repr_mimebundle_(), raw=True)
        if self.shown is not None:
            twin = (
                f'{TWIN_STYLE}<div class="mae-lite-twin">{show_reconstruction(self.shown).to_html()}{NO_KERNEL}</div>'
            )
            display({"text/html": twin, "text/plain": f"{self.shown.alt} {NO_KERNEL}"}, raw=True)


def alert(error: Exception) -> str:
    """What went wrong, in a line."""
    sentence = " ".join(str(error).split()) or type(error).__name__
    return f'<div role="alert" style="line-height:1.4">⚠ {html.escape(sentence)}</div>'


def picture_bytes(shown: Reconstruction) -> bytes:
    """The panels side by side with gaps, enlarged by whole pixels to a readable size, as a JPEG."""
    h, w = shown.original.shape[:2]
    times = max(1, round(PANEL_SIDE / w))
    gap = np.full((h * times, GAP, 3), 255, np.uint8)
    parts = []
    for name in PANELS:
        parts += [gap, getattr(shown, name).repeat(times, axis=0).repeat(times, axis=1)]
    file = io.BytesIO()
    Image.fromarray(np.concatenate(parts[1:], axis=1)).save(file, format="jpeg", quality=90, subsampling=0)
    return file.getvalue()


def status_line(shown: Reconstruction, milliseconds: float) -> str:
    """What was seen, how far off the rest is, and how long it took."""
    hidden, n = int(shown.mask.sum()), shown.mask.shape[1]
    parts = [f"{n - hidden} of {n} patches seen"]
    if shown.mse is None:
        parts.append("nothing hidden, so nothing to measure")
    else:
        parts.append(f"on hidden patches: MSE {shown.mse:.3f}")
    if shown.psnr is not None:
        parts.append(f"PSNR {shown.psnr:.1f} dB")
    if shown.skill is not None:
        parts += [f"skill {shown.skill:+.2f} against the harmonic fill"]
    return ", ".join([*parts, f"{milliseconds:.0f} ms"])


def uploaded_files(value: tuple | list | dict) -> list[tuple[str, bytes]]:
    """Names and contents from FileUpload.value, in the shape of ipywidgets 8 (dicts in a tuple) or 7 (dict by name)."""
    if isinstance(value, dict):
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]
