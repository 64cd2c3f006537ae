"""The transfer study on tiny pictures: features, probes, fine-tuning, one record a setting, and nothing twice."""

import json

import pytest
import torch
from PIL import Image

from mae_course.studies import transfer
from mae_lite.cli.records import load_records
from mae_lite.mae import MAE
from mae_lite.measure.features import extract_features, load_features, pixel_features
from mae_lite.measure.probes import accuracy, linear_probe, some_labels
from mae_lite.train.finetune import finetune
from mae_lite.train.recipe import FinetuneConfig


@pytest.fixture
def study(tmp_path, monkeypatch, small_model):
    """A function that runs the study in a folder of its own, with a small model in place of the bundled one."""
    g = torch.Generator().manual_seed(0)
    for split, count in (("train", 24), ("test", 6)):
        for k in range(10):
            (tmp_path / split / str(k)).mkdir(parents=True)
            for i in range(count):
                noise = torch.randint(90, (20, 26, 3), generator=g) + 16 * k
                Image.fromarray(noise.to(torch.uint8).numpy()).save(tmp_path / split / str(k) / f"{i}.png")

    def load(img_size=None, device="cpu"):
        return small_model(img_size=img_size or (16, 24))

    monkeypatch.setattr(transfer, "load_model", load)
    monkeypatch.setattr(transfer, "TUNED_SIZE", (16, 16))
    monkeypatch.setattr(transfer, "BLOCKS", (2, 0))
    monkeypatch.setattr(transfer, "SCRATCH", 2)
    monkeypatch.setattr(transfer, "PLAN", FinetuneConfig(epochs=1, batch_size=16))
    monkeypatch.setattr(transfer, "FRACTIONS", {0.9: range(2), 1.0: range(1)})
    threads = torch.get_num_threads()

    def run(*options):
        where = ["--features", str(tmp_path / "f" / "x.safetensors"), "--records", str(tmp_path / "r" / "x.jsonl")]
        data = ["--train", str(tmp_path / "train"), "--test", str(tmp_path / "test"), "--device", "cpu"]
        transfer.main([*data, *where, *options])
        return load_features(tmp_path / "f" / "x.safetensors"), load_records(tmp_path / "r" / "x.jsonl")

    yield run
    torch.set_num_threads(threads)


def test_features_are_those_of_the_pictures(study, tmp_path, small_model):
    found, _ = study("--probes-only")
    imgs, labels = transfer.read([str(tmp_path / "train")], (16, 24), 10_000)
    assert torch.equal(found.labels, labels)
    assert (len(found.labels), len(found.test_labels)) == (240, 60)
    model = small_model()
    torch.manual_seed(0)
    for name, one in {"mae-lite-mini": model, "untrained": MAE(model.cfg)}.items():
        torch.testing.assert_close(found.train[name], extract_features(one, imgs), rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(found.train["raw pixels"], pixel_features(imgs), rtol=0, atol=0.5 / 255 + 1e-6)
    assert len(found.classes) == 10


def test_probe_records_follow_from_the_features(study):
    found, records = study("--probes-only")
    assert [(r["features"], r["fraction"]) for r in records] == [(n, f) for n in found.train for f in (0.9, 1.0)]
    for record in records:
        x, z = found.train[record["features"]], found.test[record["features"]]
        for seed, value in zip(record["seed"], record["linear"], strict=True):
            few = some_labels(found.labels, record["fraction"], seed=seed)
            assert accuracy(linear_probe(x[few], found.labels[few], z), found.test_labels) == value
        assert {"command", "device", "versions", "date"} <= set(record)
        assert record["test_images"] == 60


def test_tuning_records_and_nothing_twice(study, tmp_path, small_model, capsys):
    study("--probes-only")
    _, records = study()
    tuned = [r for r in records if r["kind"] == "finetune"]
    assert [(r["start"], r["blocks"]) for r in tuned] == [("mae-lite-mini", 2), ("mae-lite-mini", 0), ("untrained", 2)]
    train = transfer.read([str(tmp_path / "train")], (22, 22), 10_000)
    test = transfer.read([str(tmp_path / "test")], (16, 16), 10_000)
    *_, last = finetune(small_model(img_size=(16, 16)), *train, *test, FinetuneConfig(**tuned[0]["plan"]))
    assert (tuned[0]["accuracy"], tuned[0]["losses"]) == (last["accuracy"], [last["loss"]])
    assert tuned[2]["plan"]["layer_decay"] == 1.0, "there is no layer decay from scratch"
    assert tuned[1]["tuned"] == 24 * 10 + 10, "0 blocks: the head's weights and biases"
    before = json.dumps(records)
    assert json.dumps(study()[1]) == before, "what has a record is not run again"
    assert f"{100 * tuned[0]['accuracy']:5.1f} %" in capsys.readouterr().out


def test_pictures_without_a_class_are_refused(study, tmp_path):
    with pytest.raises(ValueError, match="no class"):
        transfer.read([str(tmp_path / "train" / "3")], (16, 24), 5)


def test_bundled_features_and_records_agree():
    """What the notebook shows is what the file of records holds."""
    found, records = load_features(), load_records(transfer.RECORDS)
    assert {name: tuple(x.shape) for name, x in found.train.items()} == {
        "mae-lite-mini": (4000, 192), "untrained": (4000, 192), "raw pixels": (4000, 192),
    }  # fmt: skip
    assert all(x.shape == (2000, 192) for x in found.test.values())
    assert found.labels.bincount().min() > 300
    name = "raw pixels"
    (record,) = [r for r in records if r.get("features") == name and r["fraction"] == 1.0]
    knn = transfer.knn_predict(found.train[name], found.labels, found.test[name])
    assert accuracy(knn, found.test_labels) == pytest.approx(record["knn"][0], abs=0.002)
