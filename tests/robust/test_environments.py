"""Odd machines: a checkout that cannot be written, in an odd path, for a user with no name, no home and little room."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.layouts import fair_layout
from helpers.project import ROOT
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE

IGNORED = shutil.ignore_patterns("__pycache__", "results", "text", "features")
NOBODY = 54321
"""A user that is in no list of users."""
SCRIPT = """
import json, os, pathlib, sys, tempfile
import mae_lite as ml
from mae_lite.weights.catalogue import CheckpointError, cache_folder
from mae_lite.cli.main import main
from mae_lite.widgets import playground

photo, pictures = sys.argv[1:]
found = {"package": ml.__file__, "user": getattr(os, "getuid", int)(), "cache": str(cache_folder())}
found["temporary"] = tempfile.gettempdir()
small = ["--preset=nano", "--img-size=16", "--embed-dim=12", "--depth=1", "--decoder-embed-dim=8", "--decoder-depth=1",
         "--decoder-num-heads=2", "--batch-size=4", "--epochs=1", "--device=cpu"]
commands = {
    "doctor": ["doctor"], "models": ["models"], "reconstruct": ["reconstruct", photo],
    "pretrain": ["pretrain", "--data", pictures, "--out", "Läufe und mehr/1", *small],
    "again": ["reconstruct", photo, "--model", "Läufe und mehr/1", "--out", "zweites Bild.png"],
    "nowhere": ["reconstruct", photo, "--out", "/proc/x/y.png"],
}
found["codes"] = {name: main(command) for name, command in commands.items()}
page = playground("mae-lite-nano", [photo])
page.save()
found |= {"alt": page.alt, "error": page.error, "notice": page.notice}
try:
    ml.load_model("mae_visualize_vit_base")
except CheckpointError as error:
    found["download"] = str(error)
