"""Every check lets the solution pass, says kindly that a stub is not attempted, and knows each wrong answer by name.

Stubs and solutions are read from the notebooks' sources; wrong answers are in tests/mutants, a module a notebook.
"""

import ast
import importlib.util
import re

import pytest
import torch

from helpers.notebooks import build
from helpers.project import NOTEBOOKS
from mae_course.exercises.check import (
    OPEN,
    PASSED,
    WRONG,
    Verdict,
    call,
    compare,
    exercise,
    expect,
    given,
    random_tensor,
)  # fmt: skip

FOLDER = NOTEBOOKS

SOURCES = {path.stem: path for path in sorted((FOLDER / "source").glob("*.py")) if build.exercises(path)}


def check_name(cell):
    """The name of the check that an exercise cell ends with."""
    return re.search(r"^check\.(\w+)\(", cell, re.MULTILINE)[1]


def imported(folder, notebook):
    """What belongs to a notebook, such as mae_course.exercises.image_as_sentence to 02_image_as_sentence."""
    return importlib.import_module(f"{folder}.{re.sub('^[0-9]+_', '', notebook)}")


def mutants_of(notebook):
    return imported("mutants", notebook).MUTANTS


CELLS = [
    pytest.param(path, *cells, id=f"{name}-{check_name(cells[1])}")
    for name, path in SOURCES.items()
    for cells in build.exercises(path)
]
MUTANTS = [
    pytest.param(name, asked, mutant, id=f"{name}-{asked}-{getattr(mutant.answer, '__name__', k)}")
    for name in SOURCES
    for asked, mutants in mutants_of(name).items()
    for k, mutant in enumerate(mutants)
]


def run_cell(source, cell):
    """What an exercise cell shows, run after the notebook's imports and functions and no other line of it."""
    names = {}
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    before = [node for node in ast.parse(source.read_text()).body if isinstance(node, kinds)]
    *lines, last = ast.parse(cell).body
    exec(compile(ast.Module(before + lines, []), "<exercise>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<exercise>", "eval"), names)


@pytest.mark.parametrize(("source", "stub", "solution"), CELLS)
def test_stub_is_not_attempted_and_solution_passes(source, stub, solution):
    state = torch.get_rng_state()
    verdict = run_cell(source, stub)
    assert verdict.status == OPEN, f"an untouched exercise must say that it is open, not: {verdict}"
    assert not verdict.passed
    verdict = run_cell(source, solution)
    assert verdict.status == PASSED, f"the notebook's own solution does not pass: {verdict}"
    assert torch.equal(torch.get_rng_state(), state), "a check changed the reader's random numbers"


@pytest.mark.parametrize(("notebook", "asked", "mutant"), MUTANTS)
def test_mutant_is_rejected_with_its_own_hint(notebook, asked, mutant):
    verdict = getattr(imported("mae_course.exercises", notebook), asked)(mutant.answer)
    assert verdict.status == WRONG, f"a wrong answer got: {verdict}"
    assert mutant.hint in verdict.sentence
    others = [other for other in mutants_of(notebook)[asked] if other is not mutant]
    assert not [other for other in others if other.hint in verdict.sentence], "this hint does not tell two bugs apart"


@pytest.mark.parametrize("notebook", SOURCES)
def test_every_exercise_has_two_mutants_and_every_mutant_an_exercise(notebook):
    asked = [check_name(solution) for _, solution in build.exercises(SOURCES[notebook])]
    assert list(mutants_of(notebook)) == asked
    assert all(len(mutants) >= 2 for mutants in mutants_of(notebook).values())


# The parts of a check


@exercise
def double(mine):
    """`mine(x)` is 2 x."""
    x = random_tensor(2, 3)
    compare(call(mine, x, hint="Think twice."), 2 * x, slips={"halved": x / 2}, otherwise="double it.")
    return "doubled."


def test_right_answer_passes_in_any_precision():
    assert double(lambda x: x + x) == Verdict(PASSED, "doubled.")
    assert double(lambda x: 2 * x.double()).passed


@pytest.mark.parametrize("stub", [lambda x: None, lambda x: ..., None, ...])
def test_nothing_returned_is_not_attempted(stub):
    assert double(stub).status == OPEN


def test_not_implemented_is_not_attempted():
    def stub(x):
        raise NotImplementedError

    assert double(stub).status == OPEN


def test_error_in_the_readers_function_becomes_a_sentence_with_line_and_inputs():
    def mine(x):
        y = x.reshape(4, 2)
        return y

    verdict = double(mine)
    assert verdict.status == WRONG
    assert "mine stopped at the line y = x.reshape(4, 2) with RuntimeError (shape '[4, 2]' is inval" in verdict.sentence
    assert verdict.sentence.endswith("it was given x of shape (2, 3). Think twice.")


def test_a_model_among_the_inputs_is_named_and_not_printed_whole():
    @exercise
    def with_model(mine):
        return call(mine, torch.nn.Linear(2, 3), torch.zeros(2))

    def mine(model, x):
        raise ValueError("no")

    assert with_model(mine).sentence.endswith("it was given model = Linear, x of shape (2,).")


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (lambda: 0, "TypeError"),
        (lambda x: [1], "the result is a list; it should be a torch tensor"),
        (lambda x: x[:, :2], "the shape (2, 2), it should be (2, 3)"),
        (lambda x: x / 2, "halved"),
        (lambda x: x / 0, "of the values are not"),
        (lambda x: x * torch.nan, "not a number"),
        (lambda x: (2 * x).long(), "holds torch.int64, it should be torch.float32"),
        (lambda x: x > 0, "holds torch.bool, it should be torch.float32"),
        (torch.ones(2), "without parentheses"),
        (max, "stopped with"),
    ],
)
def test_wrong_answers_are_told_what_is_wrong(mine, said):
    verdict = double(mine)
    assert verdict.status == WRONG
    assert said in verdict.sentence


def test_a_whole_number_is_no_boolean_mask():
    @exercise
    def mask(mine):
        compare(call(mine, 3), torch.tensor([True, False]), otherwise="1 is not True.")
        return "a mask."

    assert mask(lambda n: torch.tensor([True, False])).passed
    assert "holds torch.int64, it should be torch.bool" in mask(lambda n: torch.tensor([1, 0])).sentence


def test_values_and_conditions():
    @exercise
    def answer(mine):
        expect(given(mine) == 42, "think deeper.")
        return "indeed."

    assert [answer(a).status for a in (..., 41, 42)] == [OPEN, WRONG, PASSED]


def test_a_function_that_changes_its_input_does_not_change_the_checks():
    def in_place(x):
        return x.mul_(2)

    assert double(in_place).passed


@pytest.mark.parametrize(("status", "sign"), [(PASSED, "✓"), (OPEN, "○"), (WRONG, "✗")])
def test_verdict_shows_itself_by_sign_and_words(status, sign):
    bundle = Verdict(status, "1 < 2 & so on")._repr_mimebundle_()
    assert bundle["text/plain"] == f"{sign} {status}: 1 < 2 & so on"
    assert f"{sign} {status}:</b> 1 &lt; 2 &amp; so on" in bundle["text/html"]
    assert 'role="status"' in bundle["text/html"]
