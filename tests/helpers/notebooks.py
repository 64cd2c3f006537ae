"""The notebooks as committed and the script that builds them; each file is read once a run."""

import functools

import nbformat

from helpers.project import NOTEBOOKS, load

build = load(NOTEBOOKS / "build.py")
SOURCES = {path.stem: path for path in sorted((NOTEBOOKS / "source").glob("*.py"))}
NAMES = list(SOURCES)
BUILT = {
    str(path.relative_to(NOTEBOOKS).with_suffix("")): (path, source, solutions)
    for source in SOURCES.values()
    for path, solutions in build.built_from(source).items()
}
"""By name, such as solutions/02_image_as_sentence: the notebook, its source, whether it shows solutions."""


@functools.cache
def read(name: str) -> nbformat.NotebookNode:
    """A committed notebook; a test that changes it takes a copy."""
    notebook = nbformat.read(BUILT[name][0], as_version=4)
    notebook.metadata["path"] = BUILT[name][0]
    return notebook
