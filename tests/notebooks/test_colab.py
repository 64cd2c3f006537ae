"""Copies for Colab install the package there, do nothing elsewhere, and link to what can be reached from there."""

import re
import subprocess

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.notebooks import BUILT, NAMES
from helpers.project import NOTEBOOKS, ROOT, load

colab = load(NOTEBOOKS / "site/colab.py")
ON_COLAB = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')"


def run(*cells, folder):
    """The outputs of cells that one fresh kernel runs; the installing cell of this working tree is the last."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.cells.append(colab.first_cell(ROOT.as_uri(), head.stdout.strip()))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook.cells[-1].outputs


@pytest.fixture
def target(tmp_path, monkeypatch):
    """A folder for what pip installs; nothing that is installed already is fetched again."""
    options = {"TARGET": str(tmp_path / "site"), "NO_DEPS": "1", "NO_BUILD_ISOLATION": "0"}  # 0 means yes to pip
    for name, value in options.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return tmp_path / "site"


@pytest.mark.slow
def test_on_colab_the_first_cell_installs_the_package_with_its_photos_and_weights(target, tmp_path):
    run(ON_COLAB, folder=tmp_path)
    assert (target / "mae_lite/mae.py").read_text() == subprocess.run(
        ["git", "show", "HEAD:mae_lite/mae.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert (target / "mae_lite/assets/photos/cat.jpg").exists()
    assert (target / "mae_lite/assets/weights/mae-lite-mini/model.safetensors").exists()


@pytest.mark.slow
def test_elsewhere_the_first_cell_does_nothing(target, tmp_path):
    assert run(folder=tmp_path) == []
    assert not target.exists()


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    out = tmp_path_factory.mktemp("colab") / "out"
    assert colab.main(["octocat/mae-lite", "--out", str(out)]) == 0
    return {path.stem: nbformat.read(path, as_version=4) for path in out.glob("*.ipynb")}


def test_every_notebook_has_a_copy_that_differs_by_one_cell_and_by_links(copies):
    assert sorted(copies) == NAMES
    for name, copied in copies.items():
        nbformat.validate(copied)
        assert '"git+https://github.com/octocat/mae-lite@main"' in copied.cells[0].source
        kept = nbformat.read(BUILT[name][0], as_version=4).cells
        assert len(copied.cells) == 1 + len(kept)
        for one, other in zip(copied.cells[1:], kept, strict=True):
            texts = [re.sub(r"\]\([^)]*\)", "]()", cell.source) for cell in (one, other)]
            assert texts[0] == texts[1]
            assert one.cell_type == "markdown" or one == other


def test_links_lead_to_colab_or_to_files_of_the_repository(copies):
    count = 0
    for name, copied in copies.items():
        for cell in copied.cells:
            for link in re.findall(r"\]\(([^)\s]+)\)", cell.source) if cell.cell_type == "markdown" else ():
                assert re.match(r"https://|#|mailto:", link), f"{name}: {link}"
                if found := re.match(rf"{colab.COLAB}/octocat/mae-lite/blob/colab/(.+?)\.ipynb(#.*)?$", link):
                    assert found[1] in NAMES
                    count += 1
                if found := re.match(r"https://github.com/octocat/mae-lite/blob/main/([^#]+)", link):
                    assert (ROOT / found[1]).is_file(), f"{name}: {link}"
                    count += 1
    assert count > 100


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("[a](03_b.ipynb#How-much?)", "(https://colab.research.google.com/github/o/n/blob/colab/03_b.ipynb#How-much?)"),
        ("[a](solutions/03_b.ipynb)", "(https://github.com/o/n/blob/dev/notebooks/solutions/03_b.ipynb)"),
        ("[a](../assets/w/README.md)", "(https://github.com/o/n/blob/dev/assets/w/README.md)"),
        ("[a](https://arxiv.org/abs/1)", "(https://arxiv.org/abs/1)"),
        ("[a](#here)", "(#here)"),
        ("![a](attachment:x.png)", "(attachment:x.png)"),
    ],
)  # fmt: skip
def test_a_link(link, leads_to):
    assert colab.absolute(link, "o/n", "dev").endswith(f"[a]{leads_to}")


def test_badges_name_the_repository(tmp_path, capsys):
    assert colab.main(["octocat/mae-lite", "--branch", "dev", "--out", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out
    assert "github/octocat/mae-lite/blob/colab/00_start_here.ipynb)" in said
    assert "mybinder.org/v2/gh/octocat/mae-lite/dev?urlpath=lab/tree/notebooks/00_start_here.ipynb)" in said


def test_a_wrong_address_and_another_folder_are_said(tmp_path, capsys):
    with pytest.raises(SystemExit):
        colab.main(["https://github.com/octocat/mae-lite"])
    assert "is not of the form OWNER/NAME" in capsys.readouterr().err
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SystemExit):
        colab.main(["octocat/mae-lite", "--out", str(tmp_path)])
    assert "holds something else" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()
