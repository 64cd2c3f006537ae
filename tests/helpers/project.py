"""Where the project lies, what it asks for, and its scripts as modules."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pytest brings tomli there
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"


def requirements() -> dict:
    """The table [project] of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def load(path: Path) -> ModuleType:
    """A script that is no part of a package, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def loaded_by(module: str) -> set[str]:
    """The files of the package that importing one of them loads, without what `import mae_lite` itself brings."""
    code = "import sys, types; package = sys.modules['mae_lite'] = types.ModuleType('mae_lite'); "
    code += f"package.__path__ = [{str(ROOT / 'mae_lite')!r}]; import mae_lite.{module}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return {name.removeprefix("mae_lite.") for name in found if name.startswith("mae_lite.")}


def exit_code(command, *args):
    """What a command ends with, also where argparse ends it in its own way."""
    try:
        return command(*args)
    except SystemExit as stop:
        return stop.code
