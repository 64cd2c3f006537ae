"""The benchmarks measure what they say, and the README's tables of speed are those of their records."""

import importlib
import sys
import time
from argparse import Namespace
from dataclasses import replace

import pytest
import torch

from helpers.project import ROOT
from mae_lite.config import PRESETS
from mae_lite.mae import MAE
from mae_lite.train.recipe import PretrainConfig

README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "notebooks/guides/scale.md").read_text()
CPU = torch.device("cpu")
SMALL = replace(PRESETS["nano"], img_size=(32, 32), embed_dim=24, depth=2, decoder_embed_dim=16, decoder_depth=1)


def benchmark(name):
    """A module of benchmarks/, whose files import each other by their bare names."""
    if str(ROOT / "benchmarks") not in sys.path:
        sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module(name)


def test_turns_keep_who_is_faster():
    calls = {"slow": lambda: time.sleep(0.02), "fast": lambda: time.sleep(0.002)}
    found = benchmark("timing").take_turns(calls, CPU, turns=2, seconds=0.05)
    assert 15 < found["slow"]["median_ms"] < 200
    assert 1 < found["fast"]["median_ms"] < found["slow"]["median_ms"]
    for row in found.values():
        assert row["low_ms"] <= row["median_ms"] <= row["high_ms"]


@pytest.fixture
def peers(monkeypatch):
    """The benchmark, with a small model, and a single run of what it times."""
    module = benchmark("peers")
    monkeypatch.setitem(module.PRESETS, "nano", SMALL)
    monkeypatch.setattr(
        module, "take_turns", lambda calls, *_, **__: {name: once(call) for name, call in calls.items()}
    )
    monkeypatch.setattr(module, "compiled", lambda model: model)  # minutes of a compiler
    monkeypatch.setattr(module, "peak_mb", lambda *args: 1.0)
    return module


def once(work):
    work()
    return dict.fromkeys(("median_ms", "low_ms", "high_ms"), 1.0)


def test_peers_with_the_same_weights_predict_the_same_and_all_can_step(peers):
    """`contestants` compares predictions, and raises where they differ."""
    table = peers.rows(Namespace(sizes=["nano"], train=["nano"], batch_sizes=[1, 2]))
    names = {name.split(", fp32, ")[-1] for name in table if "batch 2, training step, fp32" in name}
    assert names == {*peers.BUILD, "mae-lite, compiled"}
    assert {name for name in table if "batch 1, forward, fp32, mae-lite" in name}
    floors = {name: row["floor_ms"] for name, row in table.items() if "floor_ms" in row}
    one, step = floors["nano, batch 1, forward, fp32, mae-lite"], floors["nano, batch 2, training step, fp32, mae-lite"]
    assert step == pytest.approx(6 * one), "two images, and a step is three forward passes"


def test_peers_that_differ_are_noticed(peers, monkeypatch):
    same_weights = peers.Restated
    monkeypatch.setattr(peers, "Restated", lambda model: same_weights(MAE(model.cfg)))
    with pytest.raises(AssertionError, match="close"):
        peers.contestants(SMALL, CPU)


def test_shares_count_an_operation_once_and_under_its_kind():
    shares = benchmark("shares").shares
    a, x = torch.randn(600, 600), torch.randn(600, 6000)
    for kind, work in (("products", lambda: a @ a), ("softmax", lambda: x.softmax(-1)), ("copies", lambda: x.clone())):
        found = shares(work)
        assert found[f"{kind}_ms"] > 0.7 * sum(found.values()), kind


