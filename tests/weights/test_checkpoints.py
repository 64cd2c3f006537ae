"""Loading and saving: every layout round trips, and every wrong file gets its own sentence."""

import argparse
import json
import os
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.layouts import fair_layout, hf_config, hf_layout, make, same
from mae_lite.cli.main import format_models
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.layers import sincos_2d
from mae_lite.mae import MAE
from mae_lite.masking import random_mask
from mae_lite.train.pretrain import PretrainConfig, pretrain
from mae_lite.weights import catalogue, checkpoints, conversion, downloads
from mae_lite.weights.catalogue import CheckpointError, list_models
from mae_lite.weights.checkpoints import golden_value, load_encoder, load_model, save_model

TINY = MAEConfig(
    img_size=(16, 24), patch_size=8, embed_dim=24, depth=2, num_heads=3, decoder_embed_dim=16, decoder_depth=1,
    decoder_num_heads=2, layer_norm_eps=1e-5, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), mask_ratio=0.5,
)  # fmt: skip
FAIR = MAEConfig(img_size=(32, 32), patch_size=8, embed_dim=192, depth=2, num_heads=3, decoder_depth=1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """No test reads or writes the user's cache, nor reaches any network."""
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "FAIR_URL", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def tiny():
    return make(TINY)


@pytest.fixture(scope="module")
def fair():
    return make(FAIR)


# Width, depth, patch side, patches and tensors of the official files, and every name and shape: no code of ours.
OFFICIAL = {"base": (768, 12, 16, 196, 254), "large": (1024, 24, 16, 196, 398), "huge": (1280, 32, 14, 256, 494)}


def official_shapes(size):
    d, depth, p, n, _ = OFFICIAL[size]
    shapes = {
        "cls_token": (1, 1, d), "pos_embed": (1, n + 1, d), "mask_token": (1, 1, 512),
        "decoder_pos_embed": (1, n + 1, 512), "patch_embed.proj.weight": (d, 3, p, p), "patch_embed.proj.bias": (d,),
        "norm.weight": (d,), "norm.bias": (d,), "decoder_embed.weight": (512, d), "decoder_embed.bias": (512,),
        "decoder_norm.weight": (512,), "decoder_norm.bias": (512,),
        "decoder_pred.weight": (p * p * 3, 512), "decoder_pred.bias": (p * p * 3,),
    }  # fmt: skip
    for prefix, layers, w in (("blocks", depth, d), ("decoder_blocks", 8, 512)):
        for i in range(layers):
            shapes |= {
                f"{prefix}.{i}.norm1.weight": (w,), f"{prefix}.{i}.norm1.bias": (w,),
                f"{prefix}.{i}.attn.qkv.weight": (3 * w, w), f"{prefix}.{i}.attn.qkv.bias": (3 * w,),
                f"{prefix}.{i}.attn.proj.weight": (w, w), f"{prefix}.{i}.attn.proj.bias": (w,),
                f"{prefix}.{i}.norm2.weight": (w,), f"{prefix}.{i}.norm2.bias": (w,),
                f"{prefix}.{i}.mlp.fc1.weight": (4 * w, w), f"{prefix}.{i}.mlp.fc1.bias": (4 * w,),
                f"{prefix}.{i}.mlp.fc2.weight": (w, 4 * w), f"{prefix}.{i}.mlp.fc2.bias": (w,),
            }  # fmt: skip
    return shapes


@pytest.mark.parametrize("size", OFFICIAL)
def test_official_layout_fits_name_by_name_and_shape_by_shape(size, tmp_path):
    shapes = official_shapes(size)
    assert len(shapes) == OFFICIAL[size][-1], "the test's own table is wrong"
    state = conversion.renamed({key: torch.empty(shape, device="meta") for key, shape in shapes.items()})
    grid, dim = PRESETS[size].grid_size, PRESETS[size].embed_dim
    for key, width in (("encoder.pos_embed", dim), ("decoder.pos_embed", 512)):
        state[key] = torch.cat([torch.zeros(1, width), sincos_2d(grid, width)])[None]
    cfg = conversion.infer_config(state, {}, tmp_path / "mae_pretrain.pth", None, None)
    assert cfg == PRESETS[size]
    with torch.device("meta"):
        expected = {key: value.shape for key, value in MAE(cfg).state_dict().items()}
    assert {key: value.shape for key, value in state.items()} == expected


@pytest.mark.parametrize("half", [False, True])
def test_own_format_round_trips(tiny, tmp_path, half):
    save_model(tiny, tmp_path / "m", half=half, licence="MIT", data="noise")
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["config.json", "model.safetensors"]
    modes = {p.stat().st_mode for p in (tmp_path / "m").iterdir()}
    assert len(modes) == 1, "weights must be as readable to other users as the config is"
    loaded = load_model(tmp_path / "m")
    assert loaded.cfg == TINY
    assert not loaded.training
    assert all(p.dtype == torch.float32 and p.requires_grad for p in loaded.parameters())
    config = json.loads((tmp_path / "m/config.json").read_text())
    assert config["licence"] == "MIT"
    assert config["data"] == "noise"
    assert config["params"] == sum(p.numel() for p in tiny.parameters())
    if half:
        assert {v.dtype for v in load_file(tmp_path / "m/model.safetensors").values()} == {torch.float16}
        torch.testing.assert_close(loaded.state_dict(), tiny.state_dict(), rtol=1e-3, atol=1e-4)
    else:
        same(loaded, tiny)
    same(load_model(tmp_path / "m/model.safetensors"), loaded)


def test_golden_value_is_what_the_loaded_file_gives_and_tells_wrong_weights(tiny, tmp_path):
    save_model(tiny, tmp_path, half=True)
    stored = json.loads((tmp_path / "config.json").read_text())["golden"]
    loaded = load_model(tmp_path)
    assert golden_value(loaded) == pytest.approx(stored, rel=1e-5)
    with torch.no_grad():
        loaded.decoder.pred.weight.zero_()
    assert golden_value(loaded) != pytest.approx(stored, rel=1e-3)


def test_saving_refuses_what_would_not_load(tiny, tmp_path):
    with pytest.raises(ValueError, match="sets depth itself"):
        save_model(tiny, tmp_path, depth=3)
    model = make(TINY)
    with torch.no_grad():
        model.encoder.norm.weight[0] = 1e6
    with pytest.raises(ValueError, match=r"not finite in torch.float16 \(encoder.norm.weight\)"):
        save_model(model, tmp_path, half=True)
    assert not list(tmp_path.iterdir()), "a refused save must leave nothing behind"


def test_saving_that_is_cut_off_keeps_what_was_there(tiny, tmp_path, monkeypatch):
    save_model(tiny, tmp_path)

    def cut(*args):
        raise OSError("the power went")

    monkeypatch.setattr(os, "replace", cut)
    with pytest.raises(OSError, match="the power went"):
        save_model(MAE(TINY), tmp_path)
    same(load_model(tmp_path), tiny)


def test_loading_draws_no_random_number_and_owns_its_memory(tiny, tmp_path):
    save_model(tiny, tmp_path)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    loaded = load_model(tmp_path)
    assert torch.equal(torch.rand(3), expected), "load_model moved the global random state"
    with torch.no_grad():
        loaded.encoder.cls_token.add_(1)
    same(load_model(tmp_path), tiny)


def test_loaded_models_train(tiny, tmp_path):
    save_model(tiny, tmp_path)
    loaded = load_model(tmp_path)
    loaded(torch.randn(2, 3, 16, 24), random_mask(6, 0.5, batch_size=2)).loss.backward()
    assert all(p.grad is not None for p in loaded.parameters())


@pytest.mark.parametrize("zip_file", [True, False])
@pytest.mark.parametrize("wrap", ["flat", "model", "module.", "args"])
def test_fair_files_load(fair, tmp_path, wrap, zip_file):
    state, path = fair_layout(fair), tmp_path / "checkpoint.pth"
    options = argparse.Namespace(norm_pix_loss=True, model="x", output_dir=None)
    payload = {
        "flat": state,
        "model": {"model": state},
        "module.": {"model": {f"module.{k}": v for k, v in state.items()}},
        "args": {"model": state, "optimizer": {"state": {}}, "epoch": 3, "args": options},
    }[wrap]
    torch.save(payload, path, _use_new_zipfile_serialization=zip_file)
    loaded = load_model(path)
    assert loaded.cfg == replace(FAIR, norm_pix_loss=wrap == "args")
    same(loaded, fair)


def test_norm_pix_comes_from_the_name_the_file_or_the_keyword(fair, tmp_path):
    for stem, given, expected in (
        ("mae_visualize_vit_base", None, False),
        ("mae_pretrain_vit_base_full", None, True),
        ("unknown", None, False),
        ("unknown", True, True),
    ):
        torch.save({"model": fair_layout(fair)}, tmp_path / f"{stem}.pth")
        loaded = load_model(tmp_path / f"{stem}.pth", norm_pix_loss=given)
        assert loaded.cfg.norm_pix_loss is expected
    torch.save({"model": fair_layout(fair)}, tmp_path / "mae_visualize_vit_base.pth")
    with pytest.raises(CheckpointError, match="norm_pix_loss=False, not True"):
        load_model(tmp_path / "mae_visualize_vit_base.pth", norm_pix_loss=True)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("version", ["4", "5", "5 saved"])
def test_hugging_face_folders_load(tmp_path, version, file):
    model = make(replace(TINY, img_size=(24, 24)))
    state = hf_layout(model, version)
    save_file(state, tmp_path / file) if file.endswith("safetensors") else torch.save(state, tmp_path / file)
    config = hf_config(model.cfg)
    if version == "4":
        del config["layer_norm_eps"]  # then it is Hugging Face's default, 1e-12, not ours
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}')
    loaded = load_model(tmp_path)
    assert loaded.cfg == replace(model.cfg, layer_norm_eps=1e-12, norm_pix_loss=True, mask_ratio=0.6)
    reference = MAE(loaded.cfg)
    reference.load_state_dict(model.state_dict())
    same(loaded, reference)


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_the_last_pt_of_a_training_loads_its_average_if_there_is_one(tmp_path, ema_decay):
    torch.manual_seed(0)
    model, images = MAE(TINY), torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    cfg = PretrainConfig(epochs=3, batch_size=4, blr=1e-2, warmup_epochs=0.0, ema_decay=ema_decay, log_every=2)
    for _ in pretrain(model, images, cfg, tmp_path):
        pass
    loaded = load_model(tmp_path)
    assert loaded.cfg == TINY
    if ema_decay:
        saved = torch.load(tmp_path / "last.pt", weights_only=True)["ema"]
        assert torch.equal(loaded.encoder.norm.weight, saved["module.encoder.norm.weight"])
        assert not torch.equal(loaded.encoder.norm.weight, model.encoder.norm.weight)
    else:
        same(loaded, model)


