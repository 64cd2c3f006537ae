from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mae_course.studies import indicators
from mae_course.studies.fillers import KINDS, Filler, load_filler
from mae_course.studies.indicators import (
    PLAN,
    SEEDS,
    harmonic_error,
    hidden_error,
    look_inside,
    main,
    paint,
    score,
    train_filler,
)  # fmt: skip
from mae_lite.cli.records import load_records
from mae_lite.train.data import ImageSource, load_images


def photos(count=8, size=64, seed=0):
    """Smooth bytes: noise of 4 x 4 blown up."""
    small = torch.randint(256, (count, 3, 4, 4), generator=torch.Generator().manual_seed(seed)).float()
    return nn.functional.interpolate(small, (size, size), mode="bilinear").to(torch.uint8)


def test_the_error_is_of_hidden_pixels():
    imgs, hidden = torch.zeros(1, 3, 2, 2), torch.tensor([[[[True, False], [True, False]]]])
    painted = torch.tensor([[2.0, 100.0], [0.0, 100.0]]).expand(1, 3, 2, 2)
    assert hidden_error(painted, imgs, hidden) == 2  # (4 + 0) / 2


def test_training_learns_and_is_fixed_by_its_seed():
    plan = replace(PLAN, epochs=8, batch_size=8, blr=0.1, precision="fp32")
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.append([r["loss"] for r in train_filler(Filler("mask channel", 8), photos(16, 90), plan)])
    assert runs[0] == runs[1]
    assert len(runs[0]) == 16
    assert np.mean(runs[0][-4:]) < 0.9 * np.mean(runs[0][:4])


def test_skill_is_over_the_harmonic_fill():
    imgs = photos()
    model = Filler("zeros", 8)
    harmonic = harmonic_error(imgs)
    found = score(model, imgs, harmonic)
    painted, x, hidden = paint(model, imgs)
    assert found["mse"] == pytest.approx(hidden_error(painted, x, hidden).item())
    assert found["skill"] == pytest.approx(1 - found["mse"] / harmonic)
    assert hidden.float().mean() == 0.75


def test_inside_a_sparse_network_hidden_cells_stay_empty_until_the_decoder():
    torch.manual_seed(0)
    found = look_inside(Filler("sparse", 8), photos(12))
    assert found["empty"][:5] == [1.0] * 5, "after the stem and four sparse blocks"
    assert found["empty"][-1] < 0.1, "the dense decoder fills them"
    plain = look_inside(Filler("zeros", 8), photos(12))["empty"]
    assert plain[0] == 1
    assert plain[2] < 0.1, "two plain blocks reach over a whole patch: the pattern has vanished"


def test_a_mask_channel_can_be_read_out_and_zeros_less_so():
    torch.manual_seed(0)
    told = look_inside(Filler("mask channel", 16), photos(12))["mask_readout"]
    assert told[0] > 0.99
    assert len(told) == 7
    position = look_inside(Filler("position channels", 16), photos(12))["position_readout"]
    wrapped = look_inside(Filler("no padding", 16), photos(12))["position_readout"]
    assert position[0] > 0.99
    assert max(wrapped) < 0.2, "without padding or channels nothing tells the place"


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.setattr(indicators, "PLAN", replace(PLAN, epochs=1, batch_size=4, precision="fp32"))
    for split, count in (("train", 8), ("test", 6)):
        (tmp_path / split).mkdir()
        for i, img in enumerate(photos(count, 96)):
            Image.fromarray(img.permute(1, 2, 0).numpy()).save(tmp_path / split / f"{i}.png")
    options = ["--data", str(tmp_path / "train"), "--test", str(tmp_path / "test"), "--device", "cpu"]
    return [*options, "--records", str(tmp_path / "records.jsonl"), "--runs", str(tmp_path / "runs")]


def test_the_race_is_recorded_and_reruns_to_the_same_numbers(command, tmp_path, capsys):
    for _ in range(2):
        main([*command, "--kinds", "zeros", "vit", "--seeds", "3"])
    zeros, vit = load_records(tmp_path / "records.jsonl")
    assert (zeros["kind"], zeros["seed"], zeros["steps"], zeros["images_seen"]) == ("zeros", 3, 2, 8)
    assert len(zeros["empty"]) == len(zeros["mask_readout"]) == 7
    assert vit["empty"] is None, "tokens that were dropped are nowhere"
    test, _, _ = load_images(ImageSource([str(tmp_path / "test")]), (64, 64))
    kept = load_filler(tmp_path / "runs" / "zeros-3.safetensors")
    assert score(kept, test, 1.0)["mse"] == pytest.approx(zeros["mse"], rel=0.01), "the weights that were kept"
    main([*command, "--kinds", "zeros", "--seeds", "3", "--again"])
    assert "zeros, seed 3: the same numbers again, bit for bit" in capsys.readouterr().out
    main(["--list", "--records", str(tmp_path / "records.jsonl")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(KINDS) * len(SEEDS)
    assert all(line.endswith("not run") for line in lines[1:]), "seed 3 is not one of the race's"
