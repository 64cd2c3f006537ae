"""Make the tree that students get: `python notebooks/site/student.py [--out build/student]`.

The notebooks without the folded solutions and without links to them, and the package as one wheel with photos and
weights in it. Left out: solutions, sources, tests, guides. (The package has functions of the same name as many
exercises, and a wheel can be unpacked: whoever wants to look can look.)
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent.parent
LINK = re.compile(r"( · )?\*\*Solutions\*\* \[the same, filled in\]\(solutions/[\w-]+\.ipynb\)")
PROMISE = re.compile(r",\s+and\s+a\s+twin\s+with\s+the\s+solutions\s+filled\s+in")
ELSEWHERE = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|mailto:|#|[\w-]+\.ipynb)[^)]*\)")
"""Links to guides, which are for those who lead, and to files that are in the wheel."""
FILES = ("constraints.txt", "LICENSE")
README = """# {title}

For students: notebooks with exercises that check themselves. You need Python 3.10 to 3.13 and, once, the network.

```bash
python3 -m venv .venv
.venv/bin/python -m pip install -c constraints.txt {wheel}
.venv/bin/jupyter lab notebooks/00_start_here.ipynb
```

On Windows put `.venv\\Scripts\\` for `.venv/bin/`, and `python` for `python3`. Where there is `make`, `make lab` does
all three. Write your answers into the notebooks; `.venv/bin/python -m mae_lite doctor` says whether all is well.
"""
MAKEFILE = """PYTHON ?= python3

lab: .venv/installed
\t.venv/bin/jupyter lab notebooks/00_start_here.ipynb

.venv/installed: {wheel} constraints.txt
\ttest -x .venv/bin/python || $(PYTHON) -m venv .venv
\t.venv/bin/python -m pip install --quiet --constraint constraints.txt {wheel}
\ttouch $@

.PHONY: lab
"""


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook to work in, without folded solutions and without a word about where they are."""
    notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = ELSEWHERE.sub(r"\1", PROMISE.sub("", LINK.sub("", cell.source)))
    return notebook


def main(argv: list[str] | None = None) -> int:
    """Make the tree anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build/student", help="the folder to make")
    out = parser.parse_args(argv).out.resolve()
    if out.exists() and not (out / "notebooks/00_start_here.ipynb").exists() and any(out.iterdir()):
        parser.error(f"{out} holds something else; name an empty folder, or one made by this command.")
    shutil.rmtree(out, ignore_errors=True)
    (out / "notebooks").mkdir(parents=True)
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        nbformat.write(without_solutions(nbformat.read(path, as_version=4)), out / "notebooks" / path.name)
    for name in FILES:
        shutil.copy2(ROOT / name, out)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], cwd=ROOT, check=True)
    (wheel,) = (path.name for path in out.glob("*.whl"))
    title = "Masked autoencoders, to touch and to understand"
    (out / "README.md").write_text(README.format(title=title, wheel=wheel), encoding="utf-8")
    (out / "Makefile").write_text(MAKEFILE.format(wheel=wheel), encoding="utf-8")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {len(list(out.glob('notebooks/*.ipynb')))} notebooks, {size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
