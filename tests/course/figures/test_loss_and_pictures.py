"""Figures of the loss say and draw the numbers they stand for, and a leak is marked where it was made."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mae_course.figures.loss_and_pictures import (
    BANNER,
    SUSPECTS,
    show_error_parts,
    show_masked_loss,
    show_norm_pix,
    stamp_leak,
    suspects,
    views_flipbook,
)
from mae_lite.config import MAEConfig
from mae_lite.images import to_uint8
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.patches import denormalize_patches, normalize_patches, patchify, unpatchify

CFG = MAEConfig(
    img_size=(16, 24), patch_size=4, embed_dim=24, depth=1, num_heads=3, decoder_embed_dim=16, decoder_depth=1,
    decoder_num_heads=2,
)  # fmt: skip
PHOTO = torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
PATCHES = patchify(PHOTO, 4)
MASKS = torch.cat([random_mask(24, ratio, seed=0) for ratio in (0.25, 0.75)])

TRUTH = torch.tensor([[1.0, 2, 1], [4, 4, 4], [0, 0, 3]])
PRED = torch.tensor([[3.0, 0, 1], [4, 5, 6], [1, 1, 1]])  # squares 4 4 0, 0 1 4, 1 1 4
MASK = torch.tensor([False, True, True])

FIGURES = {
    "masked loss": lambda: show_masked_loss(TRUTH, PRED, MASK),
    "norm-pix": lambda: show_norm_pix({"a": torch.tensor([0.0, 8, 0, 8]), "b": torch.full((4,), 5.0)}),
    "parts": lambda: show_error_parts({"a": (0.5, 0.25), "b": (0.0, 0.125)}, leaks=["b"]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_shows_itself_with_alt_text_and_is_not_blank(name):
    fig = FIGURES[name]()
    assert len(fig.alt) > 30
    assert fig._repr_mimebundle_()["text/plain"] == fig.alt
    file = io.BytesIO()
    fig.savefig(file, format="png")
    assert len(np.unique(np.asarray(Image.open(file).convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_masked_loss_writes_every_number_and_counts_the_hidden_rows():
    fig = show_masked_loss(TRUTH, PRED, MASK)
    words = [text.get_text() for text in fig.axes[0].texts]
    numbers = [float(word) for word in words if word.replace(".", "").isdecimal()]
    squares = (PRED - TRUTH).square()
    assert numbers[:27] == [v for table in (TRUTH, PRED, squares) for v in table.flatten().tolist()]
    assert "loss = mean of the hidden rows = 1.83333" in words, "(5 / 3 + 6 / 3) / 2"
    assert "patch 0, visible: 2.66667" in fig.alt


def test_norm_pix_draws_patches_above_their_targets():
    fig = FIGURES["norm-pix"]()
    upper, lower = fig.axes[0], fig.axes[2]
    np.testing.assert_array_equal(upper.images[0].get_array(), [[0, 8], [0, 8]])
    np.testing.assert_allclose(lower.images[0].get_array(), np.array([[-1, 1], [-1, 1]]) * 0.75**0.5, rtol=1e-5)
    assert "mean 4.00, deviation 4.62" in upper.get_xlabel()
    assert "a: 0, 8, 0, 8 becomes -0.87, 0.87, -0.87, 0.87; b: 5, 5, 5, 5 becomes 0.00" in fig.alt


def test_bars_stack_the_two_parts_and_mark_a_leak_in_words_and_hatches():
    fig = FIGURES["parts"]()
    ax = fig.axes[0]
    assert [round(bar.get_width(), 3) for bar in ax.patches] == [0.5, 0.25, 0, 0.125]
    assert [bar.get_x() for bar in ax.patches] == [0, 0.5, 0, 0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b (LEAK)"]
    assert [bar.get_hatch() for bar in ax.patches] == [None, None, "///", "///"]
    assert "a 0.500 + 0.250; b 0.000 + 0.125" in fig.alt


def test_banner_lies_over_the_top_and_leaves_the_rest():
    picture = to_uint8(PHOTO, CFG)[0]
    stamped = stamp_leak(picture)
    assert stamped.shape == (3, 32, 48)
    assert stamped[:, 0, 0].tolist() == list(BANNER)
    assert (stamped[2, :12] > 150).any(), "nothing is written on the banner"
    torch.testing.assert_close(stamped[:, 14::2, ::2], picture[:, 7:])


def views():
    _, mean, std = normalize_patches(PATCHES)
    return [{"right": PATCHES, "mean": denormalize_patches(0 * PATCHES, mean, std)} for _ in MASKS]


def test_flipbook_pastes_visible_patches_measures_hidden_ones_and_stamps_the_leak():
    book = views_flipbook(PHOTO, MASKS, views(), CFG, leaks=["mean"])
    assert len(book.frames) == 2
    assert book.start == 1, "it opens nearest 75 %"
    assert book.titles == ("given", "right", "mean: a leak", "original")
    hidden = MASKS[0]
    error = (PATCHES - PATCHES.mean(dim=2, keepdim=True))[0, hidden].square().mean()
    assert book.labels[0] == f"6 of 24 patches hidden. MSE: right 0.000, mean {error:.3f}"
    frame = np.asarray(Image.open(io.BytesIO(book.frames[0])).convert("RGB")).astype(int)
    width = (frame.shape[1] - 3 * 4) // 4
    columns = [frame[:, k * (width + 4) : k * (width + 4) + width] for k in range(4)]
    assert np.abs(columns[1] - columns[3]).mean() < 3, "all patches right: the original, up to compression"
    strip = [np.abs(column[2:8, 5:40] - np.array(BANNER)).mean() for column in columns]
    assert strip[2] < 30 < min(strip[0], strip[1], strip[3]), "the banner is on the leak alone"


@pytest.mark.parametrize(
    ("masks", "given", "leaks"),
    [
        (MASKS, views()[:1], []),
        (MASKS, views(), ["men"]),
        (MASKS, [views()[0], {"right": PATCHES}], []),
        (MASKS, [], []),
    ],
)
def test_flipbook_says_what_does_not_fit(masks, given, leaks):
    with pytest.raises(ValueError, match="give a view for each mask"):
        views_flipbook(PHOTO, masks, given, CFG, leaks)


def test_suspects_are_who_the_answer_says(small_norm_pix):
    raw, mask, state = MAE(CFG).eval(), MASKS[1:], torch.get_rng_state()
    found = suspects(raw, small_norm_pix, PHOTO, mask)
    assert torch.equal(torch.get_rng_state(), state)
    assert list(found) == list("ABCD")
    by_kind = dict(zip(SUSPECTS, found.values(), strict=True))
    with torch.inference_mode():
        pred, raw_pred = small_norm_pix(PHOTO, mask).pred, raw(PHOTO, mask).pred
    _, mean, std = normalize_patches(PATCHES)
    for kind, patches in {"norm-pix": pred, "raw": raw_pred, "leak": denormalize_patches(pred, mean, std)}.items():
        assert torch.equal(by_kind[kind], to_uint8(unpatchify(patches, 4, (4, 6)), CFG)[0]), kind
    assert not torch.equal(by_kind["no decoder"], by_kind["raw"])


@pytest.fixture
def small_norm_pix():
    torch.manual_seed(1)
    return MAE(MAEConfig(**(vars(CFG) | {"norm_pix_loss": True}))).eval()
