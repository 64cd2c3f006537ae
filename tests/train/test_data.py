import io
import tarfile
import time

import numpy as np
import pytest
import torch
from PIL import Image

from mae_lite.train.data import ImageSource, LazyImages, load_images

COLOURS = {"cat": (200, 0, 0), "dog": (0, 200, 0), "eel": (0, 0, 200)}


def picture(colour, size=(20, 16), fmt="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, fmt)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Two pictures of each class, one a level deeper, and things that are no pictures."""
    for name, colour in COLOURS.items():
        for place in (f"{name}/a.png", f"{name}/deeper/b.PNG"):
            path = tmp_path / "pictures" / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(colour))
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    (tmp_path / "pictures" / "cat" / "._a.png").write_bytes(b"what macOS leaves about")
    return tmp_path / "pictures"


def write_tar(path, files, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def shards(tmp_path):
    """Two tar shards; the same key stands in two folders of the second."""
    cat, dog, eel = (picture(colour) for colour in COLOURS.values())
    write_tar(tmp_path / "train-0.tar", {"0.png": cat, "0.cls": b"0", "1.png": dog, "1.cls": b"1"})
    write_tar(tmp_path / "train-1.tar", {"x/0.cls": b"2", "x/0.png": eel, "y/0.png": cat, "y/0.cls": b"0"})
    return tmp_path


def colours_and_labels(source):
    imgs, labels, skipped = load_images(source, (8, 12))
    assert imgs.shape[1:] == (3, 8, 12)
    assert not skipped
    return [tuple(img[:, 4, 6].tolist()) for img in imgs], labels.tolist()


CAT, DOG, EEL = COLOURS.values()


def test_folder_with_classes(folder):
    found = colours_and_labels(ImageSource(folder))
    assert found == ([CAT, CAT, DOG, DOG, EEL, EEL], [0, 0, 1, 1, 2, 2]), "a deeper folder is of the same class"


def test_a_flat_folder_has_no_classes(folder):
    assert colours_and_labels(ImageSource(folder / "cat" / "deeper")) == ([CAT], [-1])


def test_several_sources_and_a_glob_of_pictures(folder):
    source = ImageSource([folder / "dog" / "deeper", str(folder / "*" / "a.png"), folder / "eel" / "a.png"])
    assert colours_and_labels(source)[0] == [DOG, CAT, DOG, EEL, EEL]


@pytest.mark.parametrize("name", ["", "train-*.tar", "train-[01].tar", "**/train-*.tar"])
def test_tar_shards(shards, name):
    assert colours_and_labels(ImageSource(str(shards / name))) == ([CAT, DOG, EEL, CAT], [0, 1, 2, 0])


def test_one_shard_without_classes(shards):
    path = write_tar(shards / "only.tar", {"a.jpg": picture(DOG, fmt="JPEG"), "readme.md": b"no picture"})
    _, labels, _ = load_images(ImageSource(path), (4, 4))
    assert labels.tolist() == [-1]


def test_timm_data_set_by_name_keeps_labels(folder):
    (folder / "cat" / "._a.png").unlink()
    found = colours_and_labels(ImageSource("torch/image_folder", root=folder))
    assert found == ([CAT, CAT, DOG, DOG, EEL, EEL], [0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no/such/folder", "no pictures there; give a folder of pictures, a tar"),
        ("nothing-*.tar", "no pictures there"),
        ("torch/no_such_set", "timm cannot open this data set"),
        ("tfds/mnist", "no pictures there"),
        ("pictures/notes.txt", "not an uncompressed tar"),
        ("packed.tar", "not an uncompressed tar"),
        ("words.tar", "not an uncompressed tar"),
        ("empty", "no pictures there"),
    ],
)
def test_a_source_without_pictures_is_told(folder, monkeypatch, name, reason):
    monkeypatch.chdir(folder.parent)
    (folder.parent / "empty").mkdir()
    write_tar(folder.parent / "packed.tar", {"0.png": picture(CAT)}, "w:gz")
    write_tar(folder.parent / "words.tar", {"0.png": picture(CAT), "0.cls": b"cat"})
    with pytest.raises(ValueError, match=reason) as caught:
        ImageSource(name)
    assert str(caught.value).startswith(name)


def test_damaged_pictures_are_skipped_and_named(folder):
    (folder / "dog" / "a.png").write_bytes(picture(DOG)[:50])
    (folder / "eel" / "a.png").write_text("no picture")
    source = ImageSource(folder)
    (folder / "eel" / "deeper" / "b.PNG").unlink()
    imgs, labels, skipped = load_images(source, (8, 8))
    assert (len(imgs), labels.tolist()) == (3, [0, 0, 1])
    assert [s.split(": ")[0] for s in skipped] == [
        str(folder / name) for name in ("dog/a.png", "eel/a.png", "eel/deeper/b.PNG")
    ]
    with pytest.raises(ValueError, match="None of 2 pictures could be read; .*dog/a.png.*damaged"):
        load_images(source, (8, 8), [2, 4])


def test_indices_choose_and_order(folder):
    imgs, labels, _ = load_images(ImageSource(folder), (4, 4), [5, 0, 2])
    assert labels.tolist() == [2, 0, 1]
    assert [tuple(x[:, 0, 0].tolist()) for x in imgs] == [EEL, CAT, DOG]


@pytest.fixture
def noise_source(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(6):
        noise = Image.fromarray(rng.integers(0, 256, (30 + i, 40, 3), dtype=np.uint8))
        noise.save(tmp_path / f"{i}.png")
    return ImageSource(tmp_path)


def test_lazy_images_are_the_same_as_loaded_ones(noise_source):
    eager, _, _ = load_images(noise_source, (16, 16))
    lazy = LazyImages(noise_source, 16)
    assert len(lazy) == 6
    for indices in ([3, 0, 5], [1, 1, 4], [2]):
        indices = torch.tensor(indices)
        lazy.prefetch(torch.tensor([5, 1, 2]))
        assert torch.equal(lazy[indices], eager[indices])


def test_prefetch_decodes_ahead_and_once(noise_source, monkeypatch):
    opened = []
    monkeypatch.setattr(noise_source, "open", lambda i, read=noise_source.open: opened.append(i) or read(i))
    lazy = LazyImages(noise_source, 16)
    lazy.prefetch(torch.tensor([4, 2]))
    deadline = time.monotonic() + 20
    while len(opened) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(opened) == [2, 4], "decoding began before anybody asked"
    lazy[torch.tensor([2, 4])]
    assert len(opened) == 2, "and was not done twice"
    lazy[torch.tensor([2])]
    assert len(opened) == 3, "nor kept for ever"


def test_lazy_images_replace_and_name_the_damaged(folder):
    (folder / "cat" / "deeper" / "b.PNG").write_bytes(b"no picture")
    lazy = LazyImages(ImageSource(folder), 8)
    for _ in range(3):
        assert [tuple(x[:, 0, 0].tolist()) for x in lazy[torch.tensor([0, 1])]] == [CAT, DOG]
    assert len(lazy.skipped) == 1
    assert "deeper/b.PNG" in lazy.skipped[0]


def test_lazy_images_with_nothing_to_read_say_so(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"Not one of 1 pictures could be read; the last: .*a\.png"):
        LazyImages(ImageSource(tmp_path), 8)[torch.tensor([0])]
