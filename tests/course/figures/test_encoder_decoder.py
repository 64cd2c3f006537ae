"""Figures of tokens show each list in order, say it in words, and draw the journey only of what is known."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mae_course.figures.encoder_decoder import journey_flipbook, known_pictures, show_tokens
from mae_course.pages.token_ledger import CLS, Ledger
from mae_lite.config import MAEConfig
from mae_lite.images import to_uint8
from mae_lite.measure.reconstruct import GREY
from mae_lite.patches import patchify

ROWS = {"patches": ["0", "1", "2"], "encoder": ["cls", "2"], "append": ["2", "M0", "M1"], "restore": ["M0", "M1", "2"]}
CFG = MAEConfig(img_size=(16, 24), patch_size=8, embed_dim=8, num_heads=2, decoder_embed_dim=8, decoder_num_heads=2)
MASK = torch.tensor([[True, False, True, False, True, True]])  # of 2 x 3 patches
IMG = torch.linspace(-1, 1, 3 * 16 * 24).reshape(1, 3, 16, 24)
VISIBLE, HIDDEN = [1, 3], [0, 2, 4, 5]


def pixels_of(fig):
    file = io.BytesIO()
    fig.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def test_tokens_are_written_in_order_and_lines_lead_to_the_same_patch():
    fig = show_tokens(ROWS)
    (ax,) = fig.axes
    written = [text.get_text() for text in ax.texts]
    assert written == [
        *("patches", "0", "1", "2"), *("encoder", "cls", "2"), *("append", "2", "M", "M"), *("restore", "M", "M", "2")
    ]  # fmt: skip
    lines = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert lines == [(2, 1), (1, 0), (1, 0), (2, 1), (0, 2)], "from the place in one list to the place in the next"
    assert "append: 2, M, M; restore: M, M, 2" in fig.alt
    assert len(np.unique(pixels_of(fig).reshape(-1, 3), axis=0)) > 50


def test_no_list_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        show_tokens({})


@pytest.fixture
def ledger():
    """Patches, the visible ones with a class token, mask tokens back in order, a prediction, its error."""
    book = Ledger(MASK, visible=3, hidden=4)
    patches = patchify(IMG, 8)
    book.note("cut", patches, range(6), pixels=True)
    book.note("keep", torch.cat([torch.zeros(1, 1, 192), patches[:, VISIBLE]], dim=1), [CLS, *VISIBLE])
    book.note("restore", torch.zeros(1, 6, 8), range(6))
    book.note("predict", patches + 0.5, range(6), pixels=True)
    book.note("errors", torch.ones(1, 4, 1), HIDDEN)
    return book


def test_journey_shows_only_patches_whose_content_is_known(ledger):
    pictures, seen = zip(*known_pictures(ledger, CFG), strict=True)
    grey = [[bool((p[y : y + 8, x : x + 8] == GREY).all()) for y in (0, 8) for x in (0, 8, 16)] for p in pictures]
    nothing, hidden = [False] * 6, MASK[0].tolist()
    assert grey == [nothing, hidden, hidden, nothing, (~MASK[0]).tolist()]
    assert seen == (6, 2, 2, 6, 4)


def test_journey_shows_the_pixels_it_was_given(ledger):
    pictures = [picture for picture, _ in known_pictures(ledger, CFG)]
    for picture, shown in ((pictures[0], IMG), (pictures[3], IMG + 0.5)):
        np.testing.assert_array_equal(picture, to_uint8(shown, CFG)[0].permute(1, 2, 0))


def test_journey_says_where_the_patches_are(ledger):
    book = journey_flipbook(ledger, CFG)
    assert len(book.frames) == 5
    assert book.labels[1] == "keep: 3 x 192 numbers; patch 3 at place 2; patch 4 not in the list"
    assert book.labels[4] == "errors: 4 x 1 numbers; patch 3 not in the list; patch 4 at place 2"
    assert book.alts[1].startswith("2 of 6 patches have content. patch 3: ")
    assert book.alts[1].endswith("patch 4: not in the list.")
    frames = [np.asarray(Image.open(io.BytesIO(frame))) for frame in book.frames]
    assert len({frame.tobytes() for frame in frames}) == 5


def test_journey_needs_pixels_to_begin_with():
    book = Ledger(MASK, visible=3, hidden=4)
    for _ in range(2):
        with pytest.raises(ValueError, match="first entry notes the patches"):
            journey_flipbook(book, CFG)
        book.note("tokens", torch.zeros(1, 6, 8), range(6))
