"""Rooms and what they may import: the method in the order of the data flow, then what uses it; the course above all."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.project import NOTEBOOKS, ROOT

METHOD = ("config", "device", "images", "patches", "masking", "layers", "encoder", "decoder", "loss", "mae")
"""The method, a file each, in the order of the data flow."""
ROOMS = (*METHOD, "weights", "measure", "show", "train", "widgets", "cli", "__init__", "__main__")
COURSE = ("paper", "studies", "pages", "figures", "exercises")
SLOW = {
    "matplotlib": {"show", *COURSE}, "ipywidgets": {"widgets"}, "anywidget": {"widgets"},
    "timm": {"train", "studies", "exercises"}, "huggingface_hub": {"weights"},
}  # fmt: skip
"""Libraries that take long to import, and the rooms that may import them at the top of a file."""
PACKAGES = {"mae_lite": (ROOT / "mae_lite", ROOMS), "mae_course": (NOTEBOOKS / "mae_course", (*COURSE, "__init__"))}


def room_of(path: Path, folder: Path) -> str:
    return path.relative_to(folder).parts[0].removesuffix(".py")


@functools.cache
def imports(path: Path, *, top: bool = False) -> list[str]:
    """What a file imports, by full name; with `top` only what is imported when the file is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node in tree.body if top else ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def files(package: str) -> list[tuple[Path, str]]:
    """A package's files, each with its room."""
    folder, _ = PACKAGES[package]
    return [(path, room_of(path, folder)) for path in sorted(folder.rglob("*.py"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_has_its_room(package):
    assert {room for _, room in files(package)} == set(PACKAGES[package][1])


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package):
    """Also those inside of functions: no cycle hides in a late import."""
    order = PACKAGES[package][1]
    for path, room in files(package):
        for name in imports(path):
            first, other = [*name.split("."), ""][:2]
            if first == package and room != "__init__" and other in order:
                assert order.index(other) <= order.index(room), f"{path.name} in {room} imports {name}"


def test_within_a_room_there_are_no_cycles():
    for package in PACKAGES:
        names = {f"{package}.{room}.{path.stem}": path for path, room in files(package) if path.stem != room}
        needs = {one: {o for name in imports(path) for o in (name, name.rpartition(".")[0])} & set(names) - {one}
                 for one, path in names.items()}  # fmt: skip
        while free := {one for one, wants in needs.items() if not wants & set(needs)}:
            needs = {one: wants for one, wants in needs.items() if one not in free}
        assert not needs, f"these import each other in a circle: {sorted(needs)}"


def test_the_package_knows_nothing_of_the_course():
    for path, _ in files("mae_lite"):
        assert not any(name.startswith("mae_course") for name in imports(path)), f"{path} imports the course"
    for path in (ROOT / "mae_lite").rglob("*"):
        if path.suffix in (".py", ".js", ".css"):
            named = re.findall(r"notebooks? \d\d|\b\d\d_[a-z]\w+", path.read_text(encoding="utf-8"))
            assert not named, f"{path} names a notebook: {named}"


def test_slow_libraries_are_imported_where_they_are_used():
    for package in PACKAGES:
        for path, room in files(package):
            for name in imports(path, top=True):
                assert room in SLOW.get(name.split(".")[0], {room}), f"{path} imports {name}"


def test_import_mae_lite_needs_nothing_slow():
    code = "import sys, mae_lite; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    slow = {"timm", "torchvision", "matplotlib", "ipywidgets", "anywidget", "huggingface_hub", "transformers", "scipy"}
    assert not slow & set(loaded)
