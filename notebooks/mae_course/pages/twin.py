"""A sentence and a photo side by side, hidden to the same share: guess, then see the guesses. Needs no kernel."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.images import enlarge, picture_bytes, to_picture, to_uint8
from mae_lite.masking import pixel_mask
from mae_lite.measure.quality import masked_mse
from mae_lite.measure.reconstruct import GREY
from mae_lite.show.html import Page, img_html, inline, source

TURN, TRUTH = "your turn", "the truth"
WIDTH = 224
"""Of the photo, in pixels."""
STILLS = ((0.15, TURN), (0.15, TRUTH), (0.75, TURN), (0.75, TRUTH))
"""What a reader sees where scripts do not run; the nearest shares there are."""


@dataclass(frozen=True)
class Pair:
    """A sentence and a photo at one share hidden, with one answer."""

    sentence: str
    """HTML."""
    picture: bytes
    """A WebP file."""
    label: str
    """How much is hidden, and how good the guesses are."""
    alt: str
    """The photo in words."""


@dataclass(frozen=True)
class Twin(Page):
    """All frames, by share and by answer; the last expression of a cell shows them."""

    shares: tuple[float, ...]
    answers: tuple[str, ...]
    frames: tuple[tuple[Pair, ...], ...]
    """A row a share, a column an answer."""

    @property
    def alt(self) -> str:
        """The whole in words."""
        first, last = self.frames[0][0], self.frames[-1][0]
        return f"A sentence and a photo, {first.label.rstrip('.')}, to {last.label} Answers: {', '.join(self.answers)}."

    def to_html(self) -> str:
        """Stills, and a script that puts a slider and buttons in their place."""
        rows = [[[f.sentence, source(f.picture), f.label, f.alt] for f in row] for row in self.frames]
        book = {"shares": [f"{share:.0%}" for share in self.shares], "answers": self.answers, "frames": rows}
        book["start"] = self._nearest(0.15)
        stills = "".join(self._still(share, answer) for share, answer in STILLS)
        note = "<p>Four of the frames; run this cell for a slider over all.</p>"
        return (
            f'<div class="mae-lite-twin" style="max-width:760px;line-height:1.4"><div class="mae-lite-stills">{stills}'
            f"{note}</div>{inline(__file__, book)}</div>"
        )

    def _nearest(self, share: float) -> int:
        return min(range(len(self.shares)), key=lambda k: abs(self.shares[k] - share))

    def _still(self, share: float, answer: str) -> str:
        frame = self.frames[self._nearest(share)][self.answers.index(answer)]
        picture = img_html(frame.picture, frame.alt, "webp", WIDTH)
        return f"<div><b>{html.escape(answer)}</b>: {html.escape(frame.label)}<p>{frame.sentence}</p>{picture}</div>"


def twin_slider(
    words: Sequence[str],
    word_masks: Bool[Tensor, "k n"],
    word_fills: Mapping[str, Sequence[Sequence[str]]],
    photo: Float[Tensor, "1 c h w"],
    masks: Bool[Tensor, "k m"],
    photo_fills: Mapping[str, Sequence[Float[Tensor, "1 c h w"]]],
    cfg: MAEConfig,
) -> Twin:
    """Make the twin slider.

    Args:
        words: the sentence.
        word_masks: True = hidden, a row a share.
        word_fills: by name of the answer, the sentence filled in for each row; visible words are not looked at.
        photo: normalised.
        masks: of patches, True = hidden, as many rows.
        photo_fills: the photo filled in, by the same names.
        cfg: of the model, for patches and colours.

    Raises:
        ValueError: if words and photo have not the same answers, or one has not a fill for each row.
    """
    counts = {len(fill) for fill in (*word_fills.values(), *photo_fills.values(), word_masks, masks)}
    if list(word_fills) != list(photo_fills) or len(counts) > 1:
        raise ValueError(
            f"twin_slider got answers {list(word_fills)} for words and {list(photo_fills)} for the photo, of lengths "
            f"{sorted(counts)}; give the same names, and one fill for each row of the masks."
        )
    answers, rows = (TURN, *word_fills, TRUTH), []
    for k, (word_mask, mask) in enumerate(zip(word_masks.tolist(), masks, strict=True)):
        hidden = pixel_mask(mask[None], cfg.grid_size, cfg.patch_size)
        row = []
        for answer in answers:
            said = word_fills[answer][k] if answer in word_fills else words
            filled = photo_fills[answer][k] if answer in photo_fills else photo
            label = _label(words, word_mask, said, photo, hidden, filled, answer)
            shown = torch.where(hidden, GREY if answer == TURN else to_uint8(filled, cfg), to_uint8(photo, cfg))
            sentence = " ".join(map(_word, words, said, word_mask, [answer] * len(words)))
            alt = f"A photo with {mask.float().mean():.0%} of its patches hidden. {answer.capitalize()}. {label}"
            row.append(Pair(sentence, picture_bytes(_pixels(shown), "webp", quality=80), label, alt))
        rows.append(tuple(row))
    return Twin(tuple(masks.float().mean(dim=1).tolist()), answers, tuple(rows))


def _label(words, word_mask, said, photo, hidden, filled, answer) -> str:
    n = sum(word_mask)
    if answer in (TURN, TRUTH):
        return f"{n} of {len(words)} words and {hidden.float().mean():.0%} of the photo are hidden."
    right = sum(m and a == b for a, b, m in zip(said, words, word_mask, strict=True))
    error = masked_mse(filled, photo, hidden).item()
    return f"{right} of {n} hidden words right ({right / n:.0%}); the photo's MSE is {error:.2f}."


def _word(true: str, said: str, hidden: bool, answer: str) -> str:
    """A word as HTML; what a guess is worth is said by a sign, not by colour alone."""
    if not hidden:
        return html.escape(true)
    if answer == TURN:
        return '<span aria-label="hidden" style="border:1px dashed;border-radius:3px;padding:0 1em">?</span>'
    if answer == TRUTH:
        return f"<u><b>{html.escape(true)}</b></u>"
    sign, colour = ("✓", "#009E73") if said == true else ("✗", "#D55E00")
    return f'<span style="white-space:nowrap;border-bottom:3px solid {colour}">{html.escape(said)}&nbsp;{sign}</span>'


def _pixels(picture: Tensor):
    """Enlarged by whole pixels, as numpy (h, w, 3)."""
    return enlarge(to_picture(picture[0]), max(1, round(WIDTH / picture.shape[3])))
