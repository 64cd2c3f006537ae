"""What SECURITY.md promises, as far as it can be read from the code and tried on this machine."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

import mae_course
import mae_lite
from helpers.project import ROOT

FILES = [path for package in (mae_lite, mae_course) for path in Path(package.__file__).parent.rglob("*.py")]

RUNS_CODE = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads", "marshal.loads",
    "pickle.Unpickler", "joblib.load", "yaml.load", "yaml.unsafe_load", "torch.hub.load", "shelve.open",
    "subprocess.getoutput", "runpy.run_path",
}  # fmt: skip
"""What can run what it is given."""


def calls(source):
    """Every call in a piece of Python, as (name, the names of its options with their values where they are plain)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            options = {one.arg: getattr(one.value, "value", ...) for one in node.keywords}
            yield ast.unparse(node.func), options, node.lineno


def faults(source):
    """Calls that could run what they are given."""
    for name, options, line in calls(source):
        short = name.rsplit(".", 1)[-1]
        pickled = short == "load" and name.split(".")[0] in ("torch", "np", "numpy")
        if (
            name in RUNS_CODE
            or (name == "torch.load" and options.get("weights_only") is not True)
            or (pickled and options.get("allow_pickle", False) is not False)
            or options.get("shell", False) is not False
        ):
            yield f"line {line}: {name}"


@pytest.mark.parametrize("bad", [
    "eval(x)", "exec(x)", "os.system(x)", "pickle.loads(x)", "torch.load(x)", "torch.load(x, weights_only=False)",
    "torch.load(x, weights_only=safe)", "np.load(x, allow_pickle=True)", "subprocess.run(x, shell=True)",
])  # fmt: skip
def test_the_search_finds(bad):
    assert list(faults(f"def f(x):\n    return {bad}"))


def test_nothing_in_the_package_runs_what_it_is_given():
    found = {str(path): list(faults(path.read_text(encoding="utf-8"))) for path in FILES}
    assert len(found) > 110
    assert {path: some for path, some in found.items() if some} == {}
    loads = sum(name == "torch.load" for path in FILES for name, _, _ in calls(path.read_text()))
    assert loads >= 1, "the search no longer sees where weights are read"


def test_programs_are_started_by_lists_of_words():
    """And only git, for the records of studies."""
    starts = {
        (path.name, name)
        for path in FILES
        for name, _, _ in calls(path.read_text(encoding="utf-8"))
        if name.startswith(("subprocess.", "os.exec", "os.spawn", "asyncio.create_subprocess"))
    }
    assert starts == {("records.py", "subprocess.run")}


SCRIPTS = sorted(
    p
    for folder in ("mae_lite", "notebooks/mae_course", "notebooks/site", "notebooks/slides")
    for p in (ROOT / folder).rglob("*.js")
)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_of_pages_evaluate_and_fetch_nothing(path):
    text = path.read_text(encoding="utf-8")
    for word in (
        r"\beval\(",
        r"new Function",
        r"document\.write",
        r"insertAdjacentHTML",
        r"outerHTML\s*=",
        r"\bimport\(",
    ):
        assert not re.search(word, text), f"{path}: {word}"
    for word in (r"\bfetch\(", r"XMLHttpRequest", r"WebSocket", r"sendBeacon", r"https?://(?!www\.w3\.org)"):
        assert not re.search(word, text), f"{path}: {word}"


def test_pictures_are_limited_before_they_are_decoded():
    from mae_lite.images import FORMATS, MAX_PIXELS

    promised = re.search(r"above (\d+) million they are refused", (ROOT / "SECURITY.md").read_text())[1]
    assert int(promised) * 1_000_000 == MAX_PIXELS
    assert not {"EPS", "PDF", "WMF"} & set(FORMATS), "these would start other programs"


def the_command():
    """What make lab runs, after installing."""
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "lab"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return shlex.split(done.stdout.splitlines()[-1])


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_lab_changes_nothing_of_jupyters_own_protection():
    program, lab, notebook = the_command()
    assert (Path(program).name, lab) == ("jupyter", "lab")
    assert (ROOT / notebook).exists()
    found = [path for path in ROOT.glob("**/jupyter*config*") if not {".venv", "build", "runs"} & set(path.parts)]
    assert found == [], "settings that JupyterLab would take up"


def ask(address, token=""):
    """The status that a server answers with."""
    headers = {"Authorization": f"token {token}"} if token else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(address, headers=headers), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_lab_listens_on_this_machine_only_and_wants_its_token(tmp_path):
    """The very command, in a path with spaces and letters of elsewhere, without a browser."""
    folder = tmp_path / "Übung 3 & 東京's"
    _, *words = the_command()
    (folder / words[-1]).parent.mkdir(parents=True)
    shutil.copy(ROOT / words[-1], folder / words[-1])
    command = [sys.executable, "-m", "jupyter", *words, "--no-browser"]
    command += ["--allow-root"] if getattr(os, "geteuid", int)() == 0 else []
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON"))} | {"HOME": str(tmp_path)}
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=file, stderr=file)
    try:
        deadline, found = time.monotonic() + 120, None
        while found is None and time.monotonic() < deadline and server.poll() is None:
            time.sleep(0.3)
            found = re.search(r"http://(127\.0\.0\.1|localhost):(\d+)/\S*\?token=(\w+)", log.read_text())
        assert found, log.read_text()[-3000:]
        port, token = int(found[2]), found[3]
        assert len(token) >= 32
        process = psutil.Process(server.pid)
        connections = getattr(process, "net_connections", None) or process.connections  # psutil before 6
        listening = {c.laddr.ip for c in connections("inet") if c.status == "LISTEN"}
        assert listening
        assert listening <= {"127.0.0.1", "::1"}, "others on the network can reach it"
        address = f"http://127.0.0.1:{port}/api/contents"
        assert ask(address) == 403, "who has no token gets in"
        assert ask(address, "0" * len(token)) == 403
        assert ask(address, token) == 200
    finally:
        server.terminate()
        server.wait(timeout=60)
