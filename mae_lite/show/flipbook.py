"""Flipbooks: pictures inside the page and a plain HTML slider over them. They need no kernel, widget or network."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mae_lite.images import enlarge, picture_bytes
from mae_lite.show.html import Page, img_html, inline, source

QUALITIES = (85, 70, 50, 30)
"""WebP qualities to try, from the best, until a flipbook is small enough."""
STILLS = 4
"""Frames that a reader sees where scripts do not run."""
BAR = '<span style="font-size:0"> | </span>'
"""Between headings; seen only where a viewer drops all styles."""
GAP = 4
"""Transparent pixels between pictures side by side."""


class Strip(NamedTuple):
    """A picture that stays as it is above or below the frames."""

    picture: UInt8[np.ndarray, "h w c"]
    title: str
    alt: str


def side_by_side(
    pictures: Sequence[UInt8[np.ndarray, "h w 3"]] | UInt8[np.ndarray, "k h w 3"], width: int
) -> UInt8[np.ndarray, "H W 4"]:
    """Pictures in a row, each near `width` pixels wide, with transparent gaps that take the page's colour.

    Small ones are enlarged by whole pixels, which keeps patches crisp; large ones are averaged down to `width`.
    """
    parts = []
    for picture in pictures:
        h, w = picture.shape[:2]
        if w > width:
            small = Image.fromarray(picture).resize((width, round(h * width / w)), Image.Resampling.BOX)
            picture = np.asarray(small)
        else:
            picture = enlarge(picture, round(width / w))
        part = np.pad(picture, ((0, 0), (0, 0), (0, 1)), constant_values=255)
        parts += [np.zeros((len(part), GAP, 4), np.uint8), part]
    return np.concatenate(parts[1:], axis=1)


def flipbook(
    frames: Sequence[UInt8[np.ndarray, "h w c"]],
    labels: Sequence[str],
    alts: Sequence[str],
    *,
    name: str = "frame",
    titles: Sequence[str] = (),
    above: Strip | None = None,
    below: Strip | None = None,
    start: int = 0,
    stills: Sequence[int] | None = None,
    max_bytes: int = 1_000_000,
) -> "Flipbook":
    """Pictures to leaf through with a slider, by mouse, touch or keyboard; the last expression of a cell shows it.

    Where scripts do not run (a notebook that is not trusted, a viewer on the web) a few of the frames are shown below
    each other, with their labels.

    Args:
        frames: pictures of one size, 3 channels or 4 with transparency.
        labels: a line of text for each frame.
        alts: what each frame shows, for readers who cannot see it.
        name: what the slider chooses, such as "training step".
        titles: headings for the parts of a frame, from left to right, equally wide.
        above: a picture to show over all frames.
        below: a picture to show under all frames.
        start: index of the frame to open at.
        stills: indices of the frames to show where scripts do not run; by default the first, the last, and two between.
        max_bytes: limit on the page's share in bytes; the pictures' quality goes down until they fit.

    Raises:
        ValueError: if there is no frame, labels or alts are not as many, frames differ in size, `start` or `stills` are
            none of them, or they do not fit `max_bytes`.
    """
    n, sizes = len(frames), sorted({frame.shape for frame in frames})
    if n == 0:
        raise ValueError("flipbook got no frames; give at least one.")
    if not n == len(labels) == len(alts):
        raise ValueError(f"flipbook got {n} frames, {len(labels)} labels and {len(alts)} alts; give as many of each.")
    if len(sizes) > 1:
        raise ValueError(f"The frames of a flipbook have one size; these have {len(sizes)}, {sizes[0]} and {sizes[1]}.")
    stills = np.linspace(0, n - 1, STILLS).round().astype(int).tolist() if stills is None else list(stills)
    if not stills or not {start, *stills} <= set(range(n)):
        raise ValueError(
            f"start {start} and stills {stills} must be indices of frames, 0 to {n - 1}, and one at least."
        )
    width = sizes[0][1]
    for quality in QUALITIES:
        webp = partial(picture_bytes, format="webp", quality=quality)
        data = tuple(map(webp, frames))
        over, under = (s and (webp(s.picture), s.title, s.alt) for s in (above, below))
        shown = tuple(sorted(set(stills)))
        book = Flipbook(data, tuple(labels), tuple(alts), name, tuple(titles), over, under, start, shown, width)
        if len(book.to_html()) <= max_bytes:
            return book
    raise ValueError(
        f"{n} frames of {sizes[0][0]}x{sizes[0][1]} pixels take {len(book.to_html()):,} bytes at the lowest quality, "
        f"over max_bytes {max_bytes:,}; give fewer or smaller ones."
    )


@dataclass(frozen=True)
class Flipbook(Page):
    """Encoded frames and what belongs to them; `flipbook` makes it and a notebook shows it."""

    frames: tuple[bytes, ...]
    """WebP files."""
    labels: tuple[str, ...]
    alts: tuple[str, ...]
    name: str
    titles: tuple[str, ...]
    above: tuple[bytes, str, str] | None
    below: tuple[bytes, str, str] | None
    start: int
    stills: tuple[int, ...]
    """Frames to show where scripts do not run."""
    width: int
    """Of a frame, in pixels; a narrower page makes it smaller."""

    @property
    def alt(self) -> str:
        """The whole in words."""
        ends = f'from "{self.labels[0]}" to "{self.labels[-1]}"' if len(self.frames) > 1 else f'"{self.labels[0]}"'
        return f"A flipbook of {len(self.frames)} frames, {ends}. {self.alts[self.start]}"

    def to_html(self) -> str:
        """Everything as one piece of HTML: stills, and a script that puts a slider over all frames in their place."""
        book = {
            "name": self.name,
            "labels": self.labels,
            "alts": self.alts,
            "start": self.start,
            "stills": self.stills,
            "frames": [None if i in self.stills else source(data) for i, data in enumerate(self.frames)],
        }
        return "\n".join([
            f'<div class="mae-lite-flipbook" style="max-width:{self.width}px;line-height:1.4">',
            _strip(self.above, self.width), self._titles(), self._stills(), _strip(self.below, self.width),
            inline(__file__, book), "</div>",
        ])  # fmt: skip

    def _titles(self) -> str:
        """Headings over the parts of a frame; where styles are lost they are a line with bars between."""
        column = f"display:inline-block;width:{99.9 / max(1, len(self.titles)):.2f}%;vertical-align:bottom"
        column += ";text-align:center" if len(self.titles) > 1 else ""
        spans = [f'<span style="{column}">{html.escape(title)}</span>' for title in self.titles]
        return f"<div>{BAR.join(spans)}</div>" if spans else ""

    def _stills(self) -> str:
        parts = [_figure(self.frames[i], self.labels[i], self.alts[i], self.width) for i in self.stills]
        if len(self.stills) < len(self.frames):
            parts.append(
                f"<p>{len(self.stills)} of {len(self.frames)} frames; run this cell for a slider over all.</p>"
            )
        return f'<div class="mae-lite-stills">{"".join(parts)}</div>'


def _figure(data: bytes, label: str, alt: str, width: int) -> str:
    image, caption = img_html(data, alt, "webp", width), f"<figcaption>{html.escape(label)}</figcaption>"
    return f'<figure style="margin:0 0 8px 0">{image}{caption}</figure>'


def _strip(strip: tuple[bytes, str, str] | None, width: int) -> str:
    if strip is None:
        return ""
    data, title, alt = strip
    return f'<div style="margin:4px 0">{html.escape(title)}<br>{img_html(data, alt, "webp", width)}</div>'
