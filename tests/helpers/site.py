"""The site, built once for all test files."""

import functools
import subprocess
import sys
from pathlib import Path

from helpers.project import NOTEBOOKS, ROOT

FOLDER = NOTEBOOKS / "site"
OUT = ROOT / "build/tested-site/site"
"""Beside it lies what is slow to compute, until the package changes."""


@functools.cache
def built_site() -> Path:
    """Where it is; a dead link or another warning of Sphinx fails it."""
    command = [sys.executable, FOLDER / "make_site.py", "--strict", "--out", OUT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"make_site.py --strict:\n{done.stdout[-1000:]}\n{done.stderr[-6000:]}"
    return OUT


def pages_of(site: Path) -> list[Path]:
    """Its pages, but for those of Sphinx's own."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
