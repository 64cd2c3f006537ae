"""Trainings are killed, disks are full, pictures are corrupt; nothing of what was trained is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mae_lite.cli.main import main

HERE = Path(__file__).parent
KILLS = 20
ENV = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
OPTIONS = {
    "preset": "nano", "img-size": 16, "embed-dim": 12, "depth": 1, "decoder-embed-dim": 8, "decoder-depth": 1,
    "decoder-num-heads": 2, "batch-size": 4, "save-minutes": 0, "device": "cpu",
}  # fmt: skip
SMALL = [f"--{name}={value}" for name, value in OPTIONS.items()]


def write_pictures(folder, count):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{i:05}.png")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_random_moments_it_ends_with_the_same_weights(tmp_path, count):
    command = [sys.executable, "kill_training.py", str(tmp_path), str(KILLS)]
    done = subprocess.run(command, cwd=HERE, env=ENV, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert (found["whole"], found["outcomes"][-1]) == ("done", "done"), found
    killed = found["outcomes"].count("killed")
    count("trainings killed and resumed", tried=killed)
    assert killed == KILLS
    assert len(set(found["steps"])) == KILLS, "each kill came after something new was saved"
    assert found["steps"] == sorted(found["steps"])
    assert max(found["steps"]) < found["end"], "and before the end"
    assert found["same"], "weights differ from those of a training left alone"
    assert found["same_history"]


def test_corrupt_pictures_among_thousands_are_counted_and_named(tmp_path, capsys, count):
    write_pictures(tmp_path / "pictures", 2000)
    bad = {
        "00017.png": b"",
        "00500.png": b"no picture",
        "01999.png": (tmp_path / "pictures/01999.png").read_bytes()[:40],
    }
    for name, content in bad.items():
        (tmp_path / "pictures" / name).write_bytes(content)
    assert main(["pretrain", "--data", str(tmp_path / "pictures"), "--out", str(tmp_path / "run"), "--epochs", "1",
                 *SMALL, "--batch-size", "500"]) == 0  # fmt: skip
    said = capsys.readouterr().out
    assert "1,997 images (3 skipped)" in said
    for name in bad:
        assert sum(name in line for line in said.splitlines() if line.startswith("skipped ")) == 1
    count("corrupt pictures among thousands", tried=3, refused=3)


def children(pid):
    """Processes that a process has started, theirs too."""
    found = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [one for child in found for one in children(child)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_torchrun_with_a_worker_killed_ends(tmp_path, count):
    write_pictures(tmp_path / "pictures", 16)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "mae_lite", "pretrain"]
    command += ["--data", str(tmp_path / "pictures"), "--out", str(tmp_path / "run"), "--epochs", "100000", *SMALL]
    with subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        try:
            deadline = time.monotonic() + 120
            while not (tmp_path / "run" / "last.pt").exists() and time.monotonic() < deadline and run.poll() is None:
                time.sleep(0.2)
            workers = [pid for pid in children(run.pid) if "pretrain" in Path(f"/proc/{pid}/cmdline").read_text()]
            os.kill(workers[-1], signal.SIGKILL)
            said, _ = run.communicate(timeout=120)
        finally:
            for pid in children(run.pid) if run.poll() is None else []:
                os.kill(pid, signal.SIGKILL)
            run.kill()
    assert run.returncode != 0
    assert "SIGKILL" in said or "exitcode  : -9" in said, said[-2000:]
    assert (tmp_path / "run" / "last.pt").exists(), "what was saved is there to go on from"
    count("torchrun with a worker killed", tried=1, refused=1)
