"""Five novels as sequences of words, and a vocabulary: the text of the study `masked_text`."""

import lzma
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from mae_lite.weights.assets import asset_path

SPECIAL = ("<mask>", "<unk>")
"""What stands for a hidden word, and for one outside the vocabulary."""
MASK, UNK = range(len(SPECIAL))
HELD_OUT = 10
"""Of so many chapters the first is held out: 1, 11, 21, ... of each novel."""
SENTENCE = (
    "give a girl an education and introduce her properly into the world and ten to one but she has the means of "
    "settling well without farther expense to anybody"
)
"""From a held-out chapter (Mansfield Park, 1): what the notebook hides words of."""


def read_chapters() -> dict[str, str]:
    """The bundled text by chapter, such as "Emma, chapter 1"; its origin is in assets/text/ATTRIBUTION.md."""
    text = lzma.decompress(asset_path("text", "austen.txt.xz").read_bytes()).decode()
    return dict(re.findall(r"^# ([^\n]+)\n\n(.*?)(?=\n# |\Z)", text, re.MULTILINE | re.DOTALL))


def split_words(text: str) -> list[str]:
    """Words in lower case; punctuation is dropped, an apostrophe inside a word stays.

    >>> split_words("Mr. Bennet's _dear_ wife, she-wolf")
    ['mr', "bennet's", 'dear', 'wife', 'she', 'wolf']
    """
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower())


def split_chapters() -> tuple[list[str], list[str]]:
    """All words to train on, and all words held out: every tenth chapter of each novel, from its first."""
    train, held_out = [], []
    for name, text in read_chapters().items():
        number = int(name.rsplit(" ", 1)[1])
        (held_out if number % HELD_OUT == 1 else train).extend(split_words(text))
    return train, held_out


class Vocabulary:
    """The most frequent words, by falling frequency after the special ones, and their numbers."""

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        self.ids = {word: k for k, word in enumerate(self.words)}

    @classmethod
    def of(cls, words: Iterable[str], size: int) -> "Vocabulary":
        """The `size - 2` most frequent of some words; the earlier comes first on a tie."""
        return cls([*SPECIAL, *(word for word, _ in Counter(words).most_common(size - len(SPECIAL)))])

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Iterable[str]) -> Int[Tensor, " n"]:
        """Numbers of words; UNK for those outside."""
        return torch.tensor([self.ids.get(word, UNK) for word in words])

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Words of numbers."""
        return [self.words[k] for k in ids]


def windows(ids: Int[Tensor, " n"], length: int) -> Int[Tensor, "b length"]:
    """A text cut into sequences of equal length, one after the other; a remainder is dropped."""
    return ids[: len(ids) // length * length].reshape(-1, length)
