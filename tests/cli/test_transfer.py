"""python -m mae_lite transfer: probes and fine-tuning beside their controls, on tiny folders."""

import json

import pytest
import torch
from PIL import Image

from helpers.project import exit_code
from mae_lite.cli.main import main
from mae_lite.measure.attention import untrained
from mae_lite.measure.features import extract_features, pixel_features
from mae_lite.measure.probes import accuracy, knn_predict, linear_probe, ridge_probe
from mae_lite.train.data import ImageSource, load_images
from mae_lite.train.finetune import finetune
from mae_lite.train.recipe import FinetuneConfig
from mae_lite.weights.checkpoints import save_model

COLOURS = {"blue": (20, 30, 200), "green": (20, 190, 40), "red": (210, 30, 20)}


def paint(folder, count, colours=COLOURS, seed=0):
    """A folder a colour, with noise."""
    g = torch.Generator().manual_seed(seed)
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            noise = torch.randint(-20, 20, (24, 30, 3), generator=g) + torch.tensor(colour)
            Image.fromarray(noise.clamp(0, 255).to(torch.uint8).numpy()).save(folder / name / f"{k}.png")


@pytest.fixture
def folder(tmp_path, monkeypatch, small_model):
    """The working folder, with a model, 24 labelled pictures and 12 held-out ones."""
    monkeypatch.chdir(tmp_path)
    save_model(small_model(), "model")
    paint(tmp_path / "train", 8)
    paint(tmp_path / "test", 4, seed=1)
    return tmp_path


def transfer(*args):
    """Runs the command; returns its exit code."""
    return main(["transfer", "model", "--device", "cpu", "--k", "5", *map(str, args)])


def read(path):
    return json.loads(path.read_text())


def test_table_is_what_the_package_measures(folder, small_model, capsys):
    transfer("--data", "train", "--test", "test", "--json", "records/one.json")
    record, out = read(folder / "records/one.json"), capsys.readouterr().out
    (x, y, _), (z, truth, _) = (load_images(ImageSource(name), (16, 24)) for name in ("train", "test"))
    model = small_model()
    controls = {"untrained": untrained(model).encoder, "model": model, "raw pixels": None}
    assert set(record["table"]) == set(controls), "the controls belong in every table"
    for name, one in controls.items():
        a, b = (pixel_features(s) if one is None else extract_features(one, s) for s in (x, z))
        want = {"knn": knn_predict(a, y, b, k=5), "linear": linear_probe(a, y, b), "ridge": ridge_probe(a, y, b)}
        assert record["table"][name] == {key: accuracy(value, truth) for key, value in want.items()}, name
    assert record["table"]["raw pixels"]["knn"] == 1, "plain colours are told apart by their pixels"
    assert "24 labelled images, 12 held out, 3 classes" in out
    for row in record["table"].values():
        for value in row.values():
            assert f"{100 * value:.1f} %" in out
    assert (record["train_images"], record["test_images"], record["plan"]) == (24, 12, None)
    assert (record["data"], record["test"], record["versions"]["torch"]) == (["train"], ["test"], torch.__version__)


def test_without_test_images_a_fifth_is_held_out(folder):
    transfer("--data", "train", "--json", "one.json")
    transfer("--data", "train", "--json", "two.json")
    transfer("--data", "train", "--json", "other.json", "--seed", 3)
    one = read(folder / "one.json")
    assert (one["train_images"], one["test_images"]) == (18, 6), "round(8 / 5) of each class is 2"
    assert one == read(folder / "two.json")
    assert one["table"]["raw pixels"]["knn"] == 1


def test_some_labels_and_limits(folder):
    transfer("--data", "train", "--test", "test", "--labels", 0.25, "--json", "few.json")
    assert read(folder / "few.json")["train_images"] == 6
    transfer("--data", "train", "--test", "test", "--limit", 12, "--json", "limited.json")
    assert (read(folder / "limited.json")["train_images"], read(folder / "limited.json")["test_images"]) == (12, 12)


def test_other_sizes_and_the_class_token(folder, small_model, capsys):
    transfer("--data", "train", "--test", "test", "--img-size", 32, "--pool", "cls", "--json", "one.json")
    assert "at 32x32 pixels (cls features)" in capsys.readouterr().out
    assert read(folder / "one.json")["img_size"] == [32, 32]


def test_fine_tuning_beside_training_from_scratch(folder, small_model, capsys):
    options = {"epochs": 2, "batch_size": 8, "blr": 0.02, "blocks": 1.0}
    flags = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)]
    transfer("--data", "train", "--test", "test", "--finetune", *flags, "--json", "tuned.json")
    record, out = read(folder / "tuned.json"), capsys.readouterr().out
    squares, y, _ = load_images(ImageSource("train"), (22, 34))
    z, truth, _ = load_images(ImageSource("test"), (16, 24))
    plan, model = FinetuneConfig(**options), small_model()
    *_, tuned = finetune(model, squares, y, z, truth, plan)
    scratch = FinetuneConfig(**options | {"blocks": None, "layer_decay": 1.0})
    *_, scratched = finetune(untrained(model).encoder, squares, y, z, truth, scratch)
    assert record["table"]["model"]["finetune"] == tuned["accuracy"]
    assert record["table"]["untrained"]["finetune"] == scratched["accuracy"]
    assert record["plan"]["blocks"] == 1
    assert "untrained: all blocks, from scratch, same epochs" in out
    assert out.splitlines()[-2].split() == ["raw", "pixels", *out.splitlines()[-2].split()[2:-1], "-"]


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--data", "test/blue", "--test", "test/blue"], "4 of 4 pictures have no class"),
        (["--data", "train", "--test", "other"], "not the same"),
        (["--data", "train", "--test", "fewer"], "3 classes and the held-out ones 2"),
        (["--data", "train", "--labels", "0"], "fraction is 0.0"),
        (["--data", "train", "--img-size", "30"], "multiple of patch_size 4"),
        (["--data", "train", "--json", "train"], "--json: train is a folder"),
        (["--data", "nowhere", "--blocks", "9"], "blocks is 9"),
        (["--data", "nowhere"], "no pictures there"),
    ],
)
def test_what_cannot_work_is_told(folder, args, part, capsys):
    paint(folder / "other", 2, {"blue": (0, 0, 250), "red": (250, 0, 0), "yellow": (250, 250, 0)})
    paint(folder / "fewer", 2, {"blue": (0, 0, 250), "red": (250, 0, 0)})
    code = exit_code(transfer, *args)
    assert code == 2
    assert part in capsys.readouterr().err
