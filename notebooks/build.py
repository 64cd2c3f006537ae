"""Build the notebooks from notebooks/source: `python notebooks/build.py` those that are stale, `--all`, or by NAME.

With `--check` they are only compared.
Each source is a Python file in jupytext's percent format and the one place to edit. A built notebook is executed, keeps
its pictures and text, and drops what only a live kernel can use.

A source with exercises gives two notebooks: notebooks/NAME.ipynb to work in, and notebooks/solutions/NAME.ipynb. An
exercise is a code cell with the solution in it, marked as nbgrader does; the notebook to work in shows dots instead:

    def double(x):                       def double(x):
        ### BEGIN SOLUTION                   ...  # your code here
        return 2 * x                     check.double(double)
        ### END SOLUTION
    check.double(double)

    answer = 42  # SOLUTION              answer = ...  # your answer here

and carries the whole cell, folded, below. `{navigation}` in a text becomes links to the neighbours and to
the other of the two.
"""

import argparse
import functools
import hashlib
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
BLOCK = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^(.*?\S) = (.*\S) +# SOLUTION$", re.MULTILINE)
FOLDED = "<details><summary>Solution</summary>\n\n```python\n{}\n```\n\n</details>"
LINK = re.compile(r"(\]\(|src=\"|href=\")(?!https?:|data:|#|mailto:)")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


@functools.cache
def parsed(text: str) -> list[nbformat.NotebookNode]:
    """The cells of a source's text; to read, not to change."""
    return jupytext.reads(text, fmt="py:percent").cells


def exercises(path: Path) -> list[tuple[str, str]]:
    """The exercise cells of a source, each as it is to work in and as it is solved."""
    cells = parsed(path.read_text(encoding="utf-8"))
    return [(to_do(cell.source), solved(cell.source)) for cell in cells if is_exercise(cell)]


def is_exercise(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell of a source has a solution in it."""
    return cell.cell_type == "code" and bool(BLOCK.search(cell.source) or LINE.search(cell.source))


def to_do(source: str) -> str:
    """An exercise cell with dots in place of its solution."""
    return LINE.sub(r"\1 = ...  # your answer here", BLOCK.sub(r"\1...  # your code here", source))


def solved(source: str) -> str:
    """An exercise cell with its solution and without the marks."""
    return LINE.sub(r"\1 = \2", BLOCK.sub(r"\2", source))


def from_source(path: Path, solutions: bool = False) -> nbformat.NotebookNode:
    """The notebook that a source describes, without outputs; the same source gives the same cell ids."""
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    for cell in parsed(path.read_text(encoding="utf-8")):
        if cell.cell_type == "markdown":
            text = cell.source.replace("{navigation}", navigation(path, solutions))
            _append(notebook, "markdown", LINK.sub(r"\1../", text) if solutions else text)
        elif not is_exercise(cell):
            _append(notebook, "code", cell.source)
        else:
            _append(notebook, "code", (solved if solutions else to_do)(cell.source), tags=["exercise"])
            if not solutions:
                _append(notebook, "markdown", FOLDED.format(solved(cell.source)), tags=["solution"])
    return notebook


def _append(notebook: nbformat.NotebookNode, kind: str, source: str, **metadata) -> None:
    make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    cell = make(source, metadata=metadata)
    cell.id = _id(cell, {made.id for made in notebook.cells})
    notebook.cells.append(cell)


def navigation(path: Path, solutions: bool) -> str:
    """Links to the notebooks before and after, and to the one with or without solutions, from notebooks/."""
    row = sorted(path.parent.glob("*.py"))
    k = row.index(path)
    near = {"Previous": row[k - 1 : k], "Next": row[k + 1 : k + 2]}
    links = [f"**{word}** [{title(other)}]({other.stem}.ipynb)" for word, found in near.items() for other in found]
    if solutions:
        links.append(f"**Solutions filled in**; to try it yourself: [the exercises open]({path.stem}.ipynb)")
    elif exercises(path):
        links.append(f"**Solutions** [the same, filled in](solutions/{path.stem}.ipynb)")
    return " · ".join(links)


def title(path: Path) -> str:
    """The first heading of a source."""
    return re.search(r"^# # (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]


def built_from(path: Path) -> dict[Path, bool]:
    """Where the notebooks of a source go, and whether they show solutions."""
    open_ones = {HERE / f"{path.stem}.ipynb": False}
    return open_ones | ({HERE / "solutions" / f"{path.stem}.ipynb": True} if exercises(path) else {})


def _id(cell: nbformat.NotebookNode, taken: set[str]) -> str:
    """An id that depends on the cell's text only, so that editing one cell leaves the ids of the others alone."""
    text = f"{cell.cell_type}\n{cell.source}"
    while (name := hashlib.sha256(text.encode()).hexdigest()[:12]) in taken:
        text += "\nagain"
    return name


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`; an error in one of them ends the build."""
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":  # a widget shows a figure after itself, for readers without a kernel
            cell.outputs = [output for output in cell.outputs if WIDGET_VIEW not in output.get("data", {})]
    notebook.metadata = nbformat.from_dict(METADATA)


def is_stale(source: Path, built: Path, solutions: bool = False) -> bool:
    """Whether a built notebook is missing, or its cells are not those of its source, in order, by id, kind and text."""
    if not built.exists():
        return True
    made, wanted = nbformat.read(built, as_version=4), from_source(source, solutions)
    cells = [[(cell.id, cell.cell_type, cell.source) for cell in notebook.cells] for notebook in (made, wanted)]
    return cells[0] != cells[1]


def main(argv: list[str] | None = None) -> int:
    """Build the named notebooks, all, or those that are stale; with --check, say which are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 07_reconstruction (default: the stale ones)")
    parser.add_argument("--all", action="store_true", help="build those too that are up to date")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a notebook is stale")
    args = parser.parse_args(argv)
    sources = {path.stem: path for path in sorted((HERE / "source").glob("*.py"))}
    if unknown := [name for name in args.names if name not in sources]:
        parser.error(f"no source for {', '.join(unknown)}; there are {', '.join(sources)}")
    whole = not args.check and (args.all or args.names)
    chosen = [
        (path, built, solutions)
        for name, path in sources.items()
        if name in (args.names or sources)
        for built, solutions in built_from(path).items()
        if whole or is_stale(path, built, solutions)
    ]
    if args.check and chosen:
        stale = ", ".join(str(built.relative_to(HERE).with_suffix("")) for _, built, _ in chosen)
        print(f"stale: {stale}; run python notebooks/build.py")
        return 1
    if not chosen:
        print("all notebooks are up to date")
    for path, built, solutions in chosen:
        built.parent.mkdir(exist_ok=True)
        notebook = from_source(path, solutions)
        execute(notebook, built.parent)
        nbformat.write(notebook, built)
        size = built.stat().st_size / 1e3
        print(f"{built.relative_to(HERE)}: {len(notebook.cells)} cells, {size:.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
