"""Trains, is killed by SIGKILL at random moments, goes on, and compares with a training that was left alone.

Run by test_killed_training.py in a process of its own. It forks before torch has done any work, so that each attempt
starts at once; usage: kill_training.py FOLDER KILLS.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.train.log import TrainingError
from mae_lite.train.pretrain import pretrain
from mae_lite.train.recipe import PretrainConfig

MODEL = MAEConfig(
    img_size=(16, 24), patch_size=8, embed_dim=24, depth=2, num_heads=3,
    decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip
PLAN = PretrainConfig(
    epochs=200, batch_size=4, optimizer="muon", ema_decay=0.9, save_minutes=0.0, log_every=7, precision="fp32"
)


def train(out: Path) -> None:
    """From the start, or from where the last attempt was killed; a state after every step."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    imgs = torch.randint(256, (8, 3, 24, 32), dtype=torch.uint8)
    for _ in pretrain(MAE(MODEL), imgs, PLAN, out, resume=(out / "last.pt").exists()):
        pass


def attempt(out: Path, kill_after: float | None) -> str:
    """One process, killed some time after it has saved something new; "done", "killed" or "failed"."""
    state = out / "last.pt"
    before = state.stat().st_mtime_ns if state.exists() else 0
    child = os.fork()
    if not child:
        try:
            train(out)
        except TrainingError as error:
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    if kill_after is not None:
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if state.exists() and state.stat().st_mtime_ns != before:
                time.sleep(kill_after)
                os.kill(child, signal.SIGKILL)
                break
            time.sleep(0.002)
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else "done" if os.WEXITSTATUS(status) == 0 else "failed"


def killed(out: Path, kills: int, longest: float) -> tuple[list[str], list[int]]:
    """Kill it so many times, each at most so many seconds after it saved something; how it went, and how far it was."""
    dice, outcomes, steps = random.Random(0), [], []
    while outcomes.count("killed") < kills and outcomes[-1:] != ["done"] and "failed" not in outcomes:
        outcomes.append(attempt(out, dice.uniform(0, longest)))
        if (out / "last.pt").exists():
            steps.append(torch.load(out / "last.pt", weights_only=True)["step"])
    return outcomes, steps


def main() -> None:
    """Compare."""
    torch.set_num_threads(1)  # so that no thread of torch's is there to be lost in a fork
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    start = time.monotonic()
    whole = attempt(folder / "whole", None)
    seconds = time.monotonic() - start
    for share in (1.2, 0.6, 0.3, 0.1):  # a machine that was busy only at first may be done before the last kill
        shutil.rmtree(folder / "killed", ignore_errors=True)
        outcomes, steps = killed(folder / "killed", kills, share * seconds / kills)
        if outcomes.count("killed") == kills or "failed" in outcomes:
            break
    outcomes.append(attempt(folder / "killed", None))
    one, other = (torch.load(folder / name / "last.pt", weights_only=True) for name in ("whole", "killed"))
    same = one["step"] == other["step"] and all(torch.equal(one["model"][k], other["model"][k]) for k in one["model"])
    same_history = [
        [row.rsplit(",", 1)[0] for row in (folder / name / "history.csv").read_text().splitlines()]
        for name in ("whole", "killed")
    ]
    print(json.dumps({
        "whole": whole, "outcomes": outcomes, "steps": steps, "end": one["step"], "same": same,
        "same_history": same_history[0] == same_history[1],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
