"""What a student needs: memory of a kernel that ran a notebook, and disk of this installation, written to a record.

`python notebooks/guides/measure.py [NAME]` writes assets/results/classroom.json, which classroom.md quotes.
"""

import json
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import nbformat
import torch
from nbclient import NotebookClient

from mae_lite.device import device_name

NOTEBOOKS = Path(__file__).parent.parent
ROOT = NOTEBOOKS.parent
MEMORY = "import psutil, resource; print(psutil.Process().memory_info().rss, 1024 * resource.getrusage(0).ru_maxrss)"
CUDA = ("nvidia", "triton", "torch/lib/libtorch_cuda*", "torch/lib/libtorch_nvshmem*")
"""What pip's torch for Linux brings for GPUs, within site-packages."""


def memory_after(name: str) -> tuple[int, int]:
    """Bytes that a kernel holds after it ran all cells of a notebook, and the most it held."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(MEMORY))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    now, most = notebook.cells[-1].outputs[0].text.split()
    return int(now), max(int(now), int(most))  # the second is told in whole kilobytes, and late


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
    name = sys.argv[1] if len(sys.argv) > 1 else "07_reconstruction"
    now, most = memory_after(name)
    packages = Path(torch.__file__).parent.parent
    record = {
        "command": f"python notebooks/guides/measure.py {name}",
        "notebook": name,
        "kernel_mb": round(now / 1e6),
        "kernel_peak_mb": round(most / 1e6),
        "packages_mb": round(size_of(packages) / 1e6),
        "packages_for_cuda_mb": round(size_of(*(p for pattern in CUDA for p in packages.glob(pattern))) / 1e6),
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
