"""Counts of what was tried, printed when the tests end."""

import pytest

COUNTS = {}


@pytest.fixture
def count():
    """A function that adds to the table printed at the end: count("pictures", tried=1, refused=1, crashes=0)."""

    def add(what: str, **numbers: int) -> None:
        row = COUNTS.setdefault(what, {"tried": 0, "refused clearly": 0, "crashes": 0})
        for key, number in numbers.items():
            row[{"refused": "refused clearly"}.get(key, key)] += number

    return add


def pytest_terminal_summary(terminalreporter):
    """The table."""
    if COUNTS:
        terminalreporter.section("what was tried, what was refused in one clear sentence, what crashed")
    for what, row in COUNTS.items():
        terminalreporter.write_line(f"{what:44}" + "".join(f"{key} {number:7,}   " for key, number in row.items()))
