"""Counts of what was tried, printed when the tests end."""

import pytest

COUNTS = {}
FAILED = []
"""Tests of this folder that did not get to their counts."""


@pytest.fixture
def count():
    """A function that adds to the table printed at the end: count("pictures", tried=1, refused=1, crashes=0)."""

    def add(what: str, **numbers: int) -> None:
        row = COUNTS.setdefault(what, {"tried": 0, "refused clearly": 0, "crashes": 0})
        for key, number in numbers.items():
            row[{"refused": "refused clearly"}.get(key, key)] += number

    return add


def pytest_runtest_logreport(report):
    """A test that failed is a crash, unless it counted some itself."""
    if report.failed and "tests/robust/" in report.nodeid:
        FAILED.append(report.nodeid)


def pytest_terminal_summary(terminalreporter):
    """The table, and its sum."""
    if not COUNTS:
        return
    terminalreporter.section("what was tried, what was refused in one clear sentence, what crashed")
    total = {key: sum(row[key] for row in COUNTS.values()) for key in ("tried", "refused clearly", "crashes")}
    total["crashes"] = max(total["crashes"], len(FAILED))
    for what, row in (COUNTS | {"in all": total}).items():
        terminalreporter.write_line(f"{what:44}" + "".join(f"{key} {number:7,}   " for key, number in row.items()))
