"""python -m mae_lite evaluate: one setting, several, and what it refuses before it works for long."""

import argparse
import json
from datetime import date, timedelta

import pytest
import torch
from PIL import Image

import mae_lite.cli.evaluate as cli_evaluate
from helpers.project import exit_code
from mae_lite.cli.main import main
from mae_lite.device import device_name
from mae_lite.measure.evaluate import masked_errors, summarise
from mae_lite.train.data import ImageSource, load_images
from mae_lite.weights.checkpoints import save_model

NINE = [0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.85, 0.9, 0.95]


@pytest.fixture
def folder(tmp_path, monkeypatch, small_model):
    """The working folder, with a model and six pictures."""
    monkeypatch.chdir(tmp_path)
    save_model(small_model(), "model")
    (tmp_path / "photos").mkdir()
    for k in range(6):
        Image.effect_noise((40, 40), 20 * k + 10).save(f"photos/{k}.png")
    return tmp_path


def evaluate(*args):
    return main(["evaluate", "model", "--data", "photos", "--device", "cpu", *map(str, args)])


def read_strictly(path):
    """JSON without Python's own NaN and Infinity."""
    return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_one_setting_prints_and_saves_a_table(folder, small_model, capsys):
    assert evaluate("--limit", 4, "--mask-ratio", 0.5, "--json", "records/table.json") == 0
    out = capsys.readouterr().out
    assert "4 images, 50% masked (random, seed 0)" in out
    record = read_strictly(folder / "records/table.json")
    assert (record["mask_ratio"], record["strategy"], record["seed"]) == (0.5, "random", 0)
    assert (record["model"], record["data"], record["images"], record["limit"]) == ("model", ["photos"], 4, 4)
    assert (record["versions"]["torch"], record["trained_at"]) == (torch.__version__, 0.75)
    assert record["device"] == device_name(torch.device("cpu"))
    assert abs(date.fromisoformat(record["date"]) - date.today()) <= timedelta(days=1)  # it is UTC's
    imgs, _, _ = load_images(ImageSource("photos"), (16, 24), range(4))
    for name, row in summarise(masked_errors(small_model(), imgs, 0.5)).items():
        for key, value in row.items():
            assert record["table"][name][key] == pytest.approx(value, rel=1e-5, abs=1e-5), f"{key} of {name}"
    for row in record["table"].values():
        for metric, decimals in (("mse", 3), ("psnr", 2), ("ssim", 3)):
            assert row[f"{metric}_low"] <= row[metric] <= row[f"{metric}_high"]
            assert f"{row[metric]:.{decimals}f} (" in out


def test_another_seed_draws_other_masks(folder):
    tables = []
    for seed in (0, 3):
        assert evaluate("--mask-ratio", 0.5, "--seed", seed, "--json", "table.json") == 0
        tables.append(read_strictly(folder / "table.json")["table"])
    assert tables[0] != tables[1]


def test_several_settings_give_the_tables_of_each_alone(folder, capsys):
    assert evaluate("--mask-ratio", 0.25, 0.75, "--strategy", "random", "grid", "--seed", 3, "--json", "all.json") == 0
    out = capsys.readouterr().out
    record = read_strictly(folder / "all.json")
    assert (record["mask_ratios"], record["strategies"]) == ([0.25, 0.75], ["random", "grid"])
    assert record["images"] == 6
    assert "table" not in record
    assert len(record["sweep"]) == 4
    for found in record["sweep"]:
        ratio, strategy = found["mask_ratio"], found["strategy"]
        assert evaluate("--mask-ratio", ratio, "--strategy", strategy, "--seed", 3, "--json", "one.json") == 0
        assert found["table"] == read_strictly(folder / "one.json")["table"]
        assert f"{found['table']['model']['mse']:.3f}" in out
    assert [line.split("%")[0].strip() for line in out.splitlines()[-2:]] == ["25", "75"]


@pytest.mark.parametrize(
    ("options", "ratios", "strategies"),
    [
        ("", [0.75], ["random"]),
        ("--sweep", NINE, ["random", "block", "grid"]),
        ("--sweep --strategy block", NINE, ["block"]),
        ("--sweep --mask-ratio 0.5 0.3 0.5", [0.5, 0.3], ["random", "block", "grid"]),
    ],
)
def test_sweep_fills_in_what_is_not_given(options, ratios, strategies, small_model):
    parser = argparse.ArgumentParser()
    cli_evaluate.add_evaluate(parser.add_subparsers())
    args = parser.parse_args(["evaluate", "--data", "x", *options.split()])
    settings = cli_evaluate.settings_of(args, small_model())
    assert settings == [(ratio, strategy) for ratio in ratios for strategy in strategies]


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--data", "empty"], "no pictures there"),
        (["--limit", "0"], "0 must be at least 1"),
        (["--data", "nowhere", "--mask-ratio", "0"], "hides no patch"),
        (["--data", "nowhere", "--mask-ratio", "0.5", "1.2"], "mask_ratio is 1.2"),
        (["--strategy", "random", "spiral"], "invalid choice: 'spiral'"),
        (["--json", "photos"], "--json: photos is a folder"),
        (["--seed", "-1"], "-1 must be at least 0"),
    ],
)
def test_what_cannot_work_is_told_in_a_sentence(args, part, folder, capsys):
    """Of two mistakes, the one that needs no pictures to be seen is told."""
    (folder / "empty").mkdir()
    code = exit_code(evaluate, *args)
    assert code == 2
    assert part in capsys.readouterr().err


def test_norm_pix_models_are_refused_before_pictures_are_read(folder, small_model, capsys):
    save_model(small_model(norm_pix_loss=True), "model")
    assert evaluate("--data", "nowhere") == 2
    assert "raw-pixel" in capsys.readouterr().err


def test_an_interrupted_sweep_leaves_what_it_has(folder, monkeypatch):
    whole = cli_evaluate.masked_scores

    def interrupted(*args, strategy, **options):
        if strategy == "grid":
            raise KeyboardInterrupt
        return whole(*args, strategy=strategy, **options)

    monkeypatch.setattr(cli_evaluate, "masked_scores", interrupted)
    assert evaluate("--strategy", "random", "block", "grid", "--json", "part.json") == 130
    record = read_strictly(folder / "part.json")
    assert record["strategies"] == ["random", "block", "grid"]
    assert [found["strategy"] for found in record["sweep"]] == ["random", "block"]


def test_plain_walls_give_a_record_that_is_json(folder):
    for k in range(6):
        Image.new("RGB", (40, 40), (40 * k, 10, 99)).save(f"photos/{k}.png")
    assert evaluate("--json", "walls.json") == 0
    table = read_strictly(folder / "walls.json")["table"]
    assert "skill" not in table["harmonic"]
    assert table["harmonic"]["psnr"] == pytest.approx(100)
