"""Every command of this project that a page, a docstring or a record names is there."""

import re
import runpy
import subprocess
import sys

import pytest

from helpers.project import ROOT

FILES = subprocess.run(
    ["git", "ls-files", "*.md", "*.py", "Makefile", "assets/results"], cwd=ROOT, capture_output=True, text=True
).stdout.split()
NAMED = {
    match[1]: name
    for name in FILES
    if (ROOT / name).exists()
    for match in re.finditer(
        r"\bpython (-m mae_\w+(?:\.[a-z_]+)*\b(?!\.[\w{])(?:(?<=mae_lite) [a-z]+)?|[a-z]+/[\w/]+\.py)",
        (ROOT / name).read_text(encoding="utf-8"),
    )
}
"""Commands as they are typed after "python", each with a file that names it."""


@pytest.mark.parametrize("command", sorted(NAMED))
def test_a_command_that_is_named_runs(command, capsys, monkeypatch):
    if not command.startswith("-m "):
        assert (ROOT / command).exists(), f"{NAMED[command]} names {command}"
        return
    module, *rest = command.removeprefix("-m ").split()
    monkeypatch.setattr(sys, "argv", [module, *rest, "--help"])
    monkeypatch.delitem(sys.modules, module, raising=False)  # as in a process that has not imported it
    with pytest.raises(SystemExit) as stop:
        runpy.run_module(module, run_name="__main__")
    assert stop.value.code == 0, f"{NAMED[command]} names python {command}"
    assert f"usage: python {command}" in capsys.readouterr().out
