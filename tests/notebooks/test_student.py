"""The tree that students get holds no solution."""

import re
import subprocess
import sys
import zipfile

import jupytext
import nbformat
import pytest

from helpers.notebooks import BUILT, NAMES, SOURCES, build
from helpers.project import ROOT, load
from helpers.site import FOLDER

student = load(FOLDER / "student.py")


def solution_lines():
    """Every line of every solution, by source: as it stands, without comment, if it is more than a word or two."""
    lines = {}
    for name, path in SOURCES.items():
        for cell in jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells:
            blocks = [match[2] for match in build.BLOCK.finditer(cell.source)]
            blocks += [f"{match[1]} = {match[2]}" for match in build.LINE.finditer(cell.source)]
            for line in "\n".join(blocks).splitlines():
                line = line.split("  #")[0].strip()
                if len(line) >= 12:
                    lines.setdefault(line, set()).add(name)
    return lines


def shown_openly(name):
    """Text of a notebook outside its exercises and folded solutions: what a lesson or a hint gives away itself."""
    cells = nbformat.read(BUILT[name][0], as_version=4).cells
    return "\n".join(cell.source for cell in cells if not {"solution", "exercise"} & set(cell.metadata.get("tags", [])))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    out = tmp_path_factory.mktemp("student") / "tree"
    command = [sys.executable, FOLDER / "student.py", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_no_line_of_a_solution_is_in_the_tree(tree):
    files = [path for path in tree.rglob("*") if path.is_file() and path.suffix != ".whl"]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    for path in texts:
        if path.suffix == ".ipynb":
            texts[path] = "\n".join(cell.source for cell in nbformat.reads(texts[path], as_version=4).cells)
    lines, found = solution_lines(), []
    assert len(lines) > 80
    given = {name: shown_openly(name) for name in NAMES}
    for line in lines:
        found += [
            f"{path.name}: {line}"
            for path, text in texts.items()
            if line in text and line not in given.get(path.stem, "")
        ]
    assert found == []
    assert sum(any(line in text for text in given.values()) for line in lines) < 0.15 * len(lines), (
        "lessons tell too much"
    )


@pytest.mark.slow
def test_the_search_for_solutions_finds_them_where_they_are():
    """The same search on the notebooks as committed, which have them folded."""
    texts = ["\n".join(c.source for c in nbformat.read(BUILT[name][0], as_version=4).cells) for name in NAMES]
    lines = solution_lines()
    assert all(any(line in text for text in texts) for line in lines)


@pytest.mark.slow
def test_all_notebooks_are_there_and_nothing_that_has_answers(tree):
    assert sorted(path.stem for path in tree.rglob("*.ipynb")) == NAMES
    assert {path.name for path in tree.iterdir()} - {"notebooks"} == {
        "README.md", "Makefile", "LICENSE", "constraints.txt", "mae_lite-0.1.0-py3-none-any.whl",
    }  # fmt: skip
    assert [path for path in tree.rglob("*") if path.name in ("solutions", "source", "tests", "build.py")] == []


@pytest.mark.slow
def test_exercises_are_open_and_complete(tree):
    for name, source in SOURCES.items():
        cells = nbformat.read(tree / f"notebooks/{name}.ipynb", as_version=4).cells
        asked = [cell.source for cell in cells if "exercise" in cell.metadata.get("tags", [])]
        assert asked == [to_do for to_do, _ in build.exercises(source)]
        text = "\n".join(cell.source for cell in cells)
        assert "<summary>Solution" not in text
        assert "solutions/" not in text
        assert "twin with the solutions" not in text
        nbformat.validate(nbformat.read(tree / f"notebooks/{name}.ipynb", as_version=4))


@pytest.mark.slow
def test_links_hold_in_the_tree(tree):
    for path in tree.rglob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", cell.source):
                    assert target.startswith("https://") or (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.slow
def test_wheel_has_the_package_and_what_notebooks_need(tree):
    with zipfile.ZipFile(next(tree.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert "mae_lite/assets/photos/cat.jpg" in names
    assert "mae_lite/assets/weights/mae-lite-mini/model.safetensors" in names
    assert [name for name in names if "solutions" in name or name.startswith(("tests", "notebooks"))] == []
    assert next(tree.glob("*.whl")).name in (tree / "README.md").read_text()


def test_another_folder_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SystemExit):
        student.main(["--out", str(tmp_path)])
    assert "holds something else" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()


def test_the_version_in_the_wheel_is_the_projects():
    assert 'version = "0.1.0"' in (ROOT / "pyproject.toml").read_text(), "then correct the name of the wheel above"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("**Next** [3](3.ipynb) · **Solutions** [the same, filled in](solutions/02_b.ipynb)", "**Next** [3](3.ipynb)"),
        ("exercises, and a twin with\nthe solutions filled in.", "exercises."),
        ("[guide](guides/a.md), [card](../assets/b.md), [07](07_c.ipynb#d)", "guide, card, [07](07_c.ipynb#d)"),
        ("[a page](https://example.org), ![a picture](x.png)", "[a page](https://example.org), ![a picture](x.png)"),
        ("nothing about it", "nothing about it"),
    ],
)  # fmt: skip
def test_words_about_solutions_go(text, left):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    assert student.without_solutions(notebook).cells[0].source == left
