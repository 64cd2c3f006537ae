"""Downloads on a slow or stalling line, on a full disk, and by two processes at once: the cache is always right."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from helpers.server import kept, reply, reply_range
from mae_lite.weights import downloads
from mae_lite.weights.catalogue import CheckpointError, cache_folder
from mae_lite.weights.downloads import download, find

NAME = "mae_visualize_vit_base"
CHILD = """
import pathlib, sys
from mae_lite.weights import downloads
downloads.FAIR_URL, downloads.PAUSE_SECONDS = sys.argv[1], 0
pathlib.Path(sys.argv[2]).touch()
print(downloads.find(sys.argv[3]))
"""


def wait_for(happened, seconds=120):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "nothing happened for two minutes"
        time.sleep(0.02)


@pytest.fixture
def child(server, tmp_path):  # noqa: F811
    """A function that starts a process which asks for the same model, and waits until it is about to."""
    running = []

    def start(number):
        sign = tmp_path / f"started {number}"
        command = [sys.executable, "-c", CHILD, server.url, str(sign), NAME]
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        one = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(one)
        wait_for(lambda: sign.exists() or one.poll() is not None)
        return one

    yield start
    for one in running:
        one.kill()
        one.communicate()


@pytest.mark.slow
def test_two_processes_at_once_fetch_it_once(server, child, body, count):  # noqa: F811
    asked, go_on = threading.Event(), threading.Event()

    def answer(handler, number):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:1000])
        asked.set()
        go_on.wait(120)
        handler.wfile.write(body[1000:])

    server.answer = answer
    one = child(1)
    assert asked.wait(120)
    other = child(2)
    time.sleep(1)  # the other is at it too
    assert other.poll() is None, other.communicate()
    assert kept() == [f"{NAME}.pth.part"]
    go_on.set()
    said = [process.communicate(timeout=120) for process in (one, other)]
    assert [process.returncode for process in (one, other)] == [0, 0], said
    assert [out.strip() for out, _ in said] == [str(cache_folder() / f"{NAME}.pth")] * 2
    assert len(server.requests) == 1, f"who waited had nothing to ask for: {server.requests}"
    assert kept() == [f"{NAME}.pth"]
    assert (cache_folder() / f"{NAME}.pth").read_bytes() == body
    count("downloads by two processes at once", tried=2)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_who_waited_goes_on_where_a_killed_process_stopped(server, child, body, count):  # noqa: F811
    over = threading.Event()

    def answer(handler, number):
        if number:
            reply_range(handler, body)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:500_000])
        over.wait(120)

    server.answer = answer
    one = child(1)
    part = cache_folder() / f"{NAME}.pth.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 0)
    other = child(2)
    time.sleep(0.5)
    one.kill()
    out, err = other.communicate(timeout=120)
    over.set()
    assert other.returncode == 0, err
    assert (cache_folder() / f"{NAME}.pth").read_bytes() == body
    (_, whole), (_, asked_from) = server.requests
    assert whole is None
    assert 0 < int(asked_from[6:-1]) < len(body), "it began anew"
    count("downloads by two processes at once", tried=1)


def test_a_slow_server_is_waited_for(server, body, monkeypatch, count):  # noqa: F811
    """Together it takes longer than the time that a server may be silent."""
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", 0.4)

    def answer(handler, number):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for k in range(10):
            handler.wfile.write(body[len(body) * k // 10 : len(body) * (k + 1) // 10])
            time.sleep(0.1)

    server.answer = answer
    start = time.monotonic()
    assert find(NAME).read_bytes() == body
    assert time.monotonic() - start > 0.8
    assert len(server.requests) == 1
    count("servers that misbehave", tried=1)


@pytest.mark.parametrize("recovers", [True, False])
def test_a_server_that_falls_silent_is_asked_again(server, body, monkeypatch, recovers, count):  # noqa: F811
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", 0.3)
    over = threading.Event()

    def answer(handler, number):
        if number and recovers:
            reply_range(handler, body)
            return
        start = int((handler.headers["Range"] or "bytes=0-")[6:-1])
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        handler.wfile.write(body[start : start + 1000])
        over.wait(60)

    server.answer = answer
    count("servers that misbehave", tried=1, refused=not recovers)
    if recovers:
        assert find(NAME).read_bytes() == body
        over.set()
        assert [asked for _, asked in server.requests] == [None, "bytes=1000-"], "what had come was not kept"
        return
    with pytest.raises(CheckpointError, match=r"could not be downloaded in 3 tries \(.*timed out.*by hand, put it at"):
        find(NAME)
    over.set()
    assert [asked for _, asked in server.requests] == [None, "bytes=1000-", "bytes=2000-"]
    assert kept() == [f"{NAME}.pth.part"]


def test_a_full_disk_is_said_and_what_came_is_kept(server, body, count):  # noqa: F811
    """A limit on the size of files stands for it: the same error at the same place."""
    server.answer = lambda handler, number: reply(handler, body) if number == 0 else reply_range(handler, body)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(
            CheckpointError, match=r"cannot be written \(File too large\); set MAE_LITE_CACHE to a"
        ) as no:
            find(NAME)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "PROXY" not in str(no.value), "the network is not to blame"
    assert len(server.requests) == 1, "the disk will be as full the next time"
    assert kept() == [f"{NAME}.pth.part"]
    assert 0 < (cache_folder() / f"{NAME}.pth.part").stat().st_size <= 200_000
    assert find(NAME).read_bytes() == body, "with room again it goes on"
    count("servers that misbehave", tried=1, refused=1)


def test_a_cache_that_is_no_folder_is_said_before_anything_is_asked_for(server, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "file/cache"))
    with pytest.raises(
        CheckpointError, match=r"file/cache/.*\.pth cannot be written \(Not a directory\); set MAE_LITE"
    ):
        find(NAME)
    assert server.requests == []


def test_another_try_while_one_holds_the_lock_waits(server, body, tmp_path):  # noqa: F811
    """In one process too: two notebooks' threads, say."""
    server.answer = lambda handler, number: (time.sleep(0.3), reply(handler, body))
    target = tmp_path / "f.pth"
    threads = [threading.Thread(target=download, args=(f"{server.url}/f.pth", target)) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert target.read_bytes() == body
    assert len(server.requests) == 1
