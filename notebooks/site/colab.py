"""Copies of the notebooks for Google Colab: `python notebooks/site/colab.py OWNER/NAME [--branch main]`.

A Colab machine has no clone of this repository, so each copy begins with a cell that installs the package from GitHub;
anywhere else the cell does nothing. Links lead to the other copies, and to files on GitHub. Commit the folder that is
written (build/colab) to a branch `colab`, and the badges that the command prints lead to it.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path, PurePosixPath

import nbformat

ROOT = Path(__file__).parent.parent.parent
INSTALL = """# Only on Colab: get the package from its repository. Elsewhere this cell does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install --quiet "git+{address}@{branch}" """.rstrip()
LINK = re.compile(r"""(\]\(|\b(?:src|href)=")(?!\w+:|#)([^)\s"#]*)""")
COLAB = "https://colab.research.google.com/github"
BADGES = """For the README:

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}/00_start_here.ipynb)
[![Open on Binder](https://mybinder.org/badge_logo.svg)]({binder})
"""


def first_cell(address: str, branch: str) -> nbformat.NotebookNode:
    """The cell that installs the package from a git address, on Colab alone."""
    cell = nbformat.v4.new_code_cell(INSTALL.format(address=address, branch=branch))
    cell.id = "colab-install"
    return cell


def absolute(text: str, repo: str, branch: str) -> str:
    """The text with links to notebooks as links to their copies on Colab, and to other files as links to GitHub."""

    def target(found: re.Match) -> str:
        path = PurePosixPath(found[2])
        if path.suffix == ".ipynb" and len(path.parts) == 1:
            return f"{found[1]}{COLAB}/{repo}/blob/colab/{path}"
        above = len([part for part in path.parts if part == ".."])
        inside = PurePosixPath(*path.parts[above:]) if above else PurePosixPath("notebooks") / path
        return f"{found[1]}https://github.com/{repo}/blob/{branch}/{inside}"

    return LINK.sub(target, text)


def copy_for_colab(path: Path, repo: str, branch: str) -> nbformat.NotebookNode:
    """A notebook as committed, with the cell that installs and with links that hold on Colab."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = absolute(cell.source, repo, branch)
    notebook.cells.insert(0, first_cell(f"https://github.com/{repo}", branch))
    return notebook


def main(argv: list[str] | None = None) -> int:
    """Write the copies and say what to do with them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repo", metavar="OWNER/NAME", help="where the repository lies on GitHub")
    parser.add_argument("--branch", default="main", help="the branch to install from")
    parser.add_argument("--out", type=Path, default=ROOT / "build/colab", help="the folder to make")
    args = parser.parse_args(argv)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", args.repo):
        parser.error(f"{args.repo!r} is not of the form OWNER/NAME, such as octocat/mae-lite.")
    if args.out.exists() and any(path.suffix != ".ipynb" for path in args.out.iterdir()):
        parser.error(f"{args.out} holds something else; name an empty folder, or one made by this command.")
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    paths = sorted(ROOT.glob("notebooks/*.ipynb"))
    for path in paths:
        nbformat.write(copy_for_colab(path, args.repo, args.branch), args.out / path.name)
    binder = f"https://mybinder.org/v2/gh/{args.repo}/{args.branch}?urlpath=lab/tree/notebooks/00_start_here.ipynb"
    print(f"{args.out}: {len(paths)} notebooks, for a branch named colab of {args.repo}\n")
    print(BADGES.format(colab=f"{COLAB}/{args.repo}/blob/colab", binder=binder), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
