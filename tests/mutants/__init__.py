"""Wrong answers to the exercises, a module a notebook: bugs of real repositories where there is one, else usual slips.

Each module has MUTANTS: for the name of each check a list of at least two.
"""

from typing import Any, NamedTuple


class Mutant(NamedTuple):
    answer: Any
    """What a reader would hand to the check."""
    hint: str
    """Words that only this mutant's hint has."""
    origin: str = "a usual slip"
    """Where it comes from."""