def test_a_step_has_shares_in_every_model(peers, monkeypatch):
    module = benchmark("shares")
    monkeypatch.setattr(module, "compiled", peers.compiled)
    monkeypatch.setattr(module, "has_bf16", lambda device: True)
    monkeypatch.setitem(module.BATCH_SIZES, "nano", 2)
    table = module.rows(Namespace(sizes=["nano"]))
    assert len(table) == 6, "three models in two precisions"
    for name, row in table.items():
        assert min(row[f"{kind}_ms"] for kind in ("products", "GELU", "norms and sums", "optimiser")) > 0, name
        assert row["compiled code_ms"] == 0, "nothing is compiled here"
        fused = "Hugging Face" in name or "fp32" in name
        assert [row[f"{kind}_ms"] > 0 for kind in ("fused attention", "softmax")] == [fused, not fused], name


@pytest.mark.slow
def test_memory_is_that_of_the_step():
    """At least the weights, their gradients and two moments; and more for more images."""
    module = benchmark("peers")
    weights = 4 * sum(p.numel() for p in module.BUILD["mae-lite"](PRESETS["mini"]).parameters()) / 1e6
    one, many = (module.peak_mb("mae-lite", "mini", b, "fp32", CPU, None) for b in (1, 32))
    assert 4 * weights < one < many < 5000


def test_both_loops_of_pretraining_take_steps(tmp_path, monkeypatch):
    module = benchmark("pretraining")
    monkeypatch.setattr(module, "PICTURES", 24)
    monkeypatch.setattr(module, "STEPS", 3)
    module.write_shard(tmp_path / "0.tar")
    source = module.ImageSource(tmp_path / "0.tar")
    assert len(source) == 24
    assert source.open(3).size == (module.SIDE, module.SIDE)
    plan = PretrainConfig(epochs=100, batch_size=8, warmup_epochs=0.0, blr=1e-5, precision="fp32")
    stored = module.load_images(source, (45, 45))[0]
    for steps in (
        module.plain_loop(MAE(SMALL), module.loader(source, SMALL, plan), plan),
        module.ours(SMALL, stored, plan, tmp_path),
        module.ours(SMALL, module.LazyImages(source, 45), plan, tmp_path),
    ):
        assert module.rate(steps, plan.batch_size, warm_up=1) > 1


def test_a_rate_counts_what_waits_even_if_most_steps_do_not(monkeypatch):
    """A loader hands out what it has at hand, then one waits: 4 steps of 8 images, 0.1 seconds in all."""
    module = benchmark("pretraining")
    monkeypatch.setattr(module, "STEPS", 4)
    waits = iter([0.0, 0.0, 0.0, 0.0, 0.1])
    found = module.rate((time.sleep(wait) for wait in waits), 8, warm_up=1)
    assert 32 / 0.2 < found <= 32 / 0.1


@pytest.mark.parametrize("part", ["peers", "pretraining", "bundled", "shares"])
def test_tables_are_those_of_the_records(part):
    table, page = benchmark("table"), README if part == "peers" else GUIDE
    record = table.load(part)
    assert table.TABLES[part](record) in page, f"run python benchmarks/table.py: the table of {part} is another"
    assert table.machine(record) in page


def medians(part):
    return {name: row["median_ms"] for name, row in benchmark("table").load(part)["rows"].items() if "median_ms" in row}


def test_what_the_readme_says_of_speed():
    ms, text = medians("peers"), " ".join(README.split())

    def times(size, batch_size, what, ours, precision="fp32", other="Hugging Face ViTMAE", theirs=None):
        row = f"{size}, batch {batch_size}, {what}, {{}}, {{}}"
        return ms[row.format(precision, ours)] / ms[row.format(theirs or precision, other)]

    base, large = (times(size, 1, "forward", "mae-lite, prepacked") for size in ("base", "large"))
    assert f"takes {base:.2f} of Hugging Face's time for ViT-B and {large:.2f} for ViT-L" in text
    for size in ("base", "large"):
        assert times(size, 1, "forward", "mae-lite, prepacked", other="official forward, timm blocks") < 0.755
    step = "training step", "mae-lite, compiled"
    full, half = (times("base", 8, *step, precision) for precision in ("fp32", "bf16"))
    assert half < 0.85
    mixed = times("base", 8, *step, "bf16", theirs="fp32")
    assert mixed < 0.85
    assert f"compiled, takes {full:.2f} of it in float32 and {half:.2f} in bfloat16" in text
    assert f"then takes {mixed:.2f} of what Hugging Face's model takes in float32" in text
    row = benchmark("table").load("peers")["rows"]["base, batch 8, training step, fp32, Hugging Face ViTMAE"]
    assert f"products alone would take {row['floor_ms'] / row['median_ms']:.2f} of its float32 step" in text


