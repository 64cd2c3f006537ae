"""What people bring: every picture is reconstructed, or refused in one clear sentence."""

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from helpers.corpus import corpus
from mae_lite.cli.main import main
from mae_lite.images import MAX_PIXELS, ImageError, open_image
from mae_lite.widgets import playground

HERE = Path(__file__).parent
MADE_ANYWHERE = 300
"""Files at least, whatever codecs this Pillow was built with."""


@pytest.fixture(scope="module")
def files():
    """The corpus, without Pillow's remarks on formats that it will drop."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return corpus()


@pytest.mark.slow
def test_every_picture_and_every_damaged_copy(count):
    """In a process of its own: memory is measured, and a codec that crashes would take it down."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "read_pictures.py", "10"]
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    count("pictures and damaged copies, in Python", tried=found["tried"], refused=found["refused"],
          crashes=len(found["wrong"]))  # fmt: skip
    assert not found["wrong"], "\n".join(found["wrong"][:20])
    assert found["files"] >= MADE_ANYWHERE
    assert found["tried"] == found["read"] + found["refused"]
    assert found["slowest"][0] < 5, f"seconds of the processor, and of which: {found['slowest']}"
    assert found["megabytes"] < 1000, "one picture at a time must do"
    usual = [name for name in found["whole"] if name.split()[-1] in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")]
    assert len(usual) > 100
    assert {found["whole"][name] for name in usual if "LAB" not in name} == {"read"}, "what is not damaged is read"


def test_the_command_line(files, tmp_path, count, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, (name, data) in enumerate([*files.items()][::12]):
        for content in (data, data[: len(data) // 2]):
            path = tmp_path / f"{number} <img src=x onerror=alert(1)> ü.{name.split()[-1].lower()}"
            path.write_bytes(content)
            code = main(["reconstruct", str(path), "--model", "mae-lite-nano", "--out", str(tmp_path / "out.png")])
            said = capsys.readouterr()
            assert code in (0, 2), name
            assert "Traceback" not in said.err, name
            assert code == 0 or said.err.count("\n") == 1, f"one sentence: {said.err}"
            count("pictures, on the command line", tried=1, refused=code == 2)


def test_the_upload_path(files, count):
    """Refused files leave the last good picture, and say why under it."""
    page = playground("mae-lite-nano")
    tried = [*files.items()][::12]
    for name, data in tried:
        for content in (data, data[: len(data) // 2]):
            before = page.shown
            page._received(page, {"do": "upload", "names": [f"<img src=x onerror=alert(1)> {name}.jpg"]}, [content])
            refused = page.shown is before
            count("pictures, uploaded to the playground", tried=1, refused=refused)
            assert page.shown is not None
            assert bool(page.error) == refused, f"{name}: {page.error}"
            assert not refused or page.error.endswith("."), f"{name}: {page.error}"


@pytest.mark.parametrize(("depth", "colour", "share"), [(8, 2, 1), (8, 6, 2), (8, 4, 2), (16, 0, 5)])
def test_pictures_are_refused_by_what_they_would_take(depth, colour, share, count):
    """A PNG of which only the head is there: one pixel less than refused would be looked at, and is cut short."""

    def head(width, height):
        words = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        chunks = struct.pack(">I", 13) + words + struct.pack(">I", zlib.crc32(words))
        data = b"IDAT" + zlib.compress(b"")
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunks
            + struct.pack(">I", len(data) - 4)
            + data
            + struct.pack(">I", zlib.crc32(data))
        )

    most = MAX_PIXELS // share
    with pytest.raises(
        ImageError, match=rf"{most // 1000 + 1}x1000 pixels cannot be used, only 1 to {most:,}; resize it"
    ):
        open_image(head(most // 1000 + 1, 1000))
    with pytest.raises(ImageError, match="damaged or cut short"):
        open_image(head(1000, 100))
    count("decompression bombs", tried=1, refused=1)
