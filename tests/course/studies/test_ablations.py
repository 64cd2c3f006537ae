import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mae_course.studies import ablations, arms
from mae_course.studies.ablations import RECORDS, main, pixel_error
from mae_course.studies.arms import ARMS, CONTROLS, plan_of
from mae_lite.cli.records import load_records
from mae_lite.config import MAEConfig
from mae_lite.images import normalize
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.patches import patchify
from mae_lite.train.recipe import FinetuneConfig

SMALL = MAEConfig(
    img_size=(32, 32), patch_size=8, embed_dim=16, depth=1, num_heads=2,
    decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """The study at a size that takes a second an arm."""
    plan = replace(arms.PLANS["cpu"], epochs=4, batch_size=8, precision="fp32")
    monkeypatch.setitem(arms.PLANS, "cpu", plan)
    for module in (arms, ablations):
        monkeypatch.setattr(module, "MODEL", SMALL)
    monkeypatch.setattr(ablations, "STORE_SIZE", 40)
    tune = FinetuneConfig(epochs=1, batch_size=4)
    monkeypatch.setattr(ablations.finetuned, "__defaults__", (tune,))
    monkeypatch.setattr(ablations, "FINETUNE", tune)


@pytest.fixture
def command(tmp_path, small):
    """Two classes, red and blue noise, and the options that name them."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("test", 6)):
        for name, channel in (("red", 0), ("blue", 2)):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 128, (40, 40, 3), dtype=np.uint8)
                pixels[:, :, channel] += 127
                Image.fromarray(pixels).save(folder / f"{i}.png")
    options = ["--data", str(tmp_path / "train"), "--test", str(tmp_path / "test"), "--device", "cpu"]
    return [*options, "--records", str(tmp_path / "r" / "records.jsonl"), "--runs", str(tmp_path / "runs")]


def record_file(command):
    return Path(command[command.index("--records") + 1])


def records(command):
    return load_records(record_file(command))


def test_an_arm_is_trained_measured_and_recorded(command):
    main([*command, "--arms", "default", "control-pixels"])
    *three, control = records(command)
    assert [r["seed"] for r in three] == [0, 1, 2]
    assert all(r["arm"] == "default" and r["steps"] == 4 * (32 // 8) and r["images_seen"] == 128 for r in three)
    assert all(0 <= r[key] <= 1 for r in three for key in ("knn", "linear", "finetune"))
    assert len({r["mse"] for r in three}) == 3, "the seeds differ"
    assert control["knn"] == 1, "red and blue are told apart by their pixels"
    assert control["mse"] is None
    for key in ("device", "threads", "versions", "date", "commit", "preset", "train_images", "test_images"):
        assert three[0][key] is not None


def test_another_study_can_measure_more(command):
    def more(model, imgs):
        return {"images": len(imgs), "arm_width": model.cfg.embed_dim}

    main([*command, "--arms", "ratio-50"], ablations.Study("more", "", ARMS, (), RECORDS, more))
    (record,) = records(command)
    assert (record["images"], record["arm_width"]) == (12, 16)


def test_what_has_a_record_is_not_run_again(command):
    main([*command, "--arms", "control-pixels"])
    main([*command, "--arms", "control-pixels"])
    assert len(records(command)) == 1


def test_an_arm_reruns_to_the_same_numbers(command, capsys):
    main([*command, "--arms", "mask-block-75"])
    main([*command, "--arms", "mask-block-75", "--again"])
    assert "mask-block-75, seed 0: the same numbers again, bit for bit" in capsys.readouterr().out
    assert len(records(command)) == 1


def test_a_run_that_differs_says_so(command, capsys):
    main([*command, "--arms", "control-pixels"])
    changed = records(command)[0] | {"knn": 0.25}
    record_file(command).write_text(json.dumps(changed) + "\n")
    main([*command, "--arms", "control-pixels", "--again"])
    assert "knn was 0.25, now 1.0" in capsys.readouterr().out


def test_an_interrupted_run_goes_on(command, monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    main([*command, "--arms", "ratio-50"])
    whole = records(command)[0]
    record_file(command).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(ablations, "pixel_error", stopped)  # after training, before the record
        assert main([*command, "--arms", "ratio-50"]) == 130
    assert not records(command)
    main([*command, "--arms", "ratio-50"])
    again = records(command)[0]
    assert again["seconds"] > 0
    assert {k: again[k] for k in ("loss", "mse", "knn", "linear")} == {
        k: whole[k] for k in ("loss", "mse", "knn", "linear")
    }


@pytest.mark.parametrize(
    "name", ["encoder-mask-tokens", "target-norm-pix", "target-pca", "augment-fixed", "schedule-25"]
)
def test_every_kind_of_arm_runs(command, name):
    main([*command, "--arms", name])
    record = records(command)[0]
    assert record["arm"] == name
    assert (record["mse"] is None) == (name == "target-norm-pix"), "normalised patches have no pixels to compare"
    assert record["epochs"] == (1 if name == "schedule-25" else 4)


def test_every_table_of_the_paper_has_its_arms():
    papers = {arm.paper for arm in ARMS.values()}
    assert papers == {"Table 1", *(f"Table 1{x}" for x in "abcdef"), "Figure 5", "Figure 7", "footnote 1"}
    for arm in ARMS.values():  # each is a model and a plan that can be built
        replace(arms.MODEL, **arm.model)
        plan_of(arm, "cpu", 0), plan_of(arm, "gpu", 0)
        changes = [arm.model, arm.train, arm.variant is not MAE]
        assert sum(map(bool, changes)) == (arm.name != "default") or arm.name == "mask-block-50", "one change an arm"


def test_the_list_shows_every_arm_with_its_state(command, capsys):
    main([*command, "--arms", "control-pixels"])
    capsys.readouterr()
    main(["--list", "--records", str(record_file(command))])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(CONTROLS) + sum(len(arm.seeds) for arm in ARMS.values())
    assert [line.split()[0] for line in lines if not line.endswith("not run")] == ["arm", "control-pixels"]


def test_pixel_error_is_the_masked_loss_at_75_percent():
    """Whatever the arm's own loss asks for."""
    torch.manual_seed(0)
    model = ARMS["loss-all-patches"].variant(replace(SMALL, mask_ratio=0.25)).eval()
    imgs = torch.randint(256, (70, 3, 32, 32), dtype=torch.uint8)
    x, mask = normalize(imgs, SMALL), random_mask(16, 0.75, batch_size=70)
    with torch.inference_mode():
        expected = mae_loss(model(x, mask).pred, patchify(x, 8), mask).item()
    assert pixel_error(model, imgs) == pytest.approx(expected, rel=1e-5)


def test_pictures_without_classes_are_refused(tmp_path, small, capsys):
    for i in range(2):
        Image.new("RGB", (40, 40)).save(tmp_path / f"{i}.png")
    assert main(["--data", str(tmp_path), "--test", str(tmp_path), "--arms", "control-pixels"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mae_course.studies.ablations: 2 of 2 pictures have no class")


def test_data_must_be_named(capsys):
    assert main([]) == 2
    assert "give --data and --test, or --list" in capsys.readouterr().err


def test_the_bundled_records_cover_every_arm():
    found = {(r["arm"], r["seed"]) for r in load_records(RECORDS) if r["preset"] in arms.PLANS}
    wanted = {(name, 0) for name in CONTROLS} | {(arm.name, seed) for arm in ARMS.values() for seed in arm.seeds}
    assert wanted <= found, f"not run: {sorted(wanted - found)}"
