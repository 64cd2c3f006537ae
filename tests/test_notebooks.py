"""The notebooks as committed: up to date, small, readable without a kernel; and they run."""

import copy
import importlib.util
import re
import statistics
from pathlib import Path

import nbformat
import pytest
from test_figures import Images

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = sorted(path.stem for path in (FOLDER / "source").glob("*.py"))

spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


@pytest.fixture(params=NAMES)
def notebook(request):
    return nbformat.read(FOLDER / f"{request.param}.ipynb", as_version=4)


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


def test_every_notebook_has_a_source_and_every_source_a_notebook():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES
    assert len(NAMES) >= 2


def test_notebooks_are_built_from_their_sources(capsys):
    assert build.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name, monkeypatch):
    """Every cell of every notebook runs in a fresh kernel; nbclient raises at the first error."""
    monkeypatch.setenv("MAE_LITE_FAST", "1")
    made = build.from_source(FOLDER / "source" / f"{name}.py")
    build.execute(made, FOLDER)
    assert all(cell.execution_count for cell in code_cells(made))
    assert not images_without_alt(made)
    committed = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    shapes = [[sorted(o.get("data", {})) for o in outputs(n)] for n in (made, committed)]
    assert shapes[0] == shapes[1], "what is committed has other kinds of output than a fresh run: rebuild"
    for fresh, kept in zip(alt_texts(made), alt_texts(committed), strict=True):
        assert numbers(fresh) == pytest.approx(numbers(kept), abs=0.03, rel=0.02), "the pictures are stale: rebuild"


def test_committed_executed_without_errors(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "cells were not run once, in order"
    assert [o for o in outputs(notebook) if o.output_type == "error"] == []
    assert [o.text for o in outputs(notebook) if o.get("name") == "stderr"] == []


def test_nothing_saved_needs_a_kernel(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
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
                assert target.startswith("https://") or (FOLDER / target).exists(), target


def test_numbers_in_the_text_come_from_a_run(notebook):
    """Results are printed by cells; prose has no decimal fraction that could go stale."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"\[.*?\]\(.*?\)|[Ss]ections? [\d., and]+", "", cell.source)
            assert not re.findall(r"\d\.\d{2,}|\d+(?:\.\d+)? ?(?:dB|ms)\b", text), cell.source


@pytest.mark.parametrize("name", NAMES)
def test_small_enough(name):
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 1.5e6


SOURCE = (
    '# %% [markdown]\n# # Title\n\n# %%\nimport mae_lite.widgets as w\n\n# %%\nprint("one")\n\n# %%\nprint("one")\n'
)


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
    assert build.main(["01_a"]) == 0
    assert (folder / "01_a.ipynb").read_bytes() == first
    assert build.main(["--check"]) == 0
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
