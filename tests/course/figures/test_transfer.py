"""Figures of transfer say in words what they draw, and refuse what they cannot."""

import re

import pytest
import torch

from mae_course.figures.transfer import blocks_flipbook, fraction_flipbook, show_accuracies, show_confusion
from mae_course.paper.tables import load_table

TABLE = {"kNN": {"mae": 0.5, "raw pixels": 0.25}, "linear probe": {"mae": 0.75, "raw pixels": 0.3}}


def test_bars_are_the_accuracies():
    fig = show_accuracies(TABLE, chance=0.1)
    bars = [bar.get_height() for bar in fig.axes[0].patches]
    assert bars == pytest.approx([50, 75, 25, 30])
    assert "linear probe: mae 75 %, raw pixels 30 %. Chance is 10 %." in fig.alt
    assert len({bar.get_hatch() for bar in fig.axes[0].patches}) == 2, "told apart without colour"


def test_groups_must_hold_the_same_kinds():
    with pytest.raises(ValueError, match="same 1 to 4 kinds"):
        show_accuracies({"a": {"x": 0.1}, "b": {"y": 0.1}}, chance=0.1)


def test_a_frame_for_each_share():
    book = fraction_flipbook({0.01: TABLE, 1.0: TABLE}, images=4000, chance=0.1)
    assert book.labels == ("1 % of the labels: 40 images", "100 % of the labels: 4,000 images")
    assert "mae 75 %" in book.alts[0]
    assert book.name == "share of labels"


def test_confusion_by_hand():
    """Of four tench two are taken for churches; a class without images has a row of zeros."""
    labels, predicted = torch.tensor([0, 0, 0, 0, 1]), torch.tensor([0, 0, 1, 1, 1])
    fig = show_confusion(predicted, labels, ["tench", "church", "chain saw"])
    numbers = [text.get_text() for text in fig.axes[0].texts]
    assert numbers == ["50", "50", "0", "0", "100", "0", "0", "0", "0"]
    assert "tench taken for church, 50 %" in fig.alt


def test_blocks_are_shown_beside_the_papers():
    ours = [{"blocks": b, "accuracy": a, "tuned": t} for b, a, t in ((1, 0.6, 500), (0, 0.5, 20), (12, 0.7, 9000))]
    book = blocks_flipbook(ours, depth=12, scratch=0.4)
    assert book.labels == (
        "the head alone: 20 weights learn, 50.0 % (ours)",
        "the last block: 500 weights learn, 60.0 % (ours)",
        "all 12 blocks: 9,000 weights learn, 70.0 % (ours)",
    )
    paper = load_table("Figure 9").column("mae")
    numbers = [float(x) for x in re.findall(r"(\d+\.\d) %", book.alts[0])]
    assert numbers == [paper[0], paper[2], paper[-1], 50.0]
    assert len(set(book.frames)) == 3, "the ring moves"
    assert blocks_flipbook(ours, depth=12).frames[0] != book.frames[0], "from scratch is drawn"
