"""The table of `make mutants` fits the package as it is; the changes themselves are tried by that command alone."""

import csv
import re
from collections import Counter

import pytest

from helpers.project import ROOT
from package_mutants import RECORD, TABLE, changed, mutants

MUTANTS = mutants()


@pytest.mark.parametrize("file", TABLE)
def test_every_change_can_be_made(file):
    for mutant in (one for one in MUTANTS if one.file == file):
        compile(changed(mutant), file, "exec")


def test_every_room_has_changes_and_none_is_there_twice():
    assert len(MUTANTS) >= 60
    rooms = {path.parent.name for path in (ROOT / "mae_lite").glob("*/*.py")} - {"__pycache__"}
    assert rooms == {file.split("/")[0] for file in TABLE if "/" in file}
    assert set(Counter((one.file, one.why) for one in MUTANTS).values()) == {1}


def test_the_tests_that_must_notice_are_there():
    for name in {test for mutant in MUTANTS for test in mutant.tests}:
        file, _, test = name.partition("::")
        text = (ROOT / file).read_text()  # a file named alone stands for all of its tests
        assert not test or re.search(rf"^def {test}\(", text, re.MULTILINE), f"{name} is not there"


def test_the_record_is_of_this_table():
    """What the command wrote when it last tried them all."""
    with RECORD.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["what is wrong"]) for row in rows] == [(one.file, one.why) for one in MUTANTS]
    for row, mutant in zip(rows, MUTANTS, strict=True):
        found = f"tests/{row['noticed by']}"
        assert {found, found.split("::")[0]} & {*mutant.tests}, f"{found} is not among {mutant.tests}"


def test_a_change_that_cannot_be_made_is_told():
    mutant = MUTANTS[0]
    for old, count in (("no such words", 0), ("\n", "[0-9]+")):
        with pytest.raises(ValueError, match=rf"has .* {count} times, not once; put the table right\.$"):
            changed(mutant._replace(old=old))
