import torch

from mutants import Mutant


def recipe(ids, vocab_size, generator, masked=0.8, swapped=0.5):
    """A right answer, in the order of a well-known collator: half of what is not masked gets a random word."""
    chosen = torch.bernoulli(torch.full(ids.shape, 0.15), generator=generator).bool()
    hide = torch.bernoulli(torch.full(ids.shape, masked), generator=generator).bool() & chosen
    swap = torch.bernoulli(torch.full(ids.shape, swapped), generator=generator).bool() & chosen & ~hide
    given = ids.masked_fill(hide, 0)
    given[swap] = torch.randint(vocab_size, ids.shape, generator=generator)[swap]
    return given, chosen


def always_hidden(ids, vocab_size, generator):
    return recipe(ids, vocab_size, generator, masked=1.0)


def tenth_of_the_rest(ids, vocab_size, generator):
    return recipe(ids, vocab_size, generator, swapped=0.1)


def asked_only_for_changed(ids, vocab_size, generator):
    given, _ = recipe(ids, vocab_size, generator)
    return given, given != ids


def swapped_anywhere(ids, vocab_size, generator):
    given, chosen = recipe(ids, vocab_size, generator, swapped=0.0)
    noise = torch.rand(ids.shape, generator=generator) < 0.015
    return torch.where(noise, torch.randint(vocab_size, ids.shape, generator=generator), given), chosen


def visible_is_true(ids, vocab_size, generator):
    given, chosen = recipe(ids, vocab_size, generator)
    return given, ~chosen


def one_row_for_all(ids, vocab_size, generator):
    chosen = (torch.rand(ids.shape[1], generator=generator).argsort() < 60).expand(ids.shape)
    dice = torch.rand(ids.shape, generator=generator)
    given = ids.masked_fill(chosen & (dice < 0.8), 0)
    other = torch.randint(vocab_size, ids.shape, generator=generator)
    return torch.where(chosen & (dice > 0.9), other, given), chosen


def one_word_for_all(ids, vocab_size, generator):
    given, chosen = recipe(ids, vocab_size, generator, swapped=0.0)
    half = torch.rand(ids.shape, generator=generator) < 0.5
    word = torch.randint(1, vocab_size, (1,), generator=generator)
    return torch.where(chosen & (given != 0) & half, word, given), chosen


def quarter(ids, vocab_size, generator):
    chosen = torch.rand(ids.shape, generator=generator) < 0.25
    return ids.masked_fill(chosen, 0), chosen


def seeded_inside(ids, vocab_size, generator):
    return recipe(ids, vocab_size, torch.Generator().manual_seed(0))


def table(rule):
    """A function of (hidden, causal) from one of (i, j, hidden, causal), entry by entry."""

    def answer(hidden, causal):
        n = len(hidden)
        flags = hidden.tolist()
        return torch.tensor([[bool(rule(i, j, flags, causal)) for j in range(n)] for i in range(n)])

    answer.__name__ = rule.__name__
    return answer


def right(i, j, hidden, causal):
    return j < i if causal else hidden[i] and not hidden[j]


def sees_itself(i, j, hidden, causal):
    return j <= i if causal else right(i, j, hidden, causal)


def from_the_future(i, j, hidden, causal):
    return j > i if causal else right(i, j, hidden, causal)


def hidden_ones_too(i, j, hidden, causal):
    return right(i, j, hidden, causal) if causal else hidden[i]


def asks_for_all(i, j, hidden, causal):
    return right(i, j, hidden, causal) if causal else not hidden[j]


def columns_for_rows(i, j, hidden, causal):
    return right(i, j, hidden, causal) if causal else right(j, i, hidden, causal)


def ways_swapped(i, j, hidden, causal):
    return right(i, j, hidden, not causal)


def left_side_only(i, j, hidden, causal):
    return right(i, j, hidden, causal) and j < i


def read(words, pixels, ratio):
    names = ("neighbours, words", "soap film, pixels", "network's lead is largest, pixels")
    return dict(zip(names, (words, pixels, ratio), strict=True))


MUTANTS = {
    "bert_mask": [
        Mutant(always_hidden, "gives the network words, right and wrong"),
        Mutant(tenth_of_the_rest, "Take half of those"),
        Mutant(asked_only_for_changed, "counts as well", "a chosen word that is kept is often left out of the labels"),
        Mutant(swapped_anywhere, "they stay as they are"),
        Mutant(visible_is_true, "should stand for the other"),
        Mutant(one_row_for_all, "every sentence has the same"),
        Mutant(one_word_for_all, "again and again"),
        Mutant(quarter, "it should be 15 %"),
        Mutant(seeded_inside, "never seed it", "pengzhiliang/MAE-pytorch#28: the same mask in every epoch"),
    ],
    "clues": [
        Mutant(table(sees_itself), "then it is copied"),
        Mutant(table(from_the_future), "predicted from those after it"),
        Mutant(table(hidden_ones_too), "their columns are False"),
        Mutant(table(asks_for_all), "their rows are False"),
        Mutant(table(columns_for_rows), "rows and columns are swapped"),
        Mutant(table(ways_swapped), "the two ways are swapped"),
        Mutant(table(left_side_only), "both sides count"),
    ],
    "reading": [
        Mutant(read(0.8, 0.2, 0.9), "words and pixels are swapped"),
        Mutant(read(20, 80, 90), "is above 1"),
        Mutant(read(0.5, 0.8, 0.9), "to the curve of the neighbours"),
        Mutant(read(0.2, 0.5, 0.9), "to the curve of the soap film"),
        Mutant(read(0.2, 0.8, 0.1), "but so is the film's"),
        Mutant(read(0.2, 0.8, 0.5), "farthest apart"),
        Mutant(read(0.2, 0.8, "90 %"), "give a number"),
    ],
}
