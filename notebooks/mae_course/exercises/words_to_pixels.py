"""Checks for notebook 01: BERT's masks, what may be looked at, and what the two curves say."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mae_course.exercises.check import call, compare, expect, given, number, parts
from mae_course.exercises.check import exercise as exercise
from mae_course.studies.redundancy import at, pixel_curves, word_curves

CHOSEN, MASKED, SWAPPED = 0.15, 0.8, 0.1
"""Shares of BERT's recipe."""
KEYS = ("neighbours, words", "soap film, pixels", "network's lead is largest, pixels")


@exercise
def bert_mask(mine: Any) -> str:
    """`mine(ids, vocab_size, generator)` returns (given, chosen): 15 % chosen, of those 80 / 10 / 10."""
    b, n, vocab_size = 300, 400, 1000
    ids = torch.randint(2, vocab_size, (b, n), generator=torch.Generator().manual_seed(1))
    got = call(mine, ids, vocab_size, torch.Generator().manual_seed(2), hint="Word 0 is the mask token.")
    both = f"return two tensors of shape ({b}, {n}): what the network is given, and where a word was chosen."
    shown, chosen = parts(got, 2, both)
    expect(all(isinstance(part, Tensor) and part.shape == (b, n) for part in got), both)
    expect(chosen.dtype == torch.bool, f"chosen holds {chosen.dtype}; it should be torch.bool, True = to be predicted.")
    share = chosen.float().mean().item()
    changed = shown != ids
    expect(abs(share - (1 - CHOSEN)) > 0.02, "85 % of the words are chosen; True should stand for the other 15 %.")
    lost = abs(share - CHOSEN * (1 - SWAPPED)) < 0.004 and not (chosen & ~changed).any()
    expect(not lost, "a chosen word that stays as it is counts as well: the network is asked for it. chosen is not the "
           "same as shown != ids.")  # fmt: skip
    expect(not (changed & ~chosen).any(), "words that were not chosen are changed; they stay as they are.")
    expect(abs(share - CHOSEN) < 0.01, f"{share:.1%} of the words are chosen; it should be 15 %.")
    expect(
        bool((chosen != chosen[0]).any()), "every sentence has the same words chosen; draw for each word of the batch."
    )
    _expect_recipe(shown[chosen], ids[chosen], vocab_size)
    again = call(mine, ids, vocab_size, torch.Generator().manual_seed(3))
    expect(
        not torch.equal(again[1], chosen), "another generator gives the same words; draw from it, and never seed it."
    )
    kept = (shown == ids)[chosen].float().mean()
    return f"{share:.1%} chosen; of those {(shown[chosen] == 0).float().mean():.0%} hidden and {kept:.0%} as they were."


def _expect_recipe(shown: Tensor, true: Tensor, vocab_size: int) -> None:
    """What became of the chosen words: 80 % hidden, 10 % another word, 10 % as they were."""
    masked, kept = (shown == 0).float().mean().item(), (shown == true).float().mean().item()
    other = shown[(shown != 0) & (shown != true)]
    swapped = len(other) / len(shown)
    says = f"of the chosen words {masked:.0%} are hidden, {swapped:.0%} another word, {kept:.0%} as they were"
    expect(masked < 0.97, f"{says}; BERT hides 80 %, and gives the network words, right and wrong, for the rest.")
    expect(abs(masked - MASKED) < 0.02, f"{says}; 80 % should be hidden.")
    expect(not abs(swapped - 0.02) < 0.008, f"{says}: 10 % were taken of the 20 % that are left. Take half of those.")
    expect(abs(swapped - SWAPPED) < 0.015, f"{says}; it should be 80 / 10 / 10.")
    common = torch.bincount(other, minlength=vocab_size).max().item()
    expect(common < 0.05 * len(other), "the same word is put in again and again; draw one for each place.")


@exercise
def clues(mine: Any) -> str:
    """`mine(hidden, causal)` is the table of which word (column) may be looked at to predict which word (row)."""
    for hidden in ([0, 1, 1, 0, 0, 1, 0], [1, 0, 0, 1, 0]):
        for causal in (True, False):
            _expect_clues(mine, torch.tensor(hidden).bool(), causal)
    return (
        "left to right every word is predicted, from those before it; masked, the hidden ones, from all visible ones."
    )


def _expect_clues(mine: Any, hidden: Tensor, causal: bool) -> None:
    n = len(hidden)
    got = call(mine, hidden, causal, hint="hidden is (n,), causal is True or False.")
    before, everywhere = torch.ones(n, n).bool().tril(-1), torch.ones(n, n).bool()
    masked = hidden[:, None] & ~hidden[None, :]
    want = before if causal else masked
    slips = {
        "left to right, a word may look at itself here: then it is copied, and nothing is learned. Leave the diagonal "
        "out.": everywhere.tril(),
        "left to right, a word is predicted from those after it here; it should be from those before it.": before.T,
        "masked, hidden words are among the clues here; their columns are False.": hidden[:, None] & everywhere,
        "masked, visible words are predicted as well here; nobody asks for them, so their rows are False.":
            everywhere & ~hidden[None, :],
        "masked, rows and columns are swapped: a row is a word to be predicted, a column a clue.": masked.T,
        "masked, hidden and visible are swapped: True in hidden means hidden.": ~hidden[:, None] & hidden[None, :],
        "the two ways are swapped: causal=True is left to right.": masked if causal else before,
        "masked, only clues to the left are taken; both sides count.": masked & before,
    }  # fmt: skip
    way = "left to right" if causal else "masked"
    compare(got, want, slips=slips, otherwise=f"{way}, with hidden = {hidden.int().tolist()}, they should differ.")


@exercise
def reading(mine: Any) -> str:
    """Three numbers read off the figure of both curves."""
    given(mine)
    expect(isinstance(mine, Mapping) and set(mine) == set(KEYS), f"give a dict with the keys {', '.join(KEYS)}.")
    for key in KEYS:
        expect(
            number(given(mine[key], f"the number for {key}"), f"answer to {key}") <= 1,
            f"{key}: {mine[key]} is above 1; write a share, 0.15 for 15 %.",
        )
    (_, words, _), (_, film, network) = word_curves(), pixel_curves()
    truth = at(words, 0.15), at(film, 0.15)
    told = mine[KEYS[0]], mine[KEYS[1]]
    near = [abs(a - b) <= 0.1 for a, b in zip(told, truth, strict=True)]
    swapped = all(abs(a - b) <= 0.1 for a, b in zip(told, truth[::-1], strict=True))
    expect(not swapped, "words and pixels are swapped, or these are the distances up to 1: for which of them do the "
           "neighbours tell nearly everything?")  # fmt: skip
    expect(near[0], f"words: {told[0]} is off by more than 0.1. Go up from 15 % to the curve of the neighbours.")
    expect(near[1], f"pixels: {told[1]} is off by more than 0.1. Go up from 15 % to the curve of the soap film.")
    lead = [a - b for a, b in zip(network.scores, film.scores, strict=True)]
    best = network.mask_ratios[lead.index(max(lead))]
    says = f"the lead is {lead[0]:.2f} at {network.mask_ratios[0]:.0%} and {max(lead):.2f} at its largest"
    guess = mine[KEYS[2]]
    expect(guess > 0.3, f"the network's score is best there, but so is the film's. Look at the gap: {says}.")
    expect(abs(guess - best) <= 0.15, f"{says}, and not near {guess:.0%}. Where are the two curves farthest apart?")
    return f"neighbours give {truth[0]:.2f} of a word and {truth[1]:.2f} of a patch; {says}, {best:.0%}."