def test_another_image_size_keeps_the_weights_and_computes_positions(fair, tmp_path):
    torch.save({"model": fair_layout(fair)}, tmp_path / "f.pth")
    wide = load_model(tmp_path / "f.pth", img_size=(24, 48))
    assert wide.cfg.grid_size == (3, 6)
    torch.testing.assert_close(wide.encoder.pos_embed, sincos_2d((3, 6), 192), rtol=0, atol=0)
    torch.testing.assert_close(wide.decoder.pos_embed, sincos_2d((3, 6), 512), rtol=0, atol=0)
    assert torch.equal(wide.decoder.pred.weight, fair.decoder.pred.weight)
    with pytest.raises(ValueError, match="img_size 30x32 must be a positive multiple of patch_size 8"):
        load_model(tmp_path / "f.pth", img_size=(30, 32))


def test_a_table_that_is_not_square_needs_its_size(tmp_path):
    model = make(replace(FAIR, img_size=(16, 24)))
    torch.save({"model": fair_layout(model)}, tmp_path / "f.pth")
    with pytest.raises(CheckpointError, match=r"does not say its image size.*img_size=\(height, width\)"):
        load_model(tmp_path / "f.pth")
    same(load_model(tmp_path / "f.pth", img_size=(16, 24)), model)
    with pytest.raises(CheckpointError, match="encoder's positions differ by .* another order"):
        load_model(tmp_path / "f.pth", img_size=(24, 16))


