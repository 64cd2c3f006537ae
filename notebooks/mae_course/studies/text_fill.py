"""Ways to fill hidden words, from the most frequent word to a Transformer, and how often each is right.

Each takes sequences of word numbers and a mask, True = hidden, and returns the sequences with a guess at each hidden
place. None looks at a hidden word.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mae_course.studies.text_data import MASK, SPECIAL, UNK
from mae_course.studies.text_model import WordModel, shifted
from mae_lite.masking import random_mask

RATIOS = (0.05, 0.15, 0.25, 0.4, 0.5, 0.6, 0.75, 0.85, 0.95)
"""Shares of words hidden at which all are measured."""


def count_pairs(ids: Int[Tensor, " n"], vocab_size: int) -> Float[Tensor, "words words"]:
    """How often each word (row) is followed by each word (column)."""
    return torch.bincount(ids[:-1] * vocab_size + ids[1:], minlength=vocab_size**2).reshape(vocab_size, -1).float()


def _counts(pairs: Float[Tensor, "words words"]) -> Float[Tensor, " words"]:
    """How often each word occurs; 0 for the special ones, which are no guess."""
    counts = pairs.sum(dim=1)
    counts[: len(SPECIAL)] = 0
    return counts


def frequent_fill(
    ids: Int[Tensor, "b n"], mask: Bool[Tensor, "b n"], pairs: Float[Tensor, "words words"]
) -> Int[Tensor, "b n"]:
    """The most frequent word everywhere: the trivial guess."""
    return ids.masked_fill(mask, int(_counts(pairs).argmax()))


@torch.inference_mode()
def neighbour_fill(
    ids: Int[Tensor, "b n"], mask: Bool[Tensor, "b n"], pairs: Float[Tensor, "words words"], smoothing: float = 1.0
) -> Int[Tensor, "b n"]:
    """The word that goes best with its two neighbours, or the one of them that is visible, by counted pairs.

    The score of a word w between l and r is p(w | l) p(r | w). Each is counted, with `smoothing` counts more that are
    shared out as single words are; a neighbour that is hidden or outside the vocabulary leaves its factor out. With no
    neighbour the most frequent word is left.
    """
    counts = _counts(pairs)
    frequency = counts / counts.sum()
    after = ((pairs + smoothing * frequency) / (counts[:, None] + smoothing)).log()  # log p(column | row)
    edge = torch.full_like(ids[:, :1], UNK)
    given = torch.cat([edge, ids.masked_fill(mask, MASK), edge], dim=1)
    left, right = given[:, :-2][mask], given[:, 2:][mask]
    known_left, known_right = left >= len(SPECIAL), right >= len(SPECIAL)
    score = torch.where(known_left[:, None], after[left], frequency.log())
    score += torch.where(known_right[:, None], after.T[right], 0.0)
    score[:, : len(SPECIAL)] = -torch.inf
    filled = ids.clone()
    filled[mask] = score.argmax(dim=1)
    return filled


@torch.inference_mode()
def masked_fill(ids: Int[Tensor, "b n"], mask: Bool[Tensor, "b n"], model: WordModel) -> Int[Tensor, "b n"]:
    """All hidden words at once, from the visible ones on both sides (BERT's way)."""
    filled = ids.clone()
    filled[mask] = model.scores(model(ids.masked_fill(mask, MASK))[mask]).argmax(dim=1)
    return filled


@torch.inference_mode()
def causal_fill(ids: Int[Tensor, "b n"], mask: Bool[Tensor, "b n"], model: WordModel) -> Int[Tensor, "b n"]:
    """One word after the other from those to its left; a word it guessed is given on as if it were true (GPT's way)."""
    filled = ids.masked_fill(mask, MASK)
    for k in range(ids.shape[1]):
        rows = mask[:, k].nonzero()[:, 0]
        if len(rows):
            so_far = shifted(filled[rows, : k + 1])
            filled[rows, k] = model.scores(model(so_far)[:, -1]).argmax(dim=1)
    return filled


def share_right(
    fill: Callable, ids: Int[Tensor, "b n"], mask_ratio: float, *, seed: int = 0, batch_size: int = 128
) -> float:
    """Share of the hidden words that a way of filling gets right; a word outside the vocabulary is always wrong.

    Args:
        fill: takes ids and a mask, as the functions above do once their last argument is given.
        ids: sequences to hide words of.
        mask_ratio: share of words to hide.
        seed: fixes the masks, which are nested: a higher ratio hides more words and uncovers none.
        batch_size: sequences at a time.
    """
    mask = random_mask(ids.shape[1], mask_ratio, batch_size=len(ids), seed=seed)
    parts = zip(ids.split(batch_size), mask.split(batch_size), strict=True)
    right = sum(int((fill(x, m) == x)[m & (x != UNK)].sum()) for x, m in parts)
    return right / int(mask.sum())
