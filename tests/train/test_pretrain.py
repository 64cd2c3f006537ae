import csv
import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mae_lite.cli import pretrain as cli_pretrain
from mae_lite.cli.main import main
from mae_lite.images import normalize
from mae_lite.mae import MAE
from mae_lite.masking import grid_mask, random_mask
from mae_lite.measure.film import load_film
from mae_lite.train import pretrain as module
from mae_lite.train.augment import augment, random_resized_crop_flip
from mae_lite.train.data import ImageSource, LazyImages, load_images
from mae_lite.train.pretrain import (
    PretrainConfig,
    TrainingError,
    batch_indices,
    learning_rate,
    make_optimizers,
    masked_error,
    pretrain,
)
from mae_lite.weights.checkpoints import load_model

CFG = PretrainConfig(epochs=3, batch_size=4, blr=0.1, warmup_epochs=1.0, log_every=4, precision="fp32")


@pytest.fixture
def imgs():
    """Nine pictures of noise, so that two steps of four make an epoch and one picture is left over."""
    return torch.randint(0, 256, (9, 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def tiny(small_config):
    """A function: a model of fixed weights that trains in milliseconds; norm-pix, so without a film to make."""

    def build(**changes):
        torch.manual_seed(0)
        return MAE(small_config(**({"depth": 1, "norm_pix_loss": True} | changes)))

    return build


def rows(out):
    with (out / "history.csv").open() as file:
        return list(csv.DictReader(file))


def interrupted(model, imgs, cfg, out, steps, **options):
    """Train some steps, saving after each, and break off as a kill would: nothing runs after the last save."""
    records = pretrain(model, imgs, replace(cfg, save_minutes=0.0), out, **options)
    done = [next(records) for _ in range(steps)]
    records.close()
    return done


# The order


@pytest.mark.parametrize(("images", "batch"), [(9, 4), (8, 4), (5, 5), (100, 7)])
def test_every_epoch_is_a_fresh_permutation(images, batch):
    cfg, per_epoch = replace(CFG, batch_size=batch), images // batch
    epochs = [
        torch.cat([batch_indices(e * per_epoch + i, images, cfg) for i in range(per_epoch)]).tolist() for e in range(3)
    ]
    for seen in epochs:
        assert len(seen) == len(set(seen)) == per_epoch * batch, "no image twice in an epoch"
        assert set(seen) <= set(range(images))
    assert epochs[0] != epochs[1]
    backwards = [batch_indices(s, images, cfg).tolist() for s in reversed(range(3 * per_epoch))]
    forwards = [batch_indices(s, images, cfg).tolist() for s in range(3 * per_epoch)]
    assert backwards[::-1] == forwards, "a function of the step alone"
    assert batch_indices(0, images, replace(cfg, seed=1)).tolist() != forwards[0] or images == batch == 1


# The optimiser


def settled(state):
    """All weights but the biases of keys: softmax ignores those, and Adam makes steps of their rounding errors."""
    parts = [w.chunk(3)[::2] if name.endswith("qkv.bias") else [w.flatten()] for name, w in state.items()]
    return torch.cat([w for part in parts for w in part])


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_accumulation_equals_the_full_batch(tiny, imgs, tmp_path, monkeypatch, optimizer):
    """The draw of crops and masks differs between parts and a whole, so here neither can tell them apart."""
    flat = imgs.flatten()[:45].view(9, 5, 1, 1).expand(-1, -1, 24, 24)

    def same_mask(n, ratio, batch_size, generator):
        return grid_mask((4, 6), ratio, batch_size=batch_size)

    monkeypatch.setattr(module, "random_mask", same_mask)
    results = []
    for accum in (1, 2, 4):
        model = tiny(in_chans=5, norm_pix_loss=False)
        cfg = replace(CFG, accum=accum, optimizer=optimizer)
        losses = [r["loss"] for r in pretrain(model, flat, cfg, tmp_path / str(accum))]
        results.append((losses, settled(model.state_dict())))
    for losses, weights in results[1:]:
        assert losses == pytest.approx(results[0][0], rel=1e-4)
        moved = (results[0][1] - settled(tiny(in_chans=5, norm_pix_loss=False).state_dict())).norm()
        assert (weights - results[0][1]).norm() < 0.01 * moved, "rounding apart, the same weights"
    assert len(set(results[0][0])) == 6, "and something was learned"


# Resuming


@pytest.mark.parametrize("changes", [{}, {"optimizer": "muon"}, {"ema_decay": 0.9}, {"accum": 2}])
def test_resuming_is_bit_equal(tiny, imgs, tmp_path, changes):
    cfg = replace(CFG, **changes)
    whole = list(pretrain(tiny(), imgs, cfg, tmp_path / "whole"))
    first = interrupted(tiny(), imgs, cfg, tmp_path / "parts", 3)
    torch.manual_seed(99)
    other = MAE(tiny().cfg)  # other weights: all must come from the file
    rest = list(pretrain(other, imgs, cfg, tmp_path / "parts", resume=True))
    assert [r["loss"] for r in first + rest] == [r["loss"] for r in whole]
    states = [torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "parts")]
    assert states[0]["step"] == states[1]["step"] == 6
    same(states[0]["model"], states[1]["model"])
    same(states[0]["optimizers"], states[1]["optimizers"])
    same(states[0]["ema"], states[1]["ema"])
    same(other.state_dict(), states[0]["model"])
    assert (states[0]["ema"] is not None) == ("ema_decay" in changes)


def same(one, other):
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        assert one == other


def test_history_goes_on_as_if_nothing_had_happened(tiny, imgs, tmp_path):
    cfg, val = replace(CFG, epochs=5, log_every=4), torch.zeros(2, 3, 16, 24)
    whole = list(pretrain(tiny(), imgs, cfg, tmp_path / "whole", val=val))
    first = interrupted(tiny(), imgs, cfg, tmp_path / "parts", 3, val=val)
    with (tmp_path / "parts" / "history.csv").open("a") as file:
        file.write("4,2,0.001,1.0,,1\n4")  # a later step that was not saved, and a row cut off by the kill
    rest = list(pretrain(tiny(), imgs, cfg, tmp_path / "parts", val=val, resume=True))
    one, parts = rows(tmp_path / "whole"), rows(tmp_path / "parts")
    assert [row["step"] for row in one] == ["2", "4", "6", "8", "10"], "an epoch's end and every fourth step"
    for key in ("step", "epoch", "lr", "loss", "val_loss"):
        assert [row[key] for row in one] == [row[key] for row in parts], key
    seconds = [float(row["seconds"]) for row in parts]
    assert seconds == sorted(seconds), "the clock goes on"
    assert rest[0]["seconds"] > first[-1]["seconds"]
    losses = [r["loss"] for r in whole]
    assert float(one[1]["loss"]) == pytest.approx((losses[2] + losses[3]) / 2, rel=1e-5), "step 3 was before the break"


def test_a_state_without_the_losses_since_the_last_row_is_resumed(tiny, imgs, tmp_path):
    interrupted(tiny(), imgs, CFG, tmp_path, 3)
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    del state["losses"]  # as earlier versions saved it
    torch.save(state, tmp_path / "last.pt")
    assert [r["step"] for r in pretrain(tiny(), imgs, CFG, tmp_path, resume=True)] == [4, 5, 6]


def test_a_finished_training_resumes_to_nothing(tiny, imgs, tmp_path):
    list(pretrain(tiny(), imgs, CFG, tmp_path))
    before = (tmp_path / "history.csv").read_text()
    assert list(pretrain(tiny(), imgs, CFG, tmp_path, resume=True)) == []
    assert (tmp_path / "history.csv").read_text() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_save_that_fails_keeps_the_old_state(tiny, imgs, tmp_path):
    interrupted(tiny(), imgs, CFG, tmp_path, 2)
    before = (tmp_path / "last.pt").read_bytes()
    (tmp_path / "last.part").symlink_to("/dev/full")
    with pytest.raises(
        TrainingError, match=r"could not be written \(is the disk full\?.*last.pt still holds the state"
    ):
        interrupted(tiny(), imgs, CFG, tmp_path, 1, resume=True)
    assert (tmp_path / "last.pt").read_bytes() == before
    (tmp_path / "last.part").unlink()
    assert [r["step"] for r in pretrain(tiny(), imgs, CFG, tmp_path, resume=True)] == [3, 4, 5, 6]


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_state(tiny, imgs, tmp_path, where):
    interrupted(tiny(), imgs, CFG, tmp_path, 2)
    before, model = (tmp_path / "last.pt").read_bytes(), tiny()
    if where == "gradient":  # a finite loss, and yet weights that would be lost
        model.encoder.cls_token.register_hook(lambda grad: grad * math.nan)
    else:
        model.decoder.pred.register_forward_hook(lambda m, args, out: out * math.inf)
    with pytest.raises(TrainingError, match=r"at step 2, so training stopped; .*last\.pt holds the last good weights"):
        list(pretrain(model, imgs, replace(CFG, save_minutes=0.0), tmp_path, resume=True))
    assert (tmp_path / "last.pt").read_bytes() == before
    assert all(p.isfinite().all() for p in model.parameters()), "not even the model in memory was spoiled"


def test_what_cannot_be_resumed_is_told(tiny, imgs, tmp_path):
    def told(words, model=None, resume=True, out=tmp_path, **changes):
        with pytest.raises(TrainingError, match=words):
            list(pretrain(model or tiny(), imgs, replace(CFG, **changes), out, resume=resume))

    told("nothing to resume; leave --resume out", out=tmp_path / "nowhere")
    interrupted(tiny(), imgs, CFG, tmp_path, 1)
    told("holds a training already; add --resume to go on, or choose another --out", resume=False)
    told("another model than the one asked for", model=tiny(depth=2))
    told("give the same --optimizer and --ema-decay", optimizer="muon")
    told("give the same --optimizer and --ema-decay", ema_decay=0.9)
    told(r"was trained with blr 0.1 \(now 0.2\), seed 0 \(now 7\); give the same again", blr=0.2, seed=7)
    told(r"was trained with batch_size 4 \(now 2\); give the same again", batch_size=2)
    told("batch_size 16 must be at most the 9 images there are", batch_size=16)
    for damage in (b"", b"no torch file", (tmp_path / "last.pt").read_bytes()[:1000]):
        (tmp_path / "last.pt").write_bytes(damage)
        told("damaged or not a training's state")
    torch.save({"step": 1}, tmp_path / "last.pt")
    told("damaged or not a training's state")


# What a run does


def test_a_step_equals_one_written_out(tiny, imgs, tmp_path):
    """One step by hand: order, crops, masks, clipping, AdamW."""
    model, other = tiny(), tiny()
    record = next(pretrain(model, imgs, CFG, tmp_path))
    generator = torch.Generator().manual_seed(0)
    batch = imgs[torch.randperm(9, generator=torch.Generator().manual_seed(0))[:4]]
    pixels = random_resized_crop_flip(batch, (16, 24), generator, (0.2, 1.0))
    loss = other(normalize(pixels, other.cfg), random_mask(24, 0.75, batch_size=4, generator=generator)).loss
    loss.backward()
    norm = math.sqrt(sum(p.grad.square().sum().item() for p in other.parameters()))
    lr = 0.1 * 4 / 256 * 1 / 2  # the first of two warm-up steps
    assert record["lr"] == pytest.approx(lr)
    assert record["loss"] == pytest.approx(loss.item(), rel=1e-6)
    for (name, p), trained in zip(other.named_parameters(), model.parameters(), strict=True):
        grad = p.grad / max(1, norm)
        decay = 0 if p.ndim == 1 or "token" in name else 0.05
        expected = p * (1 - lr * decay) - lr * grad / (grad.abs() + 1e-8)  # Adam's first step is the gradient's sign
        torch.testing.assert_close(trained, expected, rtol=1e-4, atol=2e-6, msg=lambda m, name=name: f"{name}: {m}")


def test_the_film_has_its_frames(tiny, imgs, tmp_path):
    list(pretrain(tiny(norm_pix_loss=False), imgs, CFG, tmp_path))
    film = load_film(tmp_path)  # from last.pt, as while a training runs
    assert film.steps == (0, 1, 2, 3, 4, 5, 6)
    assert film.outputs.shape == (7, 8, 16, 24, 3), "eight photos"
    assert not np.array_equal(film.outputs[0], film.outputs[-1]), "the outputs change with training"
    assert film.label(6).startswith("step 6 of 6, training loss")


@pytest.mark.parametrize(("in_chans", "film"), [(1, True), (5, False)])
def test_other_channels_can_be_trained(tiny, tmp_path, in_chans, film):
    imgs = torch.randint(0, 256, (4, in_chans, 24, 24), dtype=torch.uint8)
    records = list(pretrain(tiny(in_chans=in_chans, norm_pix_loss=False), imgs, replace(CFG, epochs=1), tmp_path))
    assert math.isfinite(records[-1]["loss"])
    assert (tmp_path / "film").exists() == film


def test_bf16_and_ema(tiny, imgs, tmp_path):
    model, before = tiny(), tiny()
    records = list(pretrain(model, imgs, replace(CFG, precision="bf16", ema_decay=0.5), tmp_path))
    assert all(math.isfinite(r["loss"]) for r in records)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    ema = torch.load(tmp_path / "last.pt", weights_only=True)["ema"]
    name = "encoder.patch_embed.weight"
    start, end, mean = before.state_dict()[name], model.state_dict()[name], ema[f"module.{name}"]
    assert not torch.equal(mean, end), "the average lags behind"
    assert (mean - end).norm() < (start - end).norm()


def test_what_is_kept_is_what_is_validated(tiny, imgs, tmp_path):
    model, val = tiny(), torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    found = list(pretrain(model, imgs, replace(CFG, ema_decay=0.5), tmp_path, val=val))[-1]["val_loss"]
    assert found == pytest.approx(masked_error(load_model(tmp_path / "last.pt"), val), rel=1e-4)
    assert found != pytest.approx(masked_error(model, val), rel=1e-4), "the weights behind the average are others"


def test_lazy_images_train_the_same(tiny, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(9):
        Image.fromarray(rng.integers(0, 256, (30, 26, 3), dtype=np.uint8)).save(tmp_path / "pictures" / f"{i}.png")
    source = ImageSource(tmp_path / "pictures")
    eager, _, _ = load_images(source, (24, 24))
    one = [r["loss"] for r in pretrain(tiny(), eager, CFG, tmp_path / "eager")]
    lazy = LazyImages(source, 24)
    assert [r["loss"] for r in pretrain(tiny(), lazy, CFG, tmp_path / "lazy")] == one
    assert not lazy.coming, "nothing is left decoded"


def test_it_learns(tiny, tmp_path):
    ramp = torch.linspace(0, 255, 24).to(torch.uint8).expand(8, 3, 24, 24)
    cfg = replace(CFG, epochs=30, batch_size=8, warmup_epochs=3.0)
    losses = [r["loss"] for r in pretrain(tiny(), ramp, cfg, tmp_path)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_masked_error(tiny):
    model, val = tiny(), torch.randn(5, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    error = masked_error(model, val)
    torch.rand(3)  # other draws in between do not matter
    assert masked_error(model, val) == error
    assert masked_error(model, val, batch_size=2) == pytest.approx(error, rel=1e-5), "parts weigh as many as they have"
    assert error == pytest.approx(model(val, random_mask(24, 0.75, batch_size=5, seed=0)).loss.item(), rel=1e-5)


# From a shell


def shell(*args, cwd, **variables):
    env = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    return subprocess.run([sys.executable, *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


OPTIONS = {
    "preset": "nano", "depth": 1, "embed-dim": 24, "decoder-depth": 1, "decoder-embed-dim": 16, "device": "cpu",
    "epochs": 2, "batch-size": 4, "warmup-epochs": 0, "blr": 0.01,
}  # fmt: skip
SMALL = [f"--{name}={value}" for name, value in OPTIONS.items()]


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(8):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(tmp_path / "pictures" / f"{i}.png")
    (tmp_path / "pictures" / "odd.png").write_text("no picture")
    return tmp_path / "pictures"


@pytest.mark.slow
def test_pretrain_from_a_shell(pictures):
    args = ["-m", "mae_lite", "pretrain", "--data", "pictures", "--val", "pictures", "--out", "run", *SMALL]
    done = shell(*args, cwd=pictures.parent)
    assert done.returncode == 0, done.stderr
    assert "odd.png: this is not a picture" in done.stdout
    assert "8 images (1 skipped)" in done.stdout
    table = rows(pictures.parent / "run")
    assert [row["step"] for row in table] == ["2", "4"]
    assert all(math.isfinite(float(row[key])) for row in table for key in ("loss", "val_loss", "lr", "seconds"))


def test_as_many_images_validate_as_are_asked_for(pictures, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    (pictures / "odd.png").unlink()
    seen, real = [], cli_pretrain.pretrain

    def noted(*args, **how):
        seen.append(how["val"])
        return real(*args, **how)

    monkeypatch.setattr(cli_pretrain, "pretrain", noted)
    args = ["--data", "pictures", "--val", "pictures", "--val-images", "2", "--out", "run"]
    assert main(["pretrain", *SMALL, *args]) == 0
    cfg = load_model("run").cfg
    imgs, _, _ = load_images(ImageSource("pictures"), cfg.img_size, [0, 4])
    assert torch.equal(seen[0], normalize(imgs, cfg)), "evenly spread"


def test_a_mistake_is_one_sentence_and_exit_code_2(pictures, monkeypatch, capsys, tiny, imgs):
    monkeypatch.chdir(pictures.parent)
    (pictures.parent / "run").mkdir()
    (pictures.parent / "run" / "last.pt").write_bytes(b"")
    for args, words in (
        (["--data", "picturse", "--out", "new"], "picturse: no pictures there"),
        (["--data", "pictures", "--out", "run"], "run holds a training already; add --resume"),
        (["--data", "pictures", "--out", "new", "--resume"], "nothing to resume"),
        (["--data", "pictures", "--out", "new", "--batch-size", "64"], "batch_size 64 must be at most the 8 images"),
        (["--data", "pictures", "--out", "new", "--embed-dim", "30"], "embed_dim 30 must be a multiple of 4"),
        (["--data", "pictures", "--out", "new", "--device", "abacus"], 'no device "abacus"'),
    ):
        assert main(["pretrain", *SMALL, *args]) == 2
        error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("mae_lite: ")]
        assert len(error) == 1
        assert words in error[0]


WORKER = """
import os, torch, torch.distributed as dist
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.train.pretrain import PretrainConfig, pretrain
dist.init_process_group("gloo")
imgs, cfg, train = torch.load("job.pt", weights_only=True)
torch.manual_seed(0)
model = MAE(MAEConfig(**cfg))
losses = [r["loss"] for r in pretrain(model, imgs, PretrainConfig(**train), "run")]
weights = torch.cat([p.detach().flatten() for p in model.parameters()])
both = [torch.empty_like(weights) for _ in range(2)]
dist.all_gather(both, weights)
assert torch.equal(*both), "the processes hold different weights"
torch.save((losses, model.state_dict()), f"result{dist.get_rank()}.pt")
dist.barrier()
os._exit(0)  # see TORCH_EXIT
"""

TORCH_EXIT = "terminate called without an active exception"
"""What gloo's threads say now and then when a process ends, whatever it ran (torch 2.15, one time in ten)."""


@pytest.mark.slow
def test_two_processes_equal_one_that_does_their_work(tiny, imgs, tmp_path):
    """Masks are drawn per process; one process that draws as they do must end with the same weights."""
    model = tiny()
    train = {"epochs": 2, "batch_size": 4, "blr": 0.1, "warmup_epochs": 1.0, "accum": 2, "precision": "fp32"}
    torch.save((imgs, vars(model.cfg), train), tmp_path / "job.pt")
    (tmp_path / "worker.py").write_text(WORKER)
    done = shell("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "worker.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (losses, weights), (other_losses, _) = (torch.load(tmp_path / f"result{r}.pt") for r in (0, 1))
    assert losses == other_losses, "both report the mean over the processes"
    cfg = PretrainConfig(**train)
    (optimizer,) = make_optimizers(model, cfg)
    for step in range(4):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, cfg, 2)
        total = 0
        for rank in range(2):
            generator = torch.Generator().manual_seed(step * 2 + rank)
            for i in batch_indices(step, 9, cfg)[rank::2]:
                pixels = random_resized_crop_flip(imgs[i][None], (16, 24), generator)
                mask = random_mask(24, 0.75, generator=generator)
                total = total + model(normalize(pixels, model.cfg), mask).loss / 4
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        assert losses[step] == pytest.approx(total.item(), rel=1e-4)
    torch.testing.assert_close(settled(weights), settled(model.state_dict()), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_torchrun_from_a_shell(pictures):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    args = ["-m", "mae_lite", "pretrain", "--data", "pictures", "--out", "run", *SMALL]
    done = shell(*torchrun, *args, cwd=pictures.parent)
    assert done.returncode == 0 or TORCH_EXIT in done.stderr, done.stderr
    assert done.stdout.count("8 images (1 skipped)") == 1, "one process speaks"
    table = rows(pictures.parent / "run")
    assert table[-1]["step"] == "4"
    assert math.isfinite(float(table[-1]["loss"]))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_training_gives_what_an_eager_one_gives(pictures):
    """With a film and a validation, which run the same modules at other batch sizes and without gradients."""
    for out, option in (("eager", "--no-compile"), ("compiled", "--compile")):
        args = ["--data", "pictures", "--val", "pictures", "--out", out, *SMALL, option]
        done = shell("-m", "mae_lite", "pretrain", *args, cwd=pictures.parent)
        assert done.returncode == 0, done.stderr
    eager, compiled = (rows(pictures.parent / out) for out in ("eager", "compiled"))
    assert [row["step"] for row in eager] == [row["step"] for row in compiled]
    for a, b in zip(eager, compiled, strict=True):
        assert float(b["loss"]) == pytest.approx(float(a["loss"]), rel=1e-3)
        assert float(b["val_loss"]) == pytest.approx(float(a["val_loss"]), rel=1e-3)


@pytest.mark.parametrize("strategy", ["random", "block", "grid"])
def test_training_masks_follow_the_strategy(tiny, strategy):
    cfg = tiny().cfg
    masks = [module.draw_training_masks(cfg, strategy, 5, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(masks[0], masks[1]), "fixed by the generator"
    assert strategy == "grid" or not torch.equal(masks[0], masks[2])
    assert (masks[0].sum(dim=1) == round(cfg.num_patches * cfg.mask_ratio)).all()
    assert (len(masks[0].unique(dim=0)) == 1) == (strategy == "grid"), "each image has its own, but on the lattice"


def test_every_step_draws_anew(tiny, imgs, tmp_path, monkeypatch):
    drawn = []

    def noting(pixels, size, generator, *how):
        drawn.append(torch.rand(4, generator=generator))
        return augment(pixels, size, generator, *how)

    monkeypatch.setattr(module, "augment", noting)
    list(pretrain(tiny(), imgs, CFG, tmp_path))
    assert len(torch.stack(drawn).unique(dim=0)) == len(drawn) == 6


def test_training_uses_the_augmentation_and_the_masks_asked_for(tiny, imgs, tmp_path):
    model, cfg = tiny(), replace(CFG, augmentation="none", mask_strategy="grid", batch_size=9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    whole = augment(imgs[order], model.cfg.img_size, torch.Generator(), "none")
    mask = module.draw_training_masks(model.cfg, "grid", 9, torch.Generator().manual_seed(0))
    expected = model(normalize(whole, model.cfg), mask).loss.item()
    assert next(pretrain(model, imgs, cfg, tmp_path))["loss"] == pytest.approx(expected, rel=1e-6)
