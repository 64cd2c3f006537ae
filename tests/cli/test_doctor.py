import importlib
import json
import os
import re
import shutil
import webbrowser
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mae_lite.cli.doctor import doctor
from mae_lite.cli.main import main
from mae_lite.weights import assets
from mae_lite.weights.checkpoints import DEFAULT_MODEL

module = importlib.import_module("mae_lite.cli.doctor")  # the package's own name is the function
SIZES = namedtuple("SIZES", "total used free")


def lines(name):
    """What one part of the doctor finds, as (state, text)."""
    return [(one.state, one.text) for one in getattr(module, name)()]


def test_all_is_well_here(capsys):
    assert main(["doctor"]) == 0
    report = capsys.readouterr().out
    assert {line[:6] for line in report.splitlines()[:-1]} <= {"ok    ", "note  "}
    for what in ("Python 3", "device: ", "disk: ", "cache: ", "widgets: ", "browser: ", "one reconstruction by "):
        assert f" {what}" in report, "a line is gone"
    assert f"torch {torch.__version__.split('+')[0]}" in report
    assert f"{DEFAULT_MODEL}: golden value" in report
    assert report.strip().endswith("all is well")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The default model's weights in a copy of the assets."""
    shutil.copytree(assets.asset_path("weights"), tmp_path / "assets/weights")
    shutil.copytree(assets.asset_path("photos"), tmp_path / "assets/photos")
    monkeypatch.setattr(assets, "__file__", str(tmp_path / "mae_lite/weights/assets.py"))
    return tmp_path / "assets/weights" / DEFAULT_MODEL / "model.safetensors"


def test_damaged_and_missing_weights_are_reported_like_the_rest(file):
    file.write_bytes(file.read_bytes()[:1000])
    report = doctor()
    assert f"{DEFAULT_MODEL}: DAMAGED: " in report
    assert report.startswith("ok    Python")
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


def test_a_package_that_is_too_old_or_missing_is_wrong(monkeypatch):
    versions = {"torch": "2.8.0+cpu", "numpy": "missing", "pillow": "99.1rc1"}
    real = module._version
    monkeypatch.setattr(module, "_version", lambda name: versions.get(name, real(name)))
    wrong = [(one.text, one.name) for one in module._packages() if one.state == "WRONG"]
    assert [name for _, name in wrong] == ["numpy", "torch"]
    assert re.fullmatch(r"torch 2\.\d+ or newer is needed, here it is 2.8.0\+cpu: pip install .*", wrong[1][0])
    monkeypatch.setattr(module, "_version", lambda name: "missing")
    assert lines("_packages")[-1] == ("WRONG", "mae-lite is not installed: run pip install --editable . in its folder")


def test_what_is_wrong_ends_the_report(monkeypatch, capsys):
    found = module.Line("WRONG", "torch is too old: do this", "torch")
    monkeypatch.setattr(module, "_packages", lambda: [found])
    monkeypatch.setattr(module, "_models", lambda: [])
    monkeypatch.setattr(module, "_speed", lambda: module.Line("ok", ""))
    assert main(["doctor"]) == 2
    said = capsys.readouterr()
    assert "WRONG torch is too old: do this" in said.out
    assert said.err == "mae_lite: not well: torch; install mae-lite again\n"


def test_more_threads_than_cores_are_noted():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(cores + 1)
        found = lines("_device")
        torch.set_num_threads(1)
        assert len(lines("_device")) == 1
    finally:
        torch.set_num_threads(threads)
    assert found[0] == ("ok", f"device: CPU, torch uses {cores + 1} threads of {cores}")
    assert found[1][0] == "note"
    assert f"set OMP_NUM_THREADS={cores} before" in found[1][1]


@pytest.mark.parametrize(("free", "state"), [(5e9, "ok"), (0.3e9, "note")])
def test_a_disk_that_is_nearly_full_is_noted(monkeypatch, tmp_path, free, state):
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "not/there/yet"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SIZES(100e9, 0, free))
    ((found, text),) = lines("_disk")
    assert found == state
    assert text.startswith(f"disk: {free / 1e9:.1f} GB free in this folder")
    assert ("make room" in text) == (state == "note")


def test_the_cache_is_named_counted_and_tried(monkeypatch, tmp_path):
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "cache"))
    assert lines("_cache") == [("ok", f"cache: {tmp_path / 'cache'}, nothing downloaded yet")]
    (tmp_path / "cache").mkdir()
    for name in ("a.pth", "b.pth.part"):
        (tmp_path / "cache" / name).write_bytes(bytes(3_000_000))
    assert lines("_cache") == [("ok", f"cache: {tmp_path / 'cache'}, 2 files, 6 MB")]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "file/cache"))
    ((state, text),) = lines("_cache")
    assert state == "note"
    assert text.endswith("file/cache cannot be written: to download models, set MAE_LITE_CACHE to another folder")
    monkeypatch.delenv("MAE_LITE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    if os.name == "posix":
        assert lines("_cache") == [("ok", f"cache: {Path('~/.cache/mae_lite')}, nothing downloaded yet")]


def test_a_half_of_the_widgets_that_is_old_or_missing_is_noted(monkeypatch, tmp_path):
    folder = tmp_path / "labextensions/anywidget"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "0.1.2"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (first, _), (second, text) = lines("_widgets")
    assert (first, second) == ("ok", "note")
    assert re.match(r"widgets: JupyterLab's extension of anywidget is 0.1.2, Python's half [\d.]+: pip install", text)
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: [str(tmp_path / "nowhere")])
    states, texts = zip(*lines("_widgets"), strict=True)
    assert states == ("note", "note")
    assert all("is missing" in text and "pip install --force-reinstall" in text for text in texts)


def test_without_jupyterlab_the_widgets_are_passed_over(monkeypatch):
    monkeypatch.setattr(module, "_version", lambda name: "missing")
    assert lines("_widgets") == []


def test_without_a_browser_it_says_how_to_go_on(monkeypatch):
    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    monkeypatch.delitem(module.sys.modules, "ipykernel", raising=False)
    ((state, text),) = lines("_browser")
    assert state == "note"
    assert "open the address that JupyterLab prints by hand" in text
    monkeypatch.setattr(webbrowser, "get", object)
    assert lines("_browser")[0][0] == "ok"


def test_one_thread_that_is_faster_is_noted(monkeypatch):
    threads, times = torch.get_num_threads(), [0.4, 0.1]
    monkeypatch.setattr(module, "median_seconds", lambda *args, **options: times.pop(0))
    try:
        torch.set_num_threads(2)
        state, text, _ = module._speed()
        assert torch.get_num_threads() == 2, "the user's setting is left as it was"
    finally:
        torch.set_num_threads(threads)
    assert state == "note"
    assert text.endswith("400 ms, with one thread 100: set OMP_NUM_THREADS=1 before Python starts")
