"""Imports point one way: from what comes later in the data flow to what comes earlier."""

import ast
import subprocess
import sys
from pathlib import Path

import mae_lite

PACKAGE = Path(mae_lite.__file__).parent
ORDER = [
    "config",
    "assets",
    "device",
    "images",
    "patches",
    "masking",
    "layers",
    "encoder",
    "decoder",
    "loss",
    "mae",
    "packed",
    "warm_start",
    "cost",
    "catalogue",
    "weight_files",
    "downloads",
    "conversion",
    "checkpoints",
    "baselines",
    "linear_mae",
    "features",
    "probes",
    "attention",
    "inspection",
    "representations",
    "quality",
    "reconstruction",
    "flipbook",
    "film",
    "sweeps",
    "token_ledger",
    "style",
    "figures",
    "patch_figures",
    "mask_figures",
    "loss_figures",
    "token_figures",
    "cost_figures",
    "lab_figures",
    "inspection_figures",
    "attention_explorer",
    "paper_tables",
    "paper_results",
    "claims",
    "results_table",
    "results_figures",
    "claim_board",
    "data",
    "augment",
    "recipe",
    "training_log",
    "pretrain",
    "training_figures",
    "widgets",
    "evaluate",
    "finetune_config",
    "classifier",
    "finetune",
    "transfer_figures",
    "studies",
    "timeline",
    "text_figures",
    "indicator_figures",
    "twin",
    "exercises",
    "doctor",
    "cli_pretrain",
    "cli_evaluate",
    "cli_transfer",
    "cli",
    "__main__",
]
HEAVY = {"matplotlib": {"figures", "style"}, "ipywidgets": {"widgets"}, "anywidget": {"widgets"}}
LAZY = {("reconstruction", "figures")}  # Reconstruction.figure() imports it when called


def imports():
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "mae_lite":  # from mae_lite import x
                yield from ((module, f"mae_lite.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield module, node.module or ""
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield module, alias.name


def test_every_module_has_its_place():
    modules = {
        p.name.removesuffix(".py") for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    assert modules == set(ORDER) | {"__init__"}


def test_imports_point_upwards_in_the_list():
    for module, imported in imports():
        if imported.startswith("mae_lite.") and module != "__init__":
            other = imported.split(".")[1]
            if other == module or (module, other) in LAZY:
                continue
            assert ORDER.index(other) < ORDER.index(module), f"{module} imports {other}, which comes after it"


def test_slow_libraries_are_imported_where_they_are_used():
    for module, imported in imports():
        allowed = HEAVY.get(imported.split(".")[0])
        assert allowed is None or module in allowed, f"{module} imports {imported}"


def test_import_mae_lite_needs_nothing_slow():
    code = "import sys, mae_lite; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    slow = {"timm", "torchvision", "matplotlib", "ipywidgets", "anywidget", "huggingface_hub", "transformers", "scipy"}
    assert not slow & set(loaded)
