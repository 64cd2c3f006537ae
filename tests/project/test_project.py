"""The files around the package say the same things."""

import re
import subprocess
import sys
import zipfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from helpers.project import ROOT, requirements
from matrix import exact

CONDA_NAMES = {"torch": "pytorch"}


def test_environment_yml_equals_pyproject():
    project = requirements()
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    expected = {re.sub(r"^[\w-]+", lambda m: CONDA_NAMES.get(m[0], m[0]), d) for d in project["dependencies"]}
    found = {d for d in conda if isinstance(d, str)} - {"pip"}
    assert found == expected | {f"python{project['requires-python']}"}


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and line[0] != "#"]


def test_constraints_satisfy_the_lower_bounds():
    pinned = {canonicalize_name(p.name): str(p.specifier).removeprefix("==") for p in pins()}
    project = requirements()
    for text in project["dependencies"] + project["optional-dependencies"]["dev"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), text


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_constraints_ask_for_nothing_that_a_python_cannot_have(python):
    """Debian 12 has Python 3.11.2; pinned to a package for 3.11.5 and later, pip finds no way to install."""
    here = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    for pin in pins():
        with suppress(PackageNotFoundError):  # some are for other systems
            if pin.marker.evaluate(here) and pin.specifier.contains(version(pin.name)):
                wanted = metadata(pin.name)["Requires-Python"]
                assert SpecifierSet(wanted or "").contains(python), f"{pin} is for Python {wanted}"


def test_oldest_packages_can_be_read_from_the_lower_bounds():
    """For `make test-matrix`, and for the doctor."""
    assert exact(["torch>=2.9", "huggingface_hub>=0.34"]) == ["torch==2.9", "huggingface_hub==0.34"]
    assert len(exact(requirements()["dependencies"])) == len(requirements()["dependencies"])
    with pytest.raises(SystemExit, match="no plain lower bound: numpy<3"):
        exact(["torch>=2.9", "numpy<3"])


def test_every_photo_has_its_attribution():
    table = (ROOT / "assets/photos/ATTRIBUTION.md").read_text()
    rows = re.findall(r"^\| (\w+\.jpg) \| .+ \| .+ \| .+ \| .+ \|$", table, re.MULTILINE)
    assert sorted(rows) == sorted(p.name for p in (ROOT / "assets/photos").glob("*.jpg"))


def test_repository_is_small():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    sizes = {f: (ROOT / f).stat().st_size for f in files if f and (ROOT / f).exists()}
    assert max(sizes.values()) <= 16e6
    assert sum(sizes.values()) <= 70e6


@pytest.mark.slow
def test_wheel_carries_photos_and_weights(tmp_path):
    """A wheel installed outside the clone reconstructs a bundled photo offline."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", tmp_path, ROOT], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = "import mae_lite.cli.main, sys; print(mae_lite.__file__); sys.exit(mae_lite.cli.main.main(['reconstruct']))"
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); {code}"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert str(tmp_path / "site") in run.stdout
    assert (tmp_path / "out/cat.png").stat().st_size > 20_000