print("\\n" + json.dumps(found))
"""


def as_somebody():
    """How to run a command as a user of no name who may read everything but write only its own; None if we may not."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        return None
    who = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]  # Python may lie in root's own folder
    command = ["setpriv", *who, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else None


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two folders in a path with spaces, quotes and letters of elsewhere: the checkout, read-only, and one for work."""
    odd = tmp_path_factory.mktemp("odd") / "Übung 3 & 東京's"
    checkout, work = odd / "mae lite", odd / "my work"
    for part in ("mae_lite", "assets"):
        shutil.copytree(ROOT / part, checkout / part, ignore=IGNORED)
    rng = np.random.default_rng(0)
    (work / "Fotos é").mkdir(parents=True)
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(work / "Fotos é" / f"größe {i}.png")
    shutil.copy(ROOT / "assets/photos/cat.jpg", work / "die Katze.jpg")
    (work / "tmp").mkdir()
    for path in (checkout, *checkout.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    if as_somebody():
        for path in (work, *work.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    yield checkout, work
    for path in (checkout, *checkout.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)


def tried(place, prefix=(), **variables):
    """What the script found, run in the odd place with these variables changed or, if None, taken away."""
    checkout, work = place
    own = ("MAE_LITE", "XDG_", "HF_", "MPL", "JUPYTER", "IPYTHON", "PYTHONPYCACHEPREFIX")
    env = {k: v for k, v in os.environ.items() if not k.startswith(own) and not k.lower().endswith("_proxy")}
    env |= {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "HTTPS_PROXY": "http://127.0.0.1:9"} | variables
    env = {key: value for key, value in env.items() if value is not None}
    command = [*prefix, sys.executable, "-c", SCRIPT, "die Katze.jpg", "Fotos é"]
    before = sorted(checkout.rglob("*"))
    done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    found |= {"out": done.stdout, "err": done.stderr}
    assert found["package"] == str(checkout / "mae_lite/__init__.py"), "another copy of the package was tried"
    assert sorted(checkout.rglob("*")) == before, "something was written into the checkout"
    assert found["codes"] == {
        "doctor": 0, "models": 0, "reconstruct": 0, "pretrain": 0, "again": 0, "nowhere": 2
    }, found["err"][-2000:]  # fmt: skip
    assert "Traceback" not in found["err"]
    assert "/proc/x/y.png cannot be written (No such file or directory); name another place with --out." in found["err"]
    assert "all is well" in found["out"]
    assert found["error"] == ""
    assert found["notice"].startswith(f"Saved as {work}")
    for name in ("out/die Katze.png", "zweites Bild.png", "Läufe und mehr/1/model.safetensors"):
        assert (work / name).stat().st_size > 1000, name
    for name in ("out", "Läufe und mehr"):
        shutil.rmtree(work / name)
    return found


@pytest.fixture(scope="module")
def somebody():
    """How to run a command as a user who may not write what is read-only."""
    prefix = as_somebody()
    if prefix is None and getattr(os, "geteuid", int)() == 0:
        pytest.skip("root may write everything, and is not let be somebody else here (setpriv)")
    return prefix or []


@pytest.mark.slow
def test_a_user_with_no_name_and_no_home_in_a_checkout_that_cannot_be_written(place, somebody, count):
    if not somebody:
        pytest.skip("only root can run a test as another user, with setpriv")
    _, work = place
    found = tried(place, somebody, HOME=None, TMPDIR=str(work / "tmp"), USER=None, LOGNAME=None)
    assert found["user"] == NOBODY
    assert found["temporary"] == str(work / "tmp")
    assert found["cache"] == str(work / "tmp/mae_lite"), "where downloads go without a home"
    assert "could not be downloaded in 3 tries" in found["download"]
    assert "note  widgets: JupyterLab needs a home folder" in found["out"]
    left = {path.name.partition("-")[0].partition("_")[0] for path in (work / "tmp").iterdir()}
    assert left <= {"mae", "matplotlib", "torchinductor"}, "more is left among temporary files than others' caches"
    count("odd machines", tried=1)


@pytest.mark.slow
def test_a_home_that_cannot_be_written(place, somebody, tmp_path, count):
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    found = tried(place, somebody, HOME=str(home))
    assert list(home.iterdir()) == []
    cache = "~/.cache/mae_lite"
    assert f"note  cache: {cache} cannot be written: to download models, set MAE_LITE_CACHE" in found["out"]
    path = home / ".cache/mae_lite/mae_visualize_vit_base.pth"
    assert found["download"].startswith(f"{path} cannot be written (Permission denied); set MAE_LITE_CACHE to a folder")
    count("odd machines", tried=1)


@pytest.fixture
def shared():
    """A folder that all users can read; pytest's own are its user's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


ASK = """
import sys
import mae_lite as ml
from mae_lite.weights import downloads
downloads.download = lambda *args: sys.exit("something was to be fetched")
model = ml.load_model("mae_visualize_vit_base")
where = {info.name: info.where for info in ml.list_models()}
print(model.cfg.embed_dim, where["mae_visualize_vit_base"], where["mae_visualize_vit_large"])
"""


@pytest.mark.slow
def test_a_read_only_cache_is_used(somebody, shared, count):
    """As a teacher's shared folder is."""
    cache = shared / "cache"
    cache.mkdir()
    cfg = MAEConfig(img_size=(32, 32), patch_size=8, embed_dim=192, depth=1, num_heads=3, decoder_depth=1)
    torch.save({"model": fair_layout(MAE(cfg))}, cache / "mae_visualize_vit_base.pth")
    for path in (*cache.iterdir(), cache):
        path.chmod(0o444 if path.is_file() else 0o555)
    before = sorted(cache.iterdir())
    command = [*somebody, sys.executable, "-c", ASK]
    env = os.environ | {"MAE_LITE_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=shared, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["192", "cached", "download"]
    assert sorted(cache.iterdir()) == before
    cache.chmod(0o755)
    count("odd machines", tried=1)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_demo_in_a_path_with_spaces_quotes_and_letters_of_elsewhere(tmp_path, count):
    """The .venv is the tests' own: what it takes to make one is the same in every path."""
    odd = tmp_path / "Übung 3 & 東京's"
    for part in ("mae_lite", "assets"):
        shutil.copytree(ROOT / part, odd / part, ignore=IGNORED)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, odd)
    (odd / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        (odd / ".venv" / path.name).symlink_to(path)
    (odd / ".venv/installed").unlink(missing_ok=True)
    (odd / ".venv/installed").touch()
    done = subprocess.run(["make", "demo"], cwd=odd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (odd / "out/cat.png").stat().st_size > 20_000
    count("odd machines", tried=1)
