import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mae_lite import assets
from mae_lite.checkpoints import DEFAULT_MODEL
from mae_lite.cli import main
from mae_lite.doctor import doctor


def test_all_is_well_here(capsys):
    assert main(["doctor"]) == 0
    report = capsys.readouterr().out
    assert f"torch {torch.__version__.split('+')[0]}" in report
    assert f"{DEFAULT_MODEL}: golden value" in report
    assert report.strip().endswith("all is well")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The default model's weights in a copy of the assets."""
    shutil.copytree(assets.asset_path("weights"), tmp_path / "assets/weights")
    shutil.copytree(assets.asset_path("photos"), tmp_path / "assets/photos")
    monkeypatch.setattr(assets, "__file__", str(tmp_path / "mae_lite/assets.py"))
    return tmp_path / "assets/weights" / DEFAULT_MODEL / "model.safetensors"


def test_damaged_and_missing_weights_are_reported_like_the_rest(file):
    file.write_bytes(file.read_bytes()[:1000])
    report = doctor()
    assert f"{DEFAULT_MODEL}: DAMAGED: " in report
    assert report.startswith("Python")
    assert f"not well: {DEFAULT_MODEL}" in report.splitlines()[-1]
    file.unlink()
    assert "MISSING" in doctor()


def test_changed_weights_are_noticed(file, capsys):
    """One layer's weights are off by a tenth."""
    state = load_file(file)
    state["decoder.pred.weight"] *= 1.1
    save_file(state, file)
    stored = json.loads((file.parent / "config.json").read_text())["golden"]
    report = doctor()
    assert f"stored {stored:.4f}: WRONG" in report
    assert f"not well: {DEFAULT_MODEL}" in report
    assert main(["doctor"]) == 2
    assert "not well" in capsys.readouterr().err
