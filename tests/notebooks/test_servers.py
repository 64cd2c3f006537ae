"""The files for Docker and Binder name what is there; whether the images work can only be seen by building them."""

import re

from packaging.specifiers import SpecifierSet

from helpers.project import ROOT, requirements

DOCKERFILE = (ROOT / "assets/docker/Dockerfile").read_text()
STEPS = re.findall(r"^([A-Z]+) ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)


def test_what_the_image_copies_is_there_and_reaches_the_builder():
    lets_in = re.findall(r"^!(.+)$", (ROOT / "assets/docker/Dockerfile.dockerignore").read_text(), re.MULTILINE)
    copied = [name for step, words in STEPS if step == "COPY" for name in words.split()[1:-1]]
    assert {name.split("/")[0] for name in copied} == set(lets_in)
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_nobody_is_root_and_nobody_gets_in_without_a_token():
    kinds = [step for step, _ in STEPS]
    assert dict(STEPS)["USER"] == "1000"
    assert "COPY" not in kinds[: kinds.index("USER")]
    assert kinds.count("USER") == 1
    assert "token" not in dict(STEPS)["CMD"].lower()
    assert "password" not in dict(STEPS)["CMD"].lower()
    assert "--allow-root" not in DOCKERFILE


def test_images_have_a_python_that_the_package_takes():
    versions = [re.search(r"^FROM python:([\d.]+)-slim$", DOCKERFILE, re.MULTILINE)[1]]
    versions.append((ROOT / ".binder/runtime.txt").read_text().strip().removeprefix("python-"))
    assert all(version in SpecifierSet(requirements()["requires-python"]) for version in versions)


def test_binder_installs_this_repository_with_torch_for_the_cpu():
    lines = (ROOT / ".binder/requirements.txt").read_text().splitlines()
    assert "--editable ." in lines
    assert lines.index("torch") < lines.index("--editable .")
    assert any(line.startswith("--extra-index-url") and line.endswith("/cpu") for line in lines)
