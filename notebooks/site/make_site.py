"""Build the site: `python notebooks/site/make_site.py [--out build/site] [--strict]`, then open its index.html.

The pages are the notebooks as committed (nothing is executed), the guides, the README and the cards of models and
photos. They are gathered in a folder beside the site with the repository's own layout, so that links hold, and Sphinx
makes HTML of them. The page of the reconstruction lab gets answers of the model that were computed beforehand.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import nbformat

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGES = (
    "README.md", "CONTRIBUTING.md", "SECURITY.md", "notebooks/*.ipynb", "notebooks/solutions/*.ipynb",
    "notebooks/guides/**/*.md", "assets/photos/ATTRIBUTION.md", "assets/weights/*/README.md",
)  # fmt: skip
OWN = ("index.md", "solutions.md", "models.md")
LAB = "notebooks/07_reconstruction.ipynb"
LIST = re.compile(r"^(```{toctree}\n(?:(?!```).*\n)*?:glob:\n\n)((?:(?!```).+\n)+)```\n", re.MULTILINE)
FRAGMENT = re.compile(r"(\]\([\w./-]*\.ipynb)#([^)\s\"]+)")
READY = re.compile(r"\[([^\]]+)\]\(([\w./-]+\.html)\)")
SPOKEN = {
    'role="heading">': 'role="heading" aria-level="2">',
    '<aside class="sidebar-drawer"': '<aside aria-label="all pages" class="sidebar-drawer"',
    '<aside class="toc-drawer': '<aside aria-label="on this page" class="toc-drawer',
    '<th class="head"><p></p></th>': "<td></td>",
    '<th class="head text-left"><p></p></th>': "<td></td>",
    '<div id="search-results">': '<h1>Search</h1>\n<div id="search-results">',
}
"""What the theme leaves out for those who listen to a page, by what it writes."""
LINK = re.compile(r"""\]\(([^)\s#]+)|\b(?:src|href)="([^"#]+)\"""")


def gather(folder: Path) -> None:
    """Copy all pages into an empty folder, and the pictures and files they link to."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    for page in pages:
        to = copy(page, folder)
        text = FRAGMENT.sub(slug, to.read_text(encoding="utf-8"))
        to.write_text(READY.sub(r'<a href="\2">\1</a>', text), encoding="utf-8")  # to open, where Sphinx would download
        shutil.copystat(page, to)  # Sphinx compares dates
    for name in OWN:
        text = (HERE / name).read_text(encoding="utf-8")
        (folder / name).write_text(LIST.sub(lambda found: kept_list(found, folder), text), encoding="utf-8")
    for page, base in [*((page, page.parent) for page in pages), *((folder / name, ROOT) for name in OWN)]:
        for target in linked(page, base):
            if target.is_file() and target not in pages and target.is_relative_to(ROOT):
                copy(target, folder)


def kept_list(found: re.Match, folder: Path) -> str:
    """A list of pages without the names that stand for no page (yet), or for none that is not listed already."""
    kept, listed = "", set()
    for name in found[2].splitlines():
        pages = set(folder.glob(f"{name}.*")) - listed
        kept += f"{name}\n" if pages else ""  # Sphinx would warn
        listed |= pages
    return f"{found[1]}{kept}```\n" if kept else ""


def slug(found: re.Match) -> str:
    """A link to a heading of a notebook as Sphinx has it: JupyterLab keeps capitals and punctuation."""
    return found[1] + "#" + re.sub(r"[^\w-]", "", unquote(found[2]).lower())


def copy(path: Path, folder: Path) -> Path:
    """Copy a file of the repository to the same place under `folder`."""
    to = folder / path.relative_to(ROOT)
    to.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(path, to))


def linked(page: Path, base: Path) -> list[Path]:
    """What a page links to in the repository; its links start from `base`."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = {one or other for one, other in LINK.findall(text)}
    return [(base / target).resolve() for target in sorted(found) if ":" not in target]


def add_explorer(path: Path, html: str) -> None:
    """Put the explorer below the playground's picture in the notebook of the reconstruction lab."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.endswith("\nplayground()")]
    if len(cells) != 1:
        raise SystemExit(f"{path.name} should have one cell that ends with playground(); it has {len(cells)}.")
    data = {"text/html": html, "text/plain": "A slider over answers of the model."}
    cells[0].outputs.append(nbformat.v4.new_output("display_data", data))
    nbformat.write(notebook, path)


def explorer_html(cache: Path) -> str:
    """The explorer, computed anew when the weights or any line of the package have changed."""
    lines = [path for path in sorted((ROOT / "mae_lite").rglob("*")) if path.suffix in (".py", ".js")]
    digest = hashlib.sha256()
    for path in [*sorted(HERE.glob("explorer.*")), *lines, *sorted(ROOT.glob("assets/weights/*/model.safetensors"))]:
        digest.update(path.read_bytes())
    file = cache / f"explorer-{digest.hexdigest()[:16]}.html"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, HERE / "explorer.py", file], check=True)
    return file.read_text(encoding="utf-8")


def speak(folder: Path) -> None:
    """Add what the theme leaves out for screen readers."""
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for silent, spoken in SPOKEN.items():
            text = text.replace(silent, spoken)
        path.write_text(text, encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Build the site; with --strict a dead link or any other warning is an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build/site", help="where the site goes")
    parser.add_argument("--strict", action="store_true", help="fail at a dead link or any other warning")
    args = parser.parse_args(argv)
    start, out = time.monotonic(), args.out.resolve()
    source, cache = out.with_name(f"{out.name}-source"), out.with_name(f"{out.name}-cache")
    gather(source)
    add_explorer(source / LAB, explorer_html(cache))
    shutil.rmtree(out, ignore_errors=True)
    options = ["-E", "-W", "--keep-going"] if args.strict else []  # -E: what is cached warns no more
    command = [sys.executable, "-m", "sphinx", "-q", *options, "-c", HERE, "-d", cache / "doctrees", source, out]
    done = subprocess.run(command).returncode
    speak(out)
    for path in source.rglob("*.html"):
        shutil.copy(path, out / path.relative_to(source))
    slides = [sys.executable, HERE.parent / "slides/make_slides.py", "--out", out / "slides.html"]
    done = done or subprocess.run(slides).returncode
    for needless in (".buildinfo", "objects.inv"):
        (out / needless).unlink(missing_ok=True)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out / 'index.html'}: {size / 1e6:.0f} MB in {time.monotonic() - start:.0f} s")
    return done


if __name__ == "__main__":
    sys.exit(main())
