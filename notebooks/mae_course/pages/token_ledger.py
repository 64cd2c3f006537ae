"""A ledger of two patches, one visible and one hidden: where each is and what its vector holds after every step."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from mae_lite.show.html import Page, table

CLS = -1
"""Stands for the class token in a list of patch ids."""
GONE = "not in the list"
"""What is written of a patch that a step does not have."""


@dataclass(frozen=True, repr=False)
class Entry:
    """The list of tokens after one step. As the last line of a cell it says where the two patches are."""

    step: str
    tokens: Float[Tensor, "m width"]
    ids: tuple[int, ...]
    """Which patch each token belongs to; CLS for the class token."""
    follow: tuple[int, int]
    """The visible and the hidden patch."""
    mask_tokens: bool
    """Whether the tokens of hidden patches began as mask tokens."""
    pixels: bool
    """Whether the tokens are pixels: a patch of the image, or a prediction of one."""

    def place(self, patch: int) -> int | None:
        """Where in the list a patch is, counted from 0; None if it is not there."""
        return self.ids.index(patch) if patch in self.ids else None

    def vector(self, patch: int) -> Float[Tensor, " width"] | None:
        """The vector of a patch; None if it has none."""
        place = self.place(patch)
        return None if place is None else self.tokens[place]

    def numbers(self, patch: int, count: int = 4) -> str:
        """The first few numbers of a patch's vector."""
        vector = self.vector(patch)
        if vector is None:
            return GONE
        return "  ".join(f"{value:+.2f}" for value in vector[:count]) + ("  ..." if len(vector) > count else "")

    @property
    def size(self) -> str:
        """How many tokens of how many numbers."""
        m, width = self.tokens.shape
        return f"{m} x {width}"

    def __repr__(self) -> str:
        lines = [f"{self.step}: {self.size}"]
        for patch in self.follow:
            place = self.place(patch)
            where = "" if place is None else f"place {place:>3}:  "
            lines.append(f"  patch {patch:>3}  {where}{self.numbers(patch)}")
        return "\n".join(lines)


class Ledger(Page):
    """Entries in the order they were noted. As the last line of a cell it shows itself as a table."""

    def __init__(self, mask: Bool[Tensor, "1 n"], visible: int, hidden: int):
        """Open a ledger.

        Args:
            mask: of one image, True = hidden.
            visible: a patch that the mask leaves.
            hidden: a patch that the mask hides.

        Raises:
            ValueError: if the mask has it otherwise, or there is no such patch.
        """
        n = mask.shape[1]
        for patch, name, hides in ((visible, "visible", False), (hidden, "hidden", True)):
            if not 0 <= patch < n or mask[0, patch].item() != hides:
                raise ValueError(f"Patch {patch} is not {name} in this mask of {n} patches; choose another.")
        self.mask, self.follow = mask[0], (visible, hidden)
        self.entries: list[Entry] = []

    def note(self, step: str, tokens: Float[Tensor, "1 m width"], ids: Sequence[int], *, pixels: bool = False) -> Entry:
        """Write down the list of tokens after a step. A step noted again takes back all from there on.

        Args:
            step: what was done.
            tokens: of one image.
            ids: the patch that each token belongs to, or CLS.
            pixels: whether the tokens are pixels.

        Raises:
            ValueError: if there are not as many ids as tokens.
        """
        if len(ids) != tokens.shape[1]:
            raise ValueError(f"{step}: {tokens.shape[1]} tokens need as many ids, not {len(ids)}.")
        steps = [entry.step for entry in self.entries]
        self.entries = self.entries[: steps.index(step) if step in steps else None]
        hidden = self.follow[1]
        left = any(hidden not in entry.ids for entry in self.entries)  # once gone, what returns is a mask token
        entry = Entry(step, tokens[0], tuple(ids), self.follow, left and hidden in ids, pixels)
        self.entries.append(entry)
        return entry

    @property
    def alt(self) -> str:
        """The ledger in words, a line for each step."""
        return "\n".join(map(repr, self.entries))

    def to_html(self) -> str:
        """The ledger as a table, a line for each step."""
        visible, hidden = self.follow
        names = ("step", "tokens x numbers", "place", f"patch {visible}, visible", "place", f"patch {hidden}, hidden")
        rows = []
        for entry in self.entries:
            row = [entry.step, entry.size]
            for patch in self.follow:
                place = entry.place(patch)
                row += ["-" if place is None else str(place), entry.numbers(patch, 3)]
            rows.append(row)
        return table(names, rows, styles=["", *[";white-space:pre"] * 5])
