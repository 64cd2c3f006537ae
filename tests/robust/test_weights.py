"""Somebody's weights: whatever is wrong with a file, nothing runs, nothing loads half, and one sentence says why."""

import os
import pickle
import zipfile
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.corpus import flips, truncations
from mae_lite.cli.main import main
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.train.log import TrainingError
from mae_lite.train.pretrain import pretrain
from mae_lite.train.recipe import PretrainConfig
from mae_lite.weights.checkpoints import load_model, save_model
from mae_lite.weights.conversion import CheckpointError

TINY = MAEConfig(
    img_size=(16, 24), patch_size=8, embed_dim=12, depth=1, num_heads=3,
    decoder_embed_dim=8, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same small model in each kind of file that is loaded."""
    torch.manual_seed(0)
    model, folder = MAE(TINY), tmp_path_factory.mktemp("weights")
    save_model(model, folder)
    save_model(model, folder / "half", half=True)
    state = model.state_dict()
    torch.save(state, folder / "new.pth")
    torch.save({"model": state, "epoch": 3}, folder / "old.pth", _use_new_zipfile_serialization=False)
    save_file({key: value.bfloat16() for key, value in state.items()}, folder / "bf16.safetensors")
    config = (folder / "config.json").read_bytes()
    kinds = {"own.safetensors": folder / "model.safetensors", "half.safetensors": folder / "half/model.safetensors"}
    kinds |= {name: folder / name for name in ("new.pth", "old.pth", "bf16.safetensors")}
    return {name: path.read_bytes() for name, path in kinds.items()}, config


def outcome(path):
    """The model, or the sentence."""
    try:
        return load_model(path, device="cpu")
    except (CheckpointError, ValueError) as error:
        sentence = str(error)
        assert "\n" not in sentence, sentence
        assert sentence.endswith("."), sentence
        return sentence


@pytest.mark.parametrize("name", ["own.safetensors", "half.safetensors", "bf16.safetensors", "new.pth", "old.pth"])
def test_damaged_files(files, name, tmp_path, count):
    data, config = files[0][name], files[1]
    (tmp_path / "config.json").write_bytes(config)
    path = tmp_path / name
    path.write_bytes(data)
    whole = outcome(path)
    assert isinstance(whole, MAE)
    for copy in (*truncations(data, 20), *flips(data, 200)):
        path.write_bytes(copy)
        found = outcome(path)
        count(f"damaged weights, {name.split('.')[-1]}", tried=1, refused=isinstance(found, str))
        if isinstance(found, MAE):  # a changed weight can be seen by no one, a missing or strange one must be
            assert found.state_dict().keys() == whole.state_dict().keys()
            assert all(x.isfinite().all() for x in found.state_dict().values())
            assert found.cfg == whole.cfg


def test_damaged_configs(files, tmp_path, count):
    data, config = files
    path = tmp_path / "model.safetensors"
    path.write_bytes(data["own.safetensors"])
    for copy in (*truncations(config, 20), *flips(config, 300)):
        (tmp_path / "config.json").write_bytes(copy)
        found = outcome(tmp_path)
        count("damaged config.json", tried=1, refused=isinstance(found, str))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("form", ["plain", "legacy", "zip"])
def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path, form, protocol, count, capsys):
    canary = tmp_path / "canary"

    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(canary),)

    path = tmp_path / "model.pth"
    if form == "plain":
        path.write_bytes(pickle.dumps({"model": Payload()}, protocol=protocol))
    elif form == "legacy":
        torch.save({"model": Payload()}, path, _use_new_zipfile_serialization=False, pickle_protocol=protocol or 2)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({"model": Payload()}, protocol=protocol))
            archive.writestr("archive/version", "3\n")
            archive.writestr("archive/byteorder", "little")
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    assert not canary.exists(), "the file ran code"
    assert str(caught.value).endswith(".")
    assert main(["reconstruct", "--model", str(path), "--out", str(tmp_path / "a.png")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not canary.exists()
    count("pickles that would run code", tried=1, refused=1)
    torch.load(path, weights_only=False) if form == "legacy" else None  # the canary sings when it is let
    assert canary.exists() == (form == "legacy")


def test_prefixes_nests_and_types(files, tmp_path, count):
    """What people's files look like: wrapped, prefixed, half precision; each gives the same model."""
    torch.manual_seed(0)
    state = MAE(TINY).state_dict()
    (tmp_path / "config.json").write_bytes(files[1])
    for wrap in ("model", "state_dict", "model_ema", "module", None):
        for prefix in ("", "module.", "_orig_mod."):
            for dtype in (torch.float32, torch.float16, torch.bfloat16):
                inner = {prefix + key: value.to(dtype) for key, value in state.items()}
                torch.save({wrap: inner, "args": {"lr": 1.0}} if wrap else inner, tmp_path / "f.pth")
                found = outcome(tmp_path / "f.pth")
                count("wrapped and prefixed weights", tried=1, refused=isinstance(found, str))
                if isinstance(found, MAE):
                    got = found.state_dict()
                    assert all(torch.allclose(got[k], v, atol=0.01) for k, v in state.items()), (wrap, prefix, dtype)
                else:
                    assert wrap == "module", f"{wrap}, {prefix}: {found}"


def test_safetensors_with_hostile_headers(tmp_path, count):
    good = tmp_path / "good.safetensors"
    save_file(MAE(TINY).state_dict(), good)
    data = good.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length]
    hostile = {
        "a header longer than the file": (10**12).to_bytes(8, "little") + data[8:],
        "a header of nothing": (0).to_bytes(8, "little"),
        "offsets beyond the end": data[:8] + header.replace(b"[0,", b"[9,", 1) + data[8 + length :],
        "nested a thousand deep": (2000).to_bytes(8, "little") + b"{" * 2000,
    }
    for name, content in hostile.items():
        path = tmp_path / "f.safetensors"
        path.write_bytes(content)
        found = outcome(path)
        count("safetensors with hostile headers", tried=1, refused=isinstance(found, str))
        assert isinstance(found, str), name
    assert load_file(good)


def test_a_damaged_training_state(tmp_path, count):
    """Resuming refuses it in a sentence, or goes on from a whole state."""
    torch.manual_seed(0)
    imgs = torch.randint(256, (8, 3, 24, 32), dtype=torch.uint8)
    cfg = PretrainConfig(epochs=2, batch_size=4, save_minutes=0.0)
    for _ in pretrain(MAE(TINY), imgs, cfg, tmp_path):
        pass
    path = tmp_path / "last.pt"
    data = path.read_bytes()
    for copy in (*truncations(data, 10), *flips(data, 60)):
        path.write_bytes(copy)
        sentence = "."
        try:
            for _ in pretrain(MAE(TINY), imgs, replace(cfg, epochs=3), tmp_path, resume=True):
                pass
        except TrainingError as error:
            sentence = str(error)
        assert sentence.endswith("."), sentence
        count("damaged states of a training", tried=1, refused=sentence != ".")