@pytest.mark.parametrize(("dtype", "error", "fine"), [
    (torch.float32, 5e-5, True), (torch.float32, 3e-4, False), (torch.float16, 0, True), (torch.float16, 3e-3, False),
])  # fmt: skip
def test_positions_may_be_off_by_rounding_only(fair, tmp_path, dtype, error, fine):
    state = {key: value.to(dtype) for key, value in fair_layout(fair).items()}
    state["decoder_pos_embed"][0, 3, 5] += error
    torch.save(state, tmp_path / "f.pth")
    if fine:
        assert load_model(tmp_path / "f.pth").cfg == FAIR
    else:
        with pytest.raises(CheckpointError, match="decoder's positions differ by"):
            load_model(tmp_path / "f.pth")


def test_encoder_gives_the_latent_of_the_whole_model(fair, tmp_path):
    torch.save({"model": fair_layout(fair)}, tmp_path / "full.pth")
    torch.save({"model": fair_layout(fair, decoder=False)}, tmp_path / "encoder.pth")
    save_file(fair_layout(fair, decoder=False), tmp_path / "timm.safetensors")
    imgs = torch.randn(2, 3, 32, 32)
    for name in ("full.pth", "encoder.pth", "timm.safetensors"):
        encoder = load_encoder(tmp_path / name)
        assert encoder.cfg.img_size == (32, 32)
        with torch.no_grad():
            torch.testing.assert_close(encoder(imgs), fair.encoder(imgs), rtol=0, atol=1e-6)


