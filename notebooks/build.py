"""Build the notebooks from notebooks/source: `python notebooks/build.py [NAME...]`, or `--check` to only compare.

Each source is a Python file in jupytext's percent format and the one place to edit. A built notebook is executed, keeps
its pictures and text, and drops what only a live kernel can use.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def from_source(path: Path) -> nbformat.NotebookNode:
    """The notebook that a source describes, without outputs; the same source gives the same cell ids."""
    parsed = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    for cell in parsed.cells:
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        taken = {made.id for made in notebook.cells}
        notebook.cells.append(make(cell.source, id=_id(cell, taken)))
    return notebook


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


def is_stale(source: Path, built: Path) -> bool:
    """Whether a built notebook is missing, or its cells are not those of its source, in order, by id, kind and text."""
    if not built.exists():
        return True
    made, wanted = nbformat.read(built, as_version=4), from_source(source)
    cells = [[(cell.id, cell.cell_type, cell.source) for cell in notebook.cells] for notebook in (made, wanted)]
    return cells[0] != cells[1]


def main(argv: list[str] | None = None) -> int:
    """Build, or with --check compare, the named notebooks or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 07_reconstruction (default: all)")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a notebook is stale")
    args = parser.parse_args(argv)
    sources = {path.stem: path for path in sorted((HERE / "source").glob("*.py"))}
    if unknown := [name for name in args.names if name not in sources]:
        parser.error(f"no source for {', '.join(unknown)}; there are {', '.join(sources)}")
    chosen = {name: path for name, path in sources.items() if name in (args.names or sources)}
    if args.check:
        stale = [name for name, path in chosen.items() if is_stale(path, HERE / f"{name}.ipynb")]
        print(f"stale: {', '.join(stale)}; run python notebooks/build.py" if stale else "all notebooks are up to date")
        return 1 if stale else 0
    for name, path in chosen.items():
        notebook = from_source(path)
        execute(notebook, HERE)
        nbformat.write(notebook, HERE / f"{name}.ipynb")
        print(f"{name}.ipynb: {len(notebook.cells)} cells, {(HERE / f'{name}.ipynb').stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
