"""The notebooks as committed: up to date, small, in the house frame, readable without a kernel; and they run."""

import copy
import re
import statistics
import symtable

import nbformat
import pytest

from helpers.html import Images
from helpers.notebooks import BUILT, NAMES, SOURCES, build, read
from helpers.project import NOTEBOOKS

FOLDER = NOTEBOOKS
FRAMED = [name for name, (_, source, _) in BUILT.items() if build.exercises(source)]
"""The notebooks of the course, those with exercises, keep to the whole frame; start page and lab have less to keep."""


@pytest.fixture(params=BUILT)
def notebook(request):
    return read(request.param)


@pytest.fixture(params=FRAMED)
def framed(request):
    return read(request.param)


def text_of(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def section(notebook, heading):
    """The text under a heading, up to the next of the same rank."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text_of(notebook), re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {heading}"
    return found[1]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def images_without_alt(notebook):
    """Pictures that say nothing to a reader who cannot see them, wherever a notebook can have one."""
    bad = []
    for output in outputs(notebook):
        data = output.get("data", {})
        bad += [kind for kind in data if kind.startswith("image/") and kind != "image/svg+xml"]
        bad += [img for img in Images(data.get("text/html", "")).found if not img.get("alt")]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            bad += re.findall(r"!\[\s*\]\(.*?\)", cell.source)
            bad += [img for img in Images(cell.source).found if not img.get("alt")]
    return bad


def alt_texts(notebook):
    return [img["alt"] for o in outputs(notebook) for img in Images(o.get("data", {}).get("text/html", "")).found]


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def test_every_notebook_has_a_source_and_every_source_its_notebooks():
    found = [path for path in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    assert sorted(found) == sorted(path for path, _, _ in BUILT.values())
    assert len(NAMES) >= 3
    assert FRAMED


def test_notebooks_are_built_from_their_sources(capsys):
    assert build.main(["--check"]) == 0, capsys.readouterr().out


def names_of(code):
    """The names that a cell binds for those after it, and the names from before that it uses."""
    tables = [symtable.symtable(code, "cell", "exec")]
    bound = {name.get_name() for name in tables[0].get_symbols() if name.is_assigned()}
    used = set()
    for table in tables:
        tables += table.get_children()
        used |= {name.get_name() for name in table.get_symbols() if name.is_global() and name.is_referenced()}
    used |= {name.get_name() for name in tables[0].get_symbols() if name.is_referenced()}
    return bound, used - bound


def uses_answers(notebook):
    """Whether a later cell uses a name of an exercise: then the notebook to work in runs in another way."""
    answers = set()
    for cell in code_cells(notebook):
        bound, used = names_of(cell.source)
        if "exercise" in cell.metadata.get("tags", []):
            answers |= bound
        elif answers & used:
            return True
        else:
            answers -= bound
    return False


def is_run(name):
    """With solutions always; to work in only where that differs by more than the exercises' own cells.

    That these say "not attempted yet" is tested in tests/course/exercises.
    """
    _, source, solutions = BUILT[name]
    return solutions or not build.exercises(source) or uses_answers(build.from_source(source))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BUILT if is_run(name)])
def test_notebook_runs(name, monkeypatch):
    """Every cell of a notebook runs in a fresh kernel; nbclient raises at the first error."""
    monkeypatch.setenv("MAE_LITE_FAST", "1")
    path, source, solutions = BUILT[name]
    made = build.from_source(source, solutions)
    build.execute(made, path.parent)
    assert all(cell.execution_count for cell in code_cells(made))
    assert not images_without_alt(made)
    committed = read(name)
    shapes = [[sorted(o.get("data", {})) for o in outputs(n)] for n in (made, committed)]
    assert shapes[0] == shapes[1], "what is committed has other kinds of output than a fresh run: rebuild"
    for fresh, kept in zip(alt_texts(made), alt_texts(committed), strict=True):
        assert numbers(fresh) == pytest.approx(numbers(kept), abs=0.03, rel=0.02), "the pictures are stale: rebuild"


def test_an_answer_used_later_is_noticed(folder):
    (folder / "source/02_b.py").write_text(EXERCISE)
    assert not uses_answers(build.from_source(folder / "source/02_b.py"))
    (folder / "source/02_b.py").write_text(EXERCISE + "\n# %%\nprint(answer)\n")
    assert uses_answers(build.from_source(folder / "source/02_b.py"))


def test_committed_executed_without_errors(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "cells were not run once, in order"
    assert [o for o in outputs(notebook) if o.output_type == "error"] == []
    assert [o.text for o in outputs(notebook) if o.get("name") == "stderr"] == []


def test_nothing_saved_needs_a_kernel(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info", "path"}, "path is of this test"
    kinds = {kind for output in outputs(notebook) for kind in output.get("data", {})}
    assert kinds <= {"text/html", "text/plain"}, kinds


def test_every_image_has_alt_text(notebook):
    assert images_without_alt(notebook) == []
    found = [img for o in outputs(notebook) for img in Images(o.get("data", {}).get("text/html", "")).found]
    assert found, "a notebook without a picture"
    assert all(len(img["alt"]) > 30 for img in found)


def test_cells_are_short(notebook):
    lengths = [len([line for line in cell.source.splitlines() if line.strip()]) for cell in code_cells(notebook)]
    assert max(lengths) <= 25
    assert statistics.median(lengths) <= 6
    assert lengths[0] <= 10


def test_cells_neither_install_nor_plot_nor_touch_the_path(notebook):
    for cell in code_cells(notebook):
        for wrong in ("sys.path", "pip install", "pyplot", "import ipywidgets", "matplotlib"):
            assert wrong not in cell.source, f"{wrong} in a cell:\n{cell.source}"
        assert not re.search(r"^\s*[!%]", cell.source, re.MULTILINE), f"a magic or a shell line:\n{cell.source}"


def test_links_lead_somewhere(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", cell.source):
                assert target.startswith("https://") or (notebook.metadata["path"].parent / target).exists(), target


def test_numbers_in_the_text_come_from_a_run(notebook):
    """Results are printed by cells; prose has no decimal fraction that could go stale."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)  # folded solutions are code
            text = re.sub(r"\[.*?\]\(.*?\)|[Ss]ections? [\d., and]+", "", prose)
            assert not re.findall(r"\d\.\d{2,}|\d+(?:\.\d+)? ?(?:dB|ms)\b", text), cell.source


def test_small_enough(notebook):
    assert notebook.metadata["path"].stat().st_size < 1.5e6


# The house frame, for the notebooks of the course


def test_opens_with_what_one_learns_how_long_it_takes_and_where_it_stands(framed):
    first, name = framed.cells[0].source, framed.metadata["path"].stem
    assert re.match(rf"# {name[:2]} \w+", first), "the title begins with the number"
    goals = re.search(r"\*\*You will be able to\*\*\n((?:- .+\n(?:  .+\n)*)+)", first)
    assert goals, "say what the reader will be able to do, as a list"
    assert 3 <= goals[1].count("\n- ") + 1 <= 5
    assert re.search(r"\*\*Time\*\* \d+ minutes .*\*\*Needs\*\* \w+", first, re.DOTALL)


def test_links_to_neighbours_and_twin_at_both_ends(framed):
    path = framed.metadata["path"]
    k = NAMES.index(path.stem)
    for cell in (framed.cells[0], framed.cells[-1]):
        links = {target.rsplit("/")[-1] for target in re.findall(r"\]\((\S+\.ipynb)\)", cell.source)}
        assert {f"{near}.ipynb" for near in (*NAMES[k - 1 : k], *NAMES[k + 1 : k + 2])} <= links
        assert f"]({'../' if path.parent.name == 'solutions' else 'solutions/'}{path.name})" in cell.source


def test_predict_then_run_then_explain(framed):
    """Each **Predict** is followed by at least one code cell and then, before the next, by an **Explain**."""
    marks = ""
    for cell in framed.cells:
        if cell.cell_type == "code":
            marks += "r"
        else:
            marks += "".join(word[0] for word in re.findall(r"\*\*(Predict|Explain)\b", cell.source))
    assert re.fullmatch(r"r*(?:Pr+Er*)+", marks), f"P predict, r run a cell, E explain: {marks}"


def test_has_a_readers_question(framed):
    assert re.search(r"reader's question", text_of(framed), re.IGNORECASE)


def test_five_takeaways(framed):
    assert len(re.findall(r"^- ", section(framed, "Key takeaways"), re.MULTILINE)) == 5


def test_quiz_of_three_with_folded_answers(framed):
    quiz = section(framed, "Quiz")
    assert re.findall(r"^\*\*(\d)\.\*\*", quiz, re.MULTILINE) == ["1", "2", "3"]
    assert quiz.count("<details><summary>Answer</summary>") == quiz.count("</details>") == 3


def test_questions_to_discuss_and_further_reading(framed):
    assert 2 <= len(re.findall(r"^\d\. ", section(framed, "To discuss"), re.MULTILINE)) <= 6
    assert section(framed, "Further reading").count("https://") >= 2


def test_exercises_have_a_box_a_hint_a_check_and_a_folded_solution(framed):
    solutions = framed.metadata["path"].parent.name == "solutions"
    asked = [k for k, cell in enumerate(framed.cells) if "exercise" in cell.metadata.get("tags", [])]
    assert 2 <= len(asked) <= 4
    for number, k in enumerate(asked, 1):
        task, cell = framed.cells[k - 1].source, framed.cells[k]
        assert re.search(rf"^### Exercise {number}: ", task, re.MULTILINE)
        assert re.search(r"^> \*\*Difficulty\*\* [1-5] of 5 · \*\*Time\*\* \d+ minutes$", task, re.MULTILINE)
        assert re.search(r"<details><summary>Hint( \d)?</summary>", task)
        assert re.match(r"check\.\w+\(.+\)$", cell.source.splitlines()[-1])
        assert [o.data["text/plain"][0] for o in cell.outputs] == ["✓" if solutions else "○"]
        if not solutions:
            assert framed.cells[k + 1].source.startswith("<details><summary>Solution</summary>")
    assert text_of(framed).count("<details><summary>Solution</summary>") == (0 if solutions else len(asked))


@pytest.mark.parametrize("name", SOURCES)
def test_no_mark_of_the_build_is_left(name):
    for path in build.built_from(SOURCES[name]):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not re.search(r"(BEGIN|END) SOLUTION|# SOLUTION|\{navigation\}", cell.source), cell.source


SOURCE = (
    '# %% [markdown]\n# # Title\n\n# %%\nimport mae_lite.widgets as w\n\n# %%\nprint("one")\n\n# %%\nprint("one")\n'
)
EXERCISE = """# %% [markdown]
# # 02 More
#
# {navigation} and [a file](data.txt), [a page](https://example.org), [below](#end)

# %%
def double(x):
    ### BEGIN SOLUTION
    y = x

    return x + y
    ### END SOLUTION


answer = 6 * 7  # SOLUTION
print(double(1), answer)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/01_a.py").write_text(SOURCE)
    monkeypatch.setattr(build, "HERE", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_building_twice_gives_the_same_file_and_check_sees_any_edit(folder, capsys):
    assert build.main(["--check"]) == 1, "a notebook that was never built is stale"
    assert build.main([]) == 0
    first = (folder / "01_a.ipynb").read_bytes()
    (folder / "01_a.ipynb").write_bytes(first.replace(b"one", b"two"))
    assert build.main(["--all"]) == 0
    assert (folder / "01_a.ipynb").read_bytes() == first
    assert build.main(["--check"]) == 0
    capsys.readouterr()
    assert build.main([]) == 0
    assert "all notebooks are up to date" in capsys.readouterr().out
    (folder / "source/01_a.py").write_text(SOURCE.replace("# # Title", "# # Other"))
    assert build.main(["--check"]) == 1
    assert "stale: 01_a" in capsys.readouterr().out


def test_unknown_name_is_said(folder, capsys):
    with pytest.raises(SystemExit):
        build.main(["99_none"])
    assert "no source for 99_none; there are 01_a" in capsys.readouterr().err


def test_ids_are_unique_and_an_edit_changes_only_its_own(folder):
    ids = [cell.id for cell in build.from_source(folder / "source/01_a.py").cells]
    (folder / "source/01_a.py").write_text(SOURCE.replace("# # Title", "# # Other"))
    edited = [cell.id for cell in build.from_source(folder / "source/01_a.py").cells]
    assert len(set(ids)) == 4
    assert ids[0] != edited[0]
    assert ids[1:] == edited[1:]


def test_the_check_of_images_finds_what_it_should(notebook):
    spoilt = copy.deepcopy(notebook)
    for output in outputs(spoilt):
        if "<img" in output.get("data", {}).get("text/html", ""):
            output.data["text/html"] = re.sub(r'alt="[^"]*"', "", output.data["text/html"])
    assert images_without_alt(spoilt)


def cells_of(folder, solutions):
    (folder / "source/02_b.py").write_text(EXERCISE)
    return [cell.source for cell in build.from_source(folder / "source/02_b.py", solutions).cells]


def test_exercise_has_dots_to_work_in_and_its_solution_folded(folder):
    _, cell, folded = cells_of(folder, solutions=False)
    dots = "def double(x):\n    ...  # your code here\n\n\nanswer = ...  # your answer here\nprint(double(1), answer)"
    solved = "def double(x):\n    y = x\n\n    return x + y\n\n\nanswer = 6 * 7\nprint(double(1), answer)"
    assert cell == dots
    assert folded == f"<details><summary>Solution</summary>\n\n```python\n{solved}\n```\n\n</details>"
    assert cells_of(folder, solutions=True)[1:] == [solved]


def test_links_hold_in_both_folders(folder):
    opened, solved = (cells_of(folder, solutions)[0] for solutions in (False, True))
    fixed = "[a page](https://example.org), [below](#end)"
    assert "[Title](01_a.ipynb) · **Solutions** [the same, filled in](solutions/02_b.ipynb)" in opened
    assert f"[a file](data.txt), {fixed}" in opened
    assert "[Title](../01_a.ipynb)" in solved
    assert "](../02_b.ipynb)" in solved
    assert f"[a file](../data.txt), {fixed}" in solved
    assert "**Next** [02 More](02_b.ipynb)" in build.navigation(folder / "source/01_a.py", solutions=False)


@pytest.mark.slow
def test_solutions_are_built_beside_and_checked(folder, capsys):
    cells_of(folder, solutions=True)
    assert build.main([]) == 0
    assert sorted(p.name for p in folder.rglob("*.ipynb")) == ["01_a.ipynb", "02_b.ipynb", "02_b.ipynb"]
    outputs = [
        code_cells(nbformat.read(folder / f"{where}02_b.ipynb", as_version=4))[0].outputs[0].text
        for where in ("", "solutions/")
    ]
    assert outputs == ["None Ellipsis\n", "2 42\n"]
    (folder / "solutions/02_b.ipynb").unlink()
    assert build.main(["--check"]) == 1
    assert "stale: solutions/02_b;" in capsys.readouterr().out
