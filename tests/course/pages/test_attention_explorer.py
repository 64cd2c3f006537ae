"""An explorer carries every map once, to the tone, says what it shows, and survives the loss of its script."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

from helpers.html import Page, check_figure
from mae_course.pages.attention_explorer import PALETTE, TOP, attention_explorer, show_attention, to_sprite, to_tones

ROWS, COLUMNS, LAYERS, HEADS = 3, 4, 5, 2
GRID, N = (ROWS, COLUMNS), 12


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def weights(seed=0):
    return noise(LAYERS, HEADS, N, N, seed=seed).mul(2).softmax(dim=3) / 3


def picture():
    return torch.randint(0, 256, (3, 24, 32), generator=torch.Generator().manual_seed(0)).byte()


def explorer(**changes):
    facts = {name: {"{} patches away": noise(LAYERS, HEADS, N, seed=k).abs()} for k, name in enumerate("ab")}
    given = {"picture": picture(), "weights": {"a": weights(), "b": weights(1)}, "facts": facts, "grid_size": GRID,
             "alt": "Coloured noise.", "start": (6, 2)}  # fmt: skip
    return attention_explorer(**(given | changes))


def decoded(source):
    kind, data = source.split(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def data_of(shown):
    return json.loads(Page(shown.to_html()).scripts[0])


def test_attention_maps_are_those_of_the_patch_on_one_scale():
    one, other = weights(), weights(1)
    fig = show_attention(picture(), {"a": one, "b": other}, GRID, 7, [0, 4])
    check_figure(fig)
    maps = [ax for ax in fig.axes if ax.images and ax.images[0].get_array().shape == GRID]
    assert len(maps) == 2 * 2 * 2, "two layers, two models, two heads"
    expected = [model[layer, head, 7] for layer in (0, 4) for model in (one, other) for head in (0, 1)]
    for ax, values in zip(maps, expected, strict=True):
        np.testing.assert_allclose(ax.images[0].get_array().data ** 2, values.reshape(GRID).numpy(), rtol=1e-4)
    assert len({ax.images[0].get_clim() for ax in maps}) == 1
    for line in maps[0].lines:
        assert (line.get_xdata()[0], line.get_ydata()[0]) == (2.5, 0.5), "patch 7 of 3 x 4 is in row 1, column 3"
    tops = ", ".join(f"{max(head[7].max() for head in one[layer]):.0%}" for layer in (0, 4))
    assert "row 2, column 4 attends to, a map for each head in layers 1, 5. The most that one patch gets" in fig.alt
    assert f"a {tops}; b " in fig.alt


@pytest.mark.parametrize(
    ("models", "patch", "layer", "message"),
    [
        ({}, 0, 0, "at least one model"),
        ({"a": weights()}, 12, 0, "Patch 12 .* 12 patches and 5 layers"),
        ({"a": weights()}, 0, 5, r"layers \[5\]"),
    ],
)
def test_attention_that_is_not_there_is_refused(models, patch, layer, message):
    with pytest.raises(ValueError, match=message):
        show_attention(picture(), models, GRID, patch, [layer])


def test_tones_are_the_root_of_the_share():
    known = torch.tensor([0, TOP / 49, TOP * 4 / 49, TOP, 1.0])
    assert to_tones(known).tolist() == [0, 1, 2, 7, 7]


def test_palette_is_cividis():
    expected = (255 * colormaps["cividis"](np.linspace(0, 1, len(PALETTE)))[:, :3]).round()
    np.testing.assert_array_equal([list(bytes.fromhex(colour)) for colour in PALETTE], expected)


def test_every_map_is_at_its_place_without_loss():
    """What the script draws: from the block of layer and head, the tile of the patch, row by row."""
    one = weights()
    sheet = np.asarray(Image.open(io.BytesIO(to_sprite(one, GRID))).convert("RGB"))
    assert sheet.shape == (LAYERS * ROWS * ROWS, HEADS * COLUMNS * COLUMNS, 3)
    colours = np.array([list(bytes.fromhex(colour)) for colour in PALETTE])
    for layer, head, patch in [(0, 0, 0), (2, 1, 7), (4, 0, 11), (3, 1, 4)]:
        row, column = divmod(patch, COLUMNS)
        top, left = (layer * ROWS + row) * ROWS, (head * COLUMNS + column) * COLUMNS
        tile = sheet[top : top + ROWS, left : left + COLUMNS]
        np.testing.assert_array_equal(tile, colours[to_tones(one[layer, head, patch]).reshape(GRID)])


def test_the_page_carries_picture_sprites_and_facts():
    data = data_of(explorer(kinds=["hidden", "visible"] * 6))
    assert [data[key] for key in ("rows", "columns", "layers", "heads", "patch", "layer")] == [3, 4, 5, 2, 6, 2]
    assert data["kinds"] == ["hidden", "visible"] * 6
    assert decoded(data["picture"]).shape == (24, 32, 3)
    for k, (model, name) in enumerate(zip(data["models"], "ab", strict=True)):
        assert model["name"] == name
        sheet = Image.open(io.BytesIO(to_sprite(weights(k), GRID))).convert("RGB")
        np.testing.assert_array_equal(decoded(model["sprite"]), np.asarray(sheet))
        (fact,) = model["facts"]
        values = fact["step"] * np.frombuffer(base64.b64decode(fact["bytes"]), np.uint8)
        expected = noise(LAYERS, HEADS, N, seed=k).abs()
        np.testing.assert_allclose(values, expected.flatten().numpy(), atol=fact["step"] / 2 + 1e-6)
        assert fact["step"] <= expected.max().item() / 100, "coarser than what is shown"


def test_without_scripts_there_is_a_figure_with_alt():
    shown = explorer()
    page = Page(shown.to_html())
    (img,) = page.images
    assert img["alt"] == shown.still_alt
    assert "row 2, column 3" in img["alt"]
    assert "in layers 1, 3, 5" in img["alt"]
    assert "run this cell" in page.text
    bundle = shown._repr_mimebundle_()
    assert bundle["text/html"] == shown.to_html()
    assert bundle["text/plain"] == f"Attention of a and b, 5 layers with 2 heads. {shown.still_alt}"


def test_nothing_is_loaded_from_elsewhere_and_it_is_the_same_each_time():
    html = explorer().to_html()
    assert not re.search(r"https?:|//cdn|@import|url\(|<link|<iframe|\bimport\b", re.sub(r"base64,[^\"]+", "", html))
    assert html == explorer().to_html()


@pytest.mark.parametrize("text", ["</script><b>", "a & b", '"<!--', "a\u2028b"])
def test_no_text_breaks_out(text):
    facts = {text: {f"{{}} {text}": noise(LAYERS, HEADS, N).abs()}}
    page = Page(explorer(weights={text: weights()}, facts=facts, alt=text, kinds=[text] * N).to_html())
    assert len(page.scripts) == 2
    data = json.loads(page.scripts[0])
    assert (data["alt"], data["kinds"][3], data["models"][0]["name"]) == (text, text, text)
    assert data["models"][0]["facts"][0]["words"] == f"{{}} {text}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": {"a": weights(), "b": weights()[:2]}}, r"\(2, 2, 12, 12\), \(5, 2, 12, 12\)"),
        ({"weights": {"a": weights()}}, "for a, and facts for a, b"),
        ({"grid_size": (4, 4)}, r"\(layers, heads, 16, 16\)"),
        ({"start": (12, 0)}, r"start \(12, 0\) .* 12 patches and 5 layers"),
        ({"start": (0, 5)}, r"start \(0, 5\)"),
        ({"kinds": ["hidden"]}, "kinds, 12 words"),
        ({"max_bytes": 9000}, "over max_bytes 9,000; give fewer layers"),
    ],
)
def test_what_does_not_fit_is_refused_with_numbers(change, message):
    with pytest.raises(ValueError, match=message):
        explorer(**change)
