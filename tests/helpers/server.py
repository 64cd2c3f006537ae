"""A local web server that can misbehave, and what a test asks of it."""

import io
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from helpers.layouts import fair_layout
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.weights import downloads
from mae_lite.weights.catalogue import cache_folder

CFG = MAEConfig(img_size=(32, 32), patch_size=8, embed_dim=192, depth=1, num_heads=3, decoder_depth=1)


def file_bytes(payload):
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return MAE(CFG)


@pytest.fixture(scope="module")
def body(model):
    return file_bytes({"model": fair_layout(model)})


class Server:
    """A local web server; `answer(handler, number)` writes the reply to the request of that number, from 0."""

    def __enter__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                number = len(server.requests)
                server.requests.append((self.path, self.headers.get("Range")))
                server.answer(self, number)

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        self.requests, self.answer = [], None
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


def reply(handler, body, *, status=200, length=None, kind="application/octet-stream", headers=()):
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    if length is not False:
        handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def reply_range(handler, body):
    """What an honest server does with a Range."""
    start = int(re.match(r"bytes=(\d+)-", handler.headers["Range"])[1])
    where = [("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")]
    reply(handler, body[start:], status=206, headers=where)


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0)
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as server:
        monkeypatch.setattr(downloads, "FAIR_URL", server.url)
        yield server


def kept():
    """What lies in the cache, but for the empty files that make a second process wait."""
    return [path.name for path in cache_folder().iterdir() if path.suffix != ".lock"]
