"""Counts of what was tried, printed when the tests end; they travel with the reports, so also from other processes."""

import pytest

CRASHED = []
"""Tests of tests/robust that did not get to their counts."""
COUNTS = {}


@pytest.fixture
def count(record_property):
    """A function that adds to the table printed at the end: count("pictures", tried=1, refused=1, crashes=0)."""

    def add(what: str, *, tried: int = 0, refused: int = 0, crashes: int = 0) -> None:
        record_property("count", [what, tried, refused, crashes])

    return add


def pytest_runtest_logreport(report):
    """A test that failed is a crash, unless it counted some itself."""
    if report.failed and "tests/robust/" in report.nodeid:
        CRASHED.append(report.nodeid)
    if report.when == "call":
        for what, *numbers in [value for name, value in report.user_properties if name == "count"]:
            COUNTS[what] = [a + b for a, b in zip(COUNTS.get(what, (0, 0, 0)), numbers, strict=True)]


def pytest_terminal_summary(terminalreporter):
    """The table, and its sum."""
    if not COUNTS:
        return
    terminalreporter.section("what was tried, what was refused in one clear sentence, what crashed")
    tried, refused, crashes = (sum(column) for column in zip(*COUNTS.values(), strict=True))
    rows = COUNTS | {"in all": [tried, refused, max(crashes, len(CRASHED))]}
    for what, (tried, refused, crashes) in rows.items():
        numbers = f"tried {tried:7,}   refused clearly {refused:7,}   crashes {crashes:7,}"
        terminalreporter.write_line(f"{what:44}{numbers}")
