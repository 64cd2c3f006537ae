"""Runs tests with the oldest or newest packages that pyproject.toml allows: python tests/matrix.py oldest [TESTS].

Makes a virtual environment in a temporary folder and removes it; the packages, some gigabytes with a CUDA build of
torch, stay in uv's cache and are linked from there the next time. What mae-lite itself needs is taken at exactly the
lower bound; the tools of the tests as old as they can be with it.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).parent.parent
OURS_ALONE = ("course/exercises", "notebooks", "project/test_readme.py")
"""Left out: what speaks of texts and answers and is the same with any packages."""
QUICK = ["-q", "-m", "not slow and not browser", "-p", "no:cacheprovider", "-n", "auto", "--maxprocesses", "4"]
QUICK += [f"--ignore=tests/{name}" for name in OURS_ALONE]
"""What is run unless tests are named: all that takes no ten seconds and no browser, several at once."""

OURS = "\n".join(["filterwarnings=error", "default::DeprecationWarning"])
OURS += "".join(f"\nerror::DeprecationWarning:{package}" for package in ("mae_lite", "mae_course"))
"""Old packages use what newer ones of others call deprecated; that is no error unless we do."""


def exact(dependencies: list[str]) -> list[str]:
    """torch>=2.9 as torch==2.9."""
    found = [re.fullmatch(r"([\w-]+)>=([\d.]+)", text) for text in dependencies]
    if None in found:
        raise SystemExit(f"pyproject.toml: a dependency has no plain lower bound: {dependencies[found.index(None)]}")
    return [f"{one[1]}=={one[2]}" for one in found]


def install(folder: Path, which: str) -> Path:
    """Make the environment; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(exact(project["dependencies"]) if which == "oldest" else []))
    resolution = {"oldest": "lowest-direct", "newest": "highest"}[which]
    command = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    command += ["--resolution", resolution, "--constraint", constraints, "--editable", f"{ROOT}[dev]"]
    subprocess.run(command, check=True)
    return python


def main() -> int:
    """Install, say what, test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=("oldest", "newest"))
    parser.add_argument("tests", nargs=argparse.REMAINDER, help=f"for pytest; by default {' '.join(QUICK)}")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mae-lite-") as folder:
        python = install(Path(folder), args.which)
        subprocess.run([python, "-m", "mae_lite", "doctor"], check=True, cwd=ROOT)
        print(f"{args.which} packages:", flush=True)
        options = ["-o", OURS] if args.which == "oldest" else []
        return subprocess.run([python, "-m", "pytest", *options, *(args.tests or QUICK)], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