def test_what_the_guide_says_of_a_step():
    rows, text = benchmark("table").load("shares")["rows"], " ".join(GUIDE.split()).replace(" %", "%")
    whole = {name: sum(row.values()) for name, row in rows.items()}
    theirs, ours = "Hugging Face ViTMAE", "mae-lite, compiled"
    full, half, small = "base, batch 8, fp32, ", "base, batch 8, bf16, ", "mini, batch 64, bf16, "
    share = rows[full + theirs]["products_ms"] / whole[full + theirs]
    assert f"they are {share:.0%} of Hugging Face's step for ViT-B" in text
    assert f"some of the other {1 - share:.0%}." in text
    products = [rows[kind + theirs]["products_ms"] for kind in (full, half)]
    assert products[1] < products[0] / 2
    others = [whole[kind + theirs] - time for kind, time in zip((full, half), products, strict=True)]
    assert others[1] > others[0] / 2
    attention = rows[small + theirs]["fused attention_ms"]
    assert f"takes {attention:,.0f} of the {whole[small + theirs]:,.0f} ms for `mini`" in text
    eager, compiled = (whole[small + name] / whole[small + theirs] for name in ("mae-lite", ours))
    assert f"takes {eager:.2f} of Hugging Face's, {compiled:.2f} compiled" in text
    took = rows[small + ours]["products_ms"]
    loop = benchmark("table").load("pretraining")["rows"]["bf16, DataLoader loop"]["images_s"]
    assert f"{took:,.0f} ms for 64 images, allow {64000 / took:.0f} images a second" in text
    assert f"{64000 / took / loop:.1f} times what the usual loop trains in bfloat16" in text


def test_what_the_guide_says_of_waiting_and_of_data():
    ms, rows, text = medians("bundled"), benchmark("table").load("pretraining")["rows"], " ".join(GUIDE.split())
    rate = {name: row["images_s"] for name, row in rows.items()}
    assert f"`import mae_lite` takes {ms['import mae_lite'] / ms['import torch']:.2f} times as long as torch" in text
    assert ms["import mae_lite"] < 1.15 * ms["import torch"]
    assert ms["first picture after import torch"] < 3000
    assert ms["playground: a move, in the kernel"] < 40
    loops = "DataLoader loop", "pretrain, in memory"
    loader, ours = (1 - rate[f"bf16, {name}"] / rate["bf16, model alone"] for name in loops)
    assert f"costs {loader:.0%} of the model's rate and cropping by matrix products {ours:.0%}." in text.replace(
        " %", "%"
    )
    full = [row for name, row in rows.items() if name.startswith("fp32, ")]
    turns = max(row["high_images_s"] - row["low_images_s"] for row in full)
    assert max(row["images_s"] for row in full) - min(row["images_s"] for row in full) <= turns, "no more than turns"
    best = rate["bf16, pretrain, in memory, compiled"]
    assert f"{best / rate['bf16, DataLoader loop']:.2f} times as many images as the usual loop in bfloat16" in text
    assert f"{best / rate['fp32, DataLoader loop']:.2f} times as many as it has in float32" in text
    alone = [rate[f"data alone, {name}"] for name in ("DataLoader", "in memory", "decoded when needed")]
    assert "gives {:,.0f} images a second, `pretrain` {:,.0f} from memory and {:,.0f} decoded".format(*alone) in text
