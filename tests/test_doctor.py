import json
import shutil

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


def test_changed_weights_are_noticed(tmp_path, monkeypatch, capsys):
    """A copy of the assets in which one layer's weights are off by a tenth."""
    shutil.copytree(assets.asset_path("weights"), tmp_path / "assets/weights")
    shutil.copytree(assets.asset_path("photos"), tmp_path / "assets/photos")
    file = tmp_path / "assets/weights" / DEFAULT_MODEL / "model.safetensors"
    state = load_file(file)
    state["decoder.pred.weight"] *= 1.1
    save_file(state, file)
    monkeypatch.setattr(assets, "__file__", str(tmp_path / "mae_lite/assets.py"))
    stored = json.loads((file.parent / "config.json").read_text())["golden"]
    report = doctor()
    assert f"stored {stored:.4f}: WRONG" in report
    assert f"not well: {DEFAULT_MODEL}" in report
    assert main(["doctor"]) == 2
    assert "not well" in capsys.readouterr().err