def test_encoder_only_files_cannot_reconstruct(fair, tmp_path, monkeypatch):
    path = tmp_path / "e.pth"
    torch.save({"model": fair_layout(fair, decoder=False)}, path)
    with pytest.raises(
        CheckpointError, match=r"30 encoder tensors, 0 decoder tensors.*mae_visualize_vit_base.*load_enco"
    ):
        load_model(path)
    monkeypatch.setattr(checkpoints, "find", lambda name: pytest.fail(f"{name} must be refused before it is fetched"))
    for name, works in (("mae_pretrain_vit_huge", "huge"), ("timm/vit_large_patch16_224.mae", "large")):
        with pytest.raises(CheckpointError, match=f"{name} has no decoder.*mae_visualize_vit_{works}"):
            load_model(name)


def _classifier(fair):
    state = fair_layout(fair, decoder=False)
    state |= {"fc_norm.weight": state.pop("norm.weight"), "fc_norm.bias": state.pop("norm.bias")}
    return state | {"head.weight": torch.zeros(7, 192), "head.bias": torch.zeros(7)}


def _wrong_order(fair):
    state = fair_layout(fair)
    table = state["pos_embed"]
    state["pos_embed"] = torch.cat([table[..., 96:], table[..., :96]], dim=-1)  # row first
    return state


def _edited(key, value):
    def edit(fair):
        state = fair_layout(fair)
        state[key] = value
        return state

    return edit


def _without(*keys):
    return lambda fair: {k: v for k, v in fair_layout(fair).items() if k not in keys}


RESNET = {f"layer{i}.0.conv1.weight": torch.zeros(2, 2) for i in range(60)}
WRONG_STATES = {
    "classifier": (_classifier, r"is a classifier: it has a head for 7 classes \(fc_norm.weight, .*no decoder"),
    "another architecture": (lambda _: RESNET, r"not a masked autoencoder: only 0 of its 60 tensors \(layer0"),
    "learned positions": (_edited("pos_embed", torch.randn(1, 17, 192)), "is not a masked autoencoder with fixed pos"),
    "cls position": (_edited("pos_embed", torch.ones(1, 17, 192)), "encoder's positions differ by"),
    "zero positions": (_edited("decoder_pos_embed", torch.zeros(1, 17, 512)), "decoder's positions are all zero"),
    "row first": (_wrong_order, "encoder's positions differ by .*another order"),
    "positions too wide": (_edited("decoder_pos_embed", torch.zeros(1, 17, 64)), r"\(1, 17, 64\), not \(1, 17, 512\)"),
    "missing": (_without("decoder_pred.bias"), r"29 of 29 encoder.*18 of 19 decoder tensors .*\(decoder.pred.b"),
    "extra": (_edited("blocks.0.ls1.gamma", torch.ones(192)), r"1 unknown \(encoder.blocks.0.ls1.gamma, ...\)"),
    "wrong shape": (_edited("decoder_pred.weight", torch.zeros(9, 512)), r"decoder.pred.weight for one is \(9, 512\),"),
    "NaN": (_edited("norm.bias", torch.full((192,), torch.nan)), r"1 of its 4\d tensors \(encoder.norm.bias.*NaN"),
    "integers": (_edited("norm.bias", torch.ones(192, dtype=torch.int8)), "integers instead of weights"),
    "decoder width": (_edited("mask_token", torch.zeros(1, 1, 96)), "decoder_embed_dim 96 has; .*decoder_num_heads"),
    "no tensors": (lambda _: {"epoch": 3}, "holds no tensors by name"),
    "a list": (lambda _: [torch.zeros(2)], "holds a list, not tensors by name"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_STATES)
def test_wrong_tensors_get_their_sentence(fair, tmp_path, kind):
    build, message = WRONG_STATES[kind]
    torch.save(build(fair), tmp_path / "f.pth")
    with pytest.raises(CheckpointError, match=message) as caught:
        load_model(tmp_path / "f.pth")
    text = str(caught.value)
    assert str(tmp_path / "f.pth") in text
    assert len(text) - len(str(tmp_path)) * 2 < 420, "one sentence, no wall of keys"


def test_a_classifier_has_no_plain_encoder_either(fair, tmp_path):
    torch.save({"model": _classifier(fair)}, tmp_path / "f.pth")
    with pytest.raises(CheckpointError, match='is a classifier.*load_encoder.*"mae_pretrain_vit_base"'):
        load_encoder(tmp_path / "f.pth")


class RunsCode:
    def __reduce__(self):
        return os.system, ("exit 1",)


WRONG_FILES = {
    "empty": (lambda good: b"", "is empty"),
    "page": (lambda good: b"\n<!DOCTYPE html><html>404</html>", "is a web page, not weights"),
    "lfs": (lambda good: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "half": (lambda good: good[: len(good) // 2], "is cut short, damaged or no checkpoint"),
    "most": (lambda good: good[:-100], "is cut short, damaged or no checkpoint"),
    "start": (lambda good: good[:20], "is cut short, damaged or no checkpoint"),
    "text": (lambda good: b"hello, these are no weights at all", "damaged"),
}


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "legacy.pth"])
@pytest.mark.parametrize("kind", WRONG_FILES)
def test_wrong_files_get_their_sentence(tiny, tmp_path, kind, suffix):
    path = tmp_path / f"f.{suffix}"
    if suffix == "safetensors":
        save_file(tiny.state_dict(), path)
    else:
        torch.save(tiny.state_dict(), path, _use_new_zipfile_serialization=suffix == "pth")
    damage, message = WRONG_FILES[kind]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=message):
        load_model(path)


@pytest.mark.parametrize("payload", [torch.nn.Linear(2, 2), {"model": RunsCode()}], ids=["module", "code"])
def test_pickles_that_need_code_are_refused(tmp_path, payload):
    torch.save(payload, tmp_path / "f.pth")
    with pytest.raises(CheckpointError, match=r"holds Python objects \(.*can run code.*state_dict"):
        load_model(tmp_path / "f.pth")


@pytest.mark.parametrize(("config", "message"), [
    ("not json", "is not a JSON object"),
    ("[1]", "is not a JSON object"),
    (json.dumps({"hidden_size": 4, "model_type": "vit"}), 'another architecture: .*model_type "vit"'),
    (json.dumps(asdict(TINY) | {"num_heads": 5}), "embed_dim 24 must be a multiple of 4 and of num_heads 5"),
    (json.dumps(asdict(TINY) | {"depth": 3}), r"29 of 41 encoder .* 19 of 19 decoder .* 12 missing"),
    (json.dumps(asdict(TINY) | {"patch_size": "8"}), "Put right values into the config.json"),
    (json.dumps(asdict(TINY) | {"embed_dim": 48}), "have another shape than its config asks for"),
])  # fmt: skip
def test_wrong_configs_get_their_sentence(tiny, tmp_path, config, message):
    save_model(tiny, tmp_path)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=message):
        load_model(tmp_path)


