"""The wall around the tests holds, and what is bundled works behind a thicker one: without any network at all."""

import asyncio
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mae_lite.images import load_image
from mae_lite.weights.checkpoints import load_model

ELSEWHERE = "192.0.2.1"
"""An address that belongs to nobody (RFC 5737)."""


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("how", ["connect", "connect_ex"])
def test_no_connection_leaves_this_machine(family, how):
    address = (ELSEWHERE, 80) if family == socket.AF_INET else ("2001:db8::1", 80, 0, 0)
    with socket.socket(family) as one, pytest.raises(pytest.fail.Exception, match="tests run without network"):
        getattr(one, how)(address)


def test_no_datagram_leaves_this_machine():
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        for flags in ((), (0,)):
            with pytest.raises(pytest.fail.Exception, match="tests run without network"):
                one.sendto(b"hello", *flags, (ELSEWHERE, 53))


def test_no_name_is_looked_up():
    with pytest.raises(pytest.fail.Exception, match="address of example.org; tests run without network"):
        socket.create_connection(("example.org", 443), timeout=1)


def test_code_that_takes_every_error_for_no_network_cannot_hide_it():
    assert not issubclass(pytest.fail.Exception, Exception), "except Exception would catch it"
    with pytest.raises(pytest.fail.Exception, match="example.org"):
        urllib.request.urlopen("http://example.org", timeout=1)


def test_an_event_loop_does_not_get_out_either():
    async def reach():
        await asyncio.open_connection(ELSEWHERE, 80)

    with pytest.raises(pytest.fail.Exception, match=ELSEWHERE):
        asyncio.run(reach())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached(host):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert opener.open(f"http://{host}:{server.server_port}", timeout=10).read() == b"here"
        thread.join()


def test_what_is_bundled_asks_for_nothing(monkeypatch):
    """No socket of any kind is made."""

    def refuse(*args, **options):
        pytest.fail("a socket was made")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    model = load_model()
    from mae_lite.weights.assets import asset_path

    load_image(asset_path("photos", "cat.jpg"), model)


def unshared():
    """Command that runs another without a network, not even this machine's, or None where that is not allowed."""
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return None


@pytest.mark.slow
def test_doctor_models_and_reconstruct_without_any_network(tmp_path):
    if (alone := unshared()) is None:
        pytest.skip("this machine lets nobody take the network away from a process (unshare --net)")
    commands = ("doctor", "models", "reconstruct")
    code = f"import sys; from mae_lite.cli.main import main; sys.exit(max(main([c]) for c in {commands}))"
    command = [*alone, sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "all is well" in done.stdout
    assert (tmp_path / "out/cat.png").stat().st_size > 20_000
    ask = [*alone, sys.executable, "-c", "import mae_lite as ml; ml.load_model('mae_visualize_vit_base')"]
    env = {"MAE_LITE_CACHE": str(tmp_path / "cache"), "PATH": "", "OMP_NUM_THREADS": "1"}
    asked = subprocess.run([shutil.which(ask[0]), *ask[1:]], env=env, capture_output=True, text=True, timeout=300)
    assert "CheckpointError" in asked.stderr.splitlines()[-1], asked.stderr[-2000:]
    assert "could not be downloaded in 3 tries" in asked.stderr.splitlines()[-1]
