"""Every bundled model is whole, is the one its card speaks of, and is worth showing."""

import csv
import json

import pytest
import torch

from mae_lite.images import load_image
from mae_lite.measure.evaluate import masked_errors, summarise
from mae_lite.weights.assets import asset_path, list_photos
from mae_lite.weights.catalogue import bundled_models
from mae_lite.weights.checkpoints import DEFAULT_MODEL, golden_value, load_model

MODELS = sorted(bundled_models())


def test_the_default_model_is_bundled():
    assert DEFAULT_MODEL in MODELS


@pytest.mark.parametrize("name", MODELS)
def test_golden_value(name):
    config = json.loads(asset_path("weights", name, "config.json").read_text())
    assert golden_value(load_model(name, device="cpu")) == pytest.approx(config["golden"], rel=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_card_and_history_tell_where_it_comes_from(name):
    config = json.loads(asset_path("weights", name, "config.json").read_text())
    assert config["licence"]
    assert config["data"]
    card = asset_path("weights", name, "README.md").read_text()
    for word in ("## Data", "## Training", "python -m mae_lite pretrain", "## Limits"):
        assert word in card, f"the card of {name} has no {word}"
    assert f"{config['params']:,}" in card
    with asset_path("weights", name, "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["val_loss"]) for row in rows if row["val_loss"]]
    if config["norm_pix_loss"]:
        assert f"{losses[-1]:.3f}" in card, "the card has another error than history.csv"
        assert "not directly viewable" in card
        return
    assert losses[-1] < 0.7 * losses[0]
    assert "python -m mae_lite evaluate" in card
    record = json.loads(asset_path("results", f"evaluate-{name}.json").read_text())
    assert losses[-1] == pytest.approx(record["table"]["model"]["mse"], rel=0.05), "the record is of another model"


def test_the_record_shows_the_skill_that_is_claimed():
    record = json.loads(asset_path("results", f"evaluate-{DEFAULT_MODEL}.json").read_text())
    assert record["mask_ratio"] == 0.75
    assert record["images"] > 4000
    assert record["table"]["harmonic"]["skill_low"] > 0.2


def test_the_default_model_beats_every_fill_on_the_bundled_photos():
    """Photos it never saw, three masks each."""
    model = load_model(device="cpu")
    imgs = torch.cat([load_image(photo, model) for photo in list_photos()])
    found = [masked_errors(model, imgs, seed=seed) for seed in range(3)]
    table = summarise({name: torch.cat([f[name] for f in found]) for name in found[0]})
    assert table["harmonic"]["skill"] > 0.1
    assert table["nearest"]["skill"] > table["harmonic"]["skill"]
    assert table["visible mean"]["skill"] > table["nearest"]["skill"]