def test_own_weights_without_their_config_say_what_is_missing(tiny, tmp_path):
    save_model(tiny, tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(CheckpointError, match='how many heads its embed_dim 24 has; write {"num_heads": ...}'):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text('{"num_heads": 3, "decoder_num_heads": 2}')
    with pytest.raises(CheckpointError, match="pass img_size"):
        load_model(tmp_path)
    assert load_model(tmp_path, img_size=(16, 24)).cfg.grid_size == (2, 3)


def test_names_that_do_not_exist_are_answered_with_those_that_do(tmp_path):
    for name in ("mae-lite-gigantic", str(tmp_path / "no.pth"), tmp_path / "mae_visualize_vit_base"):
        with pytest.raises(CheckpointError, match="There is no file and no model .*mae_visualize_vit_base"):
            load_model(name)
    with pytest.raises(CheckpointError, match="holds none of model.safetensors"):
        load_model(tmp_path)


def test_models_are_listed_with_what_they_can_do(tiny, tmp_path, monkeypatch):
    save_model(tiny, tmp_path / "weights/mine", licence="CC0-1.0")
    monkeypatch.setattr(catalogue, "asset_path", lambda *parts: tmp_path.joinpath(*parts))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/mae_visualize_vit_huge.pth").touch()
    models = {m.name: m for m in list_models()}
    assert models["mine"][2:] == ("raw", True, "CC0-1.0", "mae-lite", "bundled")
    assert models["mae_visualize_vit_huge"].where == "cached"
    assert models["mae_visualize_vit_base"].where == "download"
    assert models["mae_pretrain_vit_large_full"].target == "norm-pix"
    assert not models["timm/vit_huge_patch14_224.mae"].decoder
    assert models["facebook/vit-mae-base"].licence == "CC-BY-NC-4.0 (card says Apache-2.0)"
    table = format_models(list(models.values())).splitlines()
    assert len(table) == len(models) + 1 == 18
    assert len({line.index("raw") for line in table if " raw " in line}) == 1, "columns must line up"
    same(load_model("mine"), tiny)
