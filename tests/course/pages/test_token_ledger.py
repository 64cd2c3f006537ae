"""The ledger says where two patches are in each list of tokens, and that what returns is a mask token."""

import pytest
import torch

from helpers.html import Images
from mae_course.pages.token_ledger import CLS, GONE, Ledger

MASK = torch.tensor([[True, False, True, False, True]])


@pytest.fixture
def ledger():
    """Five patches, of which 1 and 3 are visible; patch 3 and patch 4 are followed."""
    book = Ledger(MASK, visible=3, hidden=4)
    tokens = torch.arange(5.0).reshape(1, 5, 1) + torch.tensor([0, 0.25])
    book.note("all", tokens, range(5), pixels=True)
    book.note("keep", tokens[:, [1, 3]], [1, 3])
    book.note("class", torch.cat([tokens[:, :1] - 9, tokens[:, [1, 3]]], dim=1), [CLS, 1, 3])
    book.note("append", torch.cat([tokens[:, [1, 3]], torch.full((1, 3, 2), -1.0)], dim=1), [1, 3, 0, 2, 4])
    return book


def test_places_and_vectors_follow_the_patch_through_the_lists(ledger):
    assert [entry.place(3) for entry in ledger.entries] == [3, 1, 2, 1]
    assert [entry.place(4) for entry in ledger.entries] == [4, None, None, 4]
    for entry in ledger.entries:
        assert entry.vector(3).tolist() == [3, 3.25], "the visible patch keeps its numbers here"
    assert [entry.vector(4) is None for entry in ledger.entries] == [False, True, True, False]
    assert ledger.entries[3].vector(4).tolist() == [-1, -1]


def test_a_hidden_patch_that_was_gone_comes_back_as_a_mask_token(ledger):
    assert [entry.mask_tokens for entry in ledger.entries] == [False, False, False, True]


def test_entry_says_it_in_words(ledger):
    assert repr(ledger.entries[1]) == f"keep: 2 x 2\n  patch   3  place   1:  +3.00  +3.25\n  patch   4  {GONE}"
    wide = ledger.note("wide", torch.zeros(1, 5, 9), range(5))
    assert wide.numbers(3, 2) == "+0.00  +0.00  ..."


def test_table_has_a_line_a_step_and_headings(ledger):
    html = ledger.to_html()
    assert html.count('<th scope="row"') == len(ledger.entries) == 4
    assert "<td" in html.split("keep</th>")[1].split("</tr>")[0]
    assert html.split("keep</th>")[1].split("</tr>")[0].count(GONE) == 1
    assert "patch 3, visible" in html
    assert "patch 4, hidden" in html
    bundle = ledger._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"].count("\n  patch   4") == 4
    assert Images(html).found == []


def test_a_step_noted_again_takes_back_what_came_after(ledger):
    entry = ledger.note("class", torch.ones(1, 2, 2), [CLS, 3])
    assert [e.step for e in ledger.entries] == ["all", "keep", "class"]
    assert ledger.entries[-1] is entry
    first = ledger.note("all", torch.ones(1, 5, 2), range(5))
    assert ledger.entries == [first]
    assert not first.mask_tokens, "nothing was gone before"


def test_a_step_cannot_end_the_table(ledger):
    ledger.note("<b>bold", torch.zeros(1, 1, 1), [3])
    assert "<b>" not in ledger.to_html()


@pytest.mark.parametrize(
    ("visible", "hidden", "said"), [(0, 4, "Patch 0 is not visible"), (3, 1, "Patch 1 is not hid")]
)
def test_patches_must_be_what_the_mask_makes_them(visible, hidden, said):
    with pytest.raises(ValueError, match=said):
        Ledger(MASK, visible, hidden)


def test_a_patch_beyond_the_mask_is_refused():
    with pytest.raises(ValueError, match="Patch 5 is not hidden in this mask of 5 patches"):
        Ledger(MASK, 3, 5)


def test_every_token_needs_its_id(ledger):
    with pytest.raises(ValueError, match="4 tokens need as many ids, not 3"):
        ledger.note("short", torch.zeros(1, 4, 2), [1, 2, 3])
    assert len(ledger.entries) == 4, "a refused entry must not be written down"
