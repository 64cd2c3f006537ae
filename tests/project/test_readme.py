"""What the README says is true."""

import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image

from helpers.project import ROOT
from mae_lite.cli.main import main
from mae_lite.measure.evaluate import format_sweep
from mae_lite.weights.checkpoints import DEFAULT_MODEL

README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_python_snippet_runs(tmp_path):
    code, playground = blocks("python")
    assert "playground()" in playground
    code = code.replace('"cat.png"', repr(str(tmp_path / "cat.png")))
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "cat.png").stat().st_size > 20_000


def test_make_targets_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
    assert named <= targets
    assert {"lab", "demo", "test", "lint", "notebooks"} <= targets


@pytest.mark.parametrize("command", re.findall(r"-m mae_lite (\w+.*)", "\n".join(blocks("bash"))))
def test_commands_parse(command, capsys):
    """Every command and option that the README names exists."""
    with pytest.raises(SystemExit) as stop:
        main([*shlex.split(command), "--help"])
    assert stop.value.code == 0
    options = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[\w-]+", command)) <= options


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_links_resolve(path):
    assert (ROOT / path).exists()


RECORDS = ROOT / "assets/results"
CARDS = {
    path.parent.name: path.read_text()
    for path in sorted((ROOT / "assets/weights").glob("*/README.md"))
    if (RECORDS / f"evaluate-{path.parent.name}.json").exists()  # norm-pix models have none
}


@pytest.mark.parametrize(
    ("text", "name"), [(README, DEFAULT_MODEL), *((card, name) for name, card in CARDS.items())],
    ids=["README", *CARDS],
)  # fmt: skip
def test_numbers_are_those_of_the_record(text, name):
    record = json.loads((RECORDS / f"evaluate-{name}.json").read_text())
    rows = re.findall(r"^\| ([a-z ]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([^|]*) \|$", text, re.MULTILINE)
    expected = []
    for rival, row in record["table"].items():
        skill = f"{row['skill']:.3f} ({row['skill_low']:.3f} to {row['skill_high']:.3f})" if "skill" in row else ""
        expected.append((rival, f"{row['mse']:.3f}", f"{row['psnr']:.1f}", f"{row['ssim']:.3f}", skill))
    assert [(*cells[:4], cells[4].strip()) for cells in rows] == expected
    assert f"{record['images']:,} images" in text
    assert f"--data {' '.join(record['data'])}" in text


@pytest.mark.parametrize("name", CARDS)
def test_sweep_in_the_card_is_that_of_the_record(name):
    path = RECORDS / f"sweep-{name}.json"
    if path.exists() or name == DEFAULT_MODEL:
        assert format_sweep(json.loads(path.read_text())["sweep"]) in CARDS[name]


PINNED = re.search(r"^matplotlib==([\d.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)[1]


@pytest.mark.skipif(version("matplotlib") != PINNED, reason="another matplotlib lays the same figure out differently")
def test_top_picture_is_by_the_bundled_model(tmp_path):
    (command,) = re.findall(r"`python -m mae_lite (reconstruct .*?)`", README)
    photos = re.search(r"\{(.*)\}", command)[1].split(",")
    args = [str(ROOT / f"assets/photos/{photo}.jpg") for photo in photos]
    assert main(["reconstruct", *args, "--out", str(tmp_path / "again.png")]) == 0
    with Image.open(tmp_path / "again.png") as again, Image.open(ROOT / "assets/reconstructions.png") as shown:
        assert again.size == shown.size
        a, b = (np.asarray(image.convert("RGB"), dtype=float) for image in (again, shown))
    assert np.abs(a - b).mean() < 2
