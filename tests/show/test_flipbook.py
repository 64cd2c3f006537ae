"""A flipbook carries every frame once, says in words what it shows, and survives the loss of its script."""

import base64
import io
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from helpers.html import Page
from mae_lite.images import picture_bytes
from mae_lite.show.flipbook import GAP, Strip, flipbook, side_by_side


def colours(n, size=(20, 30)):
    """Frames that are told apart by their colour, also after lossy compression."""
    return [np.full((*size, 3), 255 * i // max(1, n - 1), np.uint8) for i in range(n)]


def book(n=11, **options):
    words = [f"label {i}" for i in range(n)]
    return flipbook(colours(n), words, [f"alt of {i}" for i in range(n)], **options)


def decoded(source):
    kind, data = source.split(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_every_frame_is_in_the_page_once_and_in_order():
    page = Page(book().to_html())
    data = json.loads(page.scripts[0])
    frames = data["frames"]
    assert [i for i, frame in enumerate(frames) if frame is None] == data["stills"] == [0, 3, 7, 10]
    for i, img in zip(data["stills"], page.images, strict=True):
        frames[i] = img["src"]
    means = [decoded(frame).mean() for frame in frames]
    np.testing.assert_allclose(means, [255 * i // 10 for i in range(11)], atol=3)
    assert data["labels"] == [f"label {i}" for i in range(11)]


def test_without_scripts_there_are_stills_with_alt_and_label():
    page = Page(book(stills=[9, 1]).to_html())
    assert [img["alt"] for img in page.images] == ["alt of 1", "alt of 9"]
    assert "label 1" in page.text
    assert "label 9" in page.text
    assert "2 of 11 frames" in page.text
    assert "frames; run" not in Page(book(n=3).to_html()).text, "with all frames shown there is nothing to promise"


def test_notebook_gets_html_and_words():
    shown = book(start=4)
    bundle = shown._repr_mimebundle_()
    assert bundle["text/html"] == shown.to_html()
    assert bundle["text/plain"] == 'A flipbook of 11 frames, from "label 0" to "label 10". alt of 4'


def test_nothing_is_loaded_from_elsewhere():
    html = book(above=Strip(colours(1)[0], "above", "alt above")).to_html()
    assert not re.search(r"https?:|//cdn|@import|url\(|<link|<iframe|\bimport\b", re.sub(r"base64,[^\"]+", "", html))


def test_the_page_is_the_same_each_time():
    assert book().to_html() == book().to_html()


@pytest.mark.parametrize("text", ["</script><b>", "a & b", '"<!--', "a\u2028b", "'); alert(1); ('"])
def test_no_text_breaks_out(text):
    frames = colours(6)
    options = {"titles": [text], "name": text, "above": Strip(frames[0], text, text)}
    page = Page(flipbook(frames, [text] * 6, [text] * 6, **options).to_html())
    assert len(page.scripts) == 2
    data = json.loads(page.scripts[0])
    assert (data["labels"][1], data["alts"][1], data["name"]) == (text, text, text)
    assert {img["alt"] for img in page.images} == {text}


def test_strips_above_and_below_and_titles():
    strip = colours(1)[0]
    html = book(above=Strip(strip, "top", "alt top"), below=Strip(strip, "foot", "alt foot"), titles=("left", "right"))
    page = Page(html.to_html())
    assert [img["alt"] for img in page.images[:1] + page.images[-1:]] == ["alt top", "alt foot"]
    order = [page.text.index(word) for word in ("top", "left", "|", "right", "label 0", "foot")]
    assert order == sorted(order)


def test_quality_gives_way_to_the_limit():
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (120, 160, 3), dtype=np.uint8) for _ in range(5)]
    words = ["x"] * 5
    large = flipbook(frames, words, words)
    limit = len(large.to_html()) * 3 // 4
    small = flipbook(frames, words, words, max_bytes=limit)
    assert len(small.to_html()) <= limit
    with pytest.raises(ValueError, match=r"5 frames of 120x160 pixels take [\d,]+ bytes .* over max_bytes 20,000"):
        flipbook(frames, words, words, max_bytes=20_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": []}, "at least one"),
        ({"labels": ["a"]}, "3 frames, 1 labels and 3 alts"),
        ({"alts": ["a"] * 4}, "3 frames, 3 labels and 4 alts"),
        ({"frames": [*colours(2), colours(1, (9, 9))[0]]}, r"\(9, 9, 3\) and \(20, 30, 3\)"),
        ({"start": 3}, "start 3 .* 0 to 2"),
        ({"stills": [0, 5]}, r"stills \[0, 5\] .* 0 to 2"),
        ({"stills": []}, "one at least"),
    ],
)
def test_what_does_not_fit_is_refused_with_numbers(change, message):
    with pytest.raises(ValueError, match=message):
        flipbook(**({"frames": colours(3), "labels": ["a"] * 3, "alts": ["b"] * 3} | change))


@given(n=st.integers(1, 40), start=st.integers(0, 39))
def test_any_number_of_frames(n, start):
    shown = book(n=n, start=min(start, n - 1))
    assert {0, n - 1} <= set(shown.stills)
    assert len(shown.stills) == min(n, 4)


@pytest.mark.parametrize(("side", "width", "expected"), [(10, 30, 30), (10, 34, 30), (40, 10, 10), (10, 10, 10)])
def test_side_by_side_keeps_patches_crisp_and_gaps_clear(side, width, expected):
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 256, (2, side // 2, side, 3), dtype=np.uint8)
    row = side_by_side([left, right], width)
    assert row.shape == (expected // 2, 2 * expected + GAP, 4)
    assert (row[:, expected : expected + GAP, 3] == 0).all(), "the gap is transparent"
    assert (np.delete(row, range(expected, expected + GAP), axis=1)[..., 3] == 255).all()
    if expected >= side:
        times = expected // side
        np.testing.assert_array_equal(row[::times, expected + GAP :: times, :3], right)
    else:
        blocks = left.reshape(expected // 2, 4, expected, 4, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(row[:, :expected, :3], blocks, atol=1)


def test_transparency_survives_encoding():
    row = side_by_side(colours(2), 30)
    alpha = np.asarray(Image.open(io.BytesIO(picture_bytes(row, "webp", quality=50))).convert("RGBA"))[..., 3]
    np.testing.assert_array_equal(alpha, row[..., 3])
