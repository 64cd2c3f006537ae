"""What a student needs: memory and time of a kernel that runs a notebook, disk and minutes of an installation.

`python notebooks/guides/measure.py` writes assets/results/classroom.json, which classroom.md and environments.md quote.
It makes a new installation in a temporary folder, which fetches some gigabytes.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import nbformat
import psutil
import torch
from nbclient import NotebookClient

from mae_lite.device import device_name

NOTEBOOKS = Path(__file__).parent.parent
ROOT = NOTEBOOKS.parent
TRIED = ("06_train_one", "07_reconstruction")
"""The notebook that computes most, and the one that is played with longest."""
USED = """import psutil, resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(psutil.Process().memory_info().rss, 1024 * used.ru_maxrss, used.ru_utime + used.ru_stime)"""
CUDA = ("nvidia", "triton", "torch/lib/libtorch_cuda*", "torch/lib/libtorch_nvshmem*")
"""What pip's torch for Linux brings for GPUs, within site-packages."""


def kernel(name: str) -> dict[str, int]:
    """What a kernel holds after it ran all cells of a notebook, the most it held, and the seconds of a core it took."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(USED))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    now, most, seconds = map(float, notebook.cells[-1].outputs[0].text.split())
    most = max(now, most)  # it is told in whole kilobytes, and late
    return {"kernel_mb": round(now / 1e6), "kernel_peak_mb": round(most / 1e6), "core_seconds": round(seconds)}


def server_mb() -> int:
    """Megabytes that JupyterLab's server holds once it has answered."""
    with tempfile.TemporaryDirectory() as home:
        command = [
            sys.executable,
            "-m",
            "jupyter",
            "lab",
            "--no-browser",
            "--allow-root",
            "--port=0",
            f"--notebook-dir={home}",
        ]
        server = subprocess.Popen(command, env=os.environ | {"HOME": home}, stderr=subprocess.PIPE, text=True)
        try:
            next(line for line in server.stderr if "is running at" in line)
            return round(psutil.Process(server.pid).memory_info().rss / 1e6)
        finally:
            server.terminate()
            server.communicate()


def installation() -> dict[str, float]:
    """Disk and minutes of a new installation, nothing of it fetched before."""
    with tempfile.TemporaryDirectory() as folder:
        start, python = time.monotonic(), Path(folder, "bin/python")
        pip = ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--constraint", ROOT / "constraints.txt", ROOT]
        for command in ([sys.executable, "-m", "venv", folder], [python, *pip]):
            subprocess.run(command, check=True)
        minutes = (time.monotonic() - start) / 60
        (packages,) = Path(folder).glob("lib/python*/site-packages")
        for_cuda = size_of(*(path for pattern in CUDA for path in packages.glob(pattern)))
        return {
            "install_minutes": round(minutes, 1),
            "packages_mb": round(size_of(packages) / 1e6),
            "packages_for_cuda_mb": round(for_cuda / 1e6),
        }


def size_of(*paths: Path) -> int:
    """Bytes of files and of all files in folders."""
    files = {file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])}
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def tracked(root: Path) -> list[Path]:
    """The files of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).exists()]


def main() -> int:
    """Measure and write the record."""
    os.environ["OMP_NUM_THREADS"] = "1"  # as classroom.md asks for
    record = {
        "command": "python notebooks/guides/measure.py",
        "notebooks": {name: kernel(name) for name in TRIED},
        "server_mb": server_mb(),
        **installation(),
        "repository_mb": round(size_of(*tracked(ROOT)) / 1e6),
        "machine": device_name(torch.device("cpu")),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.now(timezone.utc).date().isoformat(),
    }
    path = ROOT / "assets/results/classroom.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
