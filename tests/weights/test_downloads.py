"""Downloading, against a server that misbehaves, and names that are looked up on disk first."""

import hashlib
import json
import re

import pytest
import torch
from huggingface_hub import constants, file_download
from huggingface_hub import utils as hub_utils
from safetensors.torch import save as safetensors_bytes

from helpers.layouts import fair_layout, hf_config, hf_layout
from helpers.server import CFG, file_bytes, kept, reply, reply_range
from mae_lite.weights import downloads
from mae_lite.weights.catalogue import PUBLISHED, CheckpointError, cache_folder, list_models
from mae_lite.weights.checkpoints import load_encoder, load_model
from mae_lite.weights.downloads import download, find


def test_an_official_name_is_downloaded_once(server, model, body, tmp_path, capsys):
    server.answer = lambda handler, number: reply(handler, body)
    first = load_model("mae_pretrain_vit_large_full")
    assert first.cfg.norm_pix_loss
    torch.testing.assert_close(first.state_dict(), model.state_dict(), rtol=0, atol=0)
    assert "mae_pretrain_vit_large_full.pth: 100%" in capsys.readouterr().err
    load_model("mae_pretrain_vit_large_full")
    assert server.requests == [("/pretrain/mae_pretrain_vit_large_full.pth", None)], "the second call asked again"
    assert kept() == ["mae_pretrain_vit_large_full.pth"]
    find("mae_visualize_vit_huge")
    assert server.requests[-1][0] == "/visualize/mae_visualize_vit_huge.pth"


def test_a_cut_download_goes_on_where_it_stopped(server, body, tmp_path):
    def answer(handler, number):
        if number == 0:
            reply(handler, body[:1000], length=len(body))
        else:
            reply_range(handler, body)

    server.answer = answer
    download(f"{server.url}/f.pth", tmp_path / "f.pth")
    assert (tmp_path / "f.pth").read_bytes() == body
    assert [r for _, r in server.requests] == [None, "bytes=1000-"]


def test_what_an_earlier_session_left_is_resumed(server, body, tmp_path):
    (tmp_path / "f.pth.part").write_bytes(body[:777])
    server.answer = lambda handler, number: reply_range(handler, body)
    download(f"{server.url}/f.pth", tmp_path / "f.pth")
    assert (tmp_path / "f.pth").read_bytes() == body
    assert server.requests == [("/f.pth", "bytes=777-")]


def test_a_server_without_ranges_starts_anew(server, body, tmp_path):
    def answer(handler, number):
        reply(handler, body[:1000] if number == 0 else body, length=len(body))

    server.answer = answer
    download(f"{server.url}/f.pth", tmp_path / "f.pth")
    assert (tmp_path / "f.pth").read_bytes() == body
    assert [r for _, r in server.requests] == [None, "bytes=1000-"]


def test_a_part_that_is_no_beginning_is_thrown_away(server, body, tmp_path):
    (tmp_path / "f.pth.part").write_bytes(body + b"more")

    def answer(handler, number):  # as real servers do: each time that more is asked for than there is
        if handler.headers["Range"]:
            reply(handler, b"", status=416)
        else:
            reply(handler, body)

    server.answer = answer
    download(f"{server.url}/f.pth", tmp_path / "f.pth")
    assert (tmp_path / "f.pth").read_bytes() == body
    assert [r for _, r in server.requests] == [f"bytes={len(body) + 4}-", None]


def test_a_range_that_was_not_asked_for_starts_anew(server, body, tmp_path):
    (tmp_path / "f.pth.part").write_bytes(body[:777])
    whole = [("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}")]
    server.answer = lambda handler, number: reply(handler, body, status=206, headers=whole)
    download(f"{server.url}/f.pth", tmp_path / "f.pth")
    assert (tmp_path / "f.pth").read_bytes() == body
    assert server.requests == [("/f.pth", "bytes=777-")]


def test_no_length_is_fine_if_the_file_opens(server, body, tmp_path):
    server.answer = lambda handler, number: reply(handler, body, length=False)
    download(f"{server.url}/f.pth", tmp_path / "f.pth")
    assert (tmp_path / "f.pth").read_bytes() == body


PAGE = b"<!DOCTYPE html><html>Please log in</html>"


def redirect_to_page(handler):
    """What the network of a hotel or a company does with those who have not logged in."""
    if handler.path == "/login":
        reply(handler, PAGE, kind="text/html")
    else:
        reply(handler, b"", status=302, headers=[("Location", "/login")])


REFUSALS = {
    "404": (lambda h, body: reply(h, b"no", status=404), r"answered 404 Not Found", 1),
    "403": (lambda h, body: reply(h, b"no", status=403), r"answered 403 Forbidden", 1),
    "500": (lambda h, body: reply(h, b"no", status=500), r"in 3 tries \(the server answered 500", 3),
    "503": (lambda h, body: reply(h, b"no", status=503), r"in 3 tries \(the server answered 503", 3),
    "page": (lambda h, body: reply(h, PAGE, kind="text/html"), r"is a web page, not weights", 1),
    "cut, no length": (lambda h, body: reply(h, body[:-500], length=False), r"cut short, damaged or no checkpoint", 1),
    "always short": (lambda h, body: reply(h, body[:900], length=len(body)), r"900 of [\d,]+ bytes arrived", 3),
    "redirect to a page": (lambda h, body: redirect_to_page(h), r"is a web page, not weights", 2),
    "wrong bytes": (lambda h, body: reply(h, bytes(body[::-1])), r"no checkpoint, or damaged", 1),
    "too small a length": (lambda h, body: reply(h, body, length=5000), r"cut short, damaged or no checkpoint", 1),
    "empty": (lambda h, body: reply(h, b""), r"is empty", 1),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_misbehaving_server_gives_one_sentence_and_no_file(server, body, tmp_path, kind):
    bad, message, requests = REFUSALS[kind]
    server.answer = lambda handler, number: bad(handler, body)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_model("mae_visualize_vit_base")
    text = str(caught.value)
    assert f"{server.url}/visualize/mae_visualize_vit_base.pth" in text, "the URL, to download by hand"
    assert f"put it at {tmp_path / 'cache' / 'mae_visualize_vit_base.pth'}" in text
    assert len(server.requests) == requests, "an answer that will not change must not be asked for again"
    assert kept() in ([], ["mae_visualize_vit_base.pth.part"])
    server.answer = lambda handler, number: reply(handler, body)
    assert load_model("mae_visualize_vit_base").cfg == CFG, "the next try must not be spoilt by what is left"


def test_no_server_gives_one_sentence(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "FAIR_URL", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match=r"in 3 tries \(.*refused.*HTTPS_PROXY.*by hand"):
        load_model("mae_visualize_vit_base")


def test_a_proxy_set_or_unset_meanwhile_counts_for_the_next_try(server, body, monkeypatch):
    server.answer = lambda handler, number: reply(handler, body)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match=r"in 3 tries \(.*refused"):
        load_model("mae_visualize_vit_base")
    assert server.requests == []
    monkeypatch.delenv("http_proxy")
    assert load_model("mae_visualize_vit_base").cfg == CFG


def test_offline_by_choice_asks_no_server(server, body, monkeypatch):
    server.answer = lambda handler, number: reply(handler, body)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match=r"HF_HUB_OFFLINE is set; unset it, or put it at .*\.pth"):
        load_model("mae_visualize_vit_base")
    assert server.requests == []
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert load_model("mae_visualize_vit_base").cfg == CFG
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert load_model("mae_visualize_vit_base").cfg == CFG, "what is cached stays usable"
    assert len(server.requests) == 1


def test_the_published_md5_prefix_is_checked(server, model, monkeypatch):
    body = file_bytes({"model": fair_layout(model, decoder=False)})
    server.answer = lambda handler, number: reply(handler, body)
    with pytest.raises(
        CheckpointError, match=r"mae_pretrain_vit_base.pth cannot be used .*starts with [0-9a-f]{6}, not 8cad7c"
    ):
        load_encoder("mae_pretrain_vit_base")
    assert kept() == []
    right = hashlib.md5(body).hexdigest()[:6]
    monkeypatch.setitem(downloads.MD5_PREFIXES, "mae_pretrain_vit_base", right)
    assert load_encoder("mae_pretrain_vit_base").cfg.grid_size == (4, 4)


def test_a_local_path_never_asks_the_network(server, body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "facebook").mkdir()
    (tmp_path / "facebook/mine").write_bytes(body)
    assert load_model("facebook/mine").cfg == CFG
    assert server.requests == []


def set_offline(monkeypatch, offline):
    """As HF_HUB_OFFLINE does at the start; the hub's library of version 0 keeps connections that know it no better."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    getattr(hub_utils, "reset_sessions", int)()


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """The hub's own library with its cache in tmp_path, talking to a small server here that speaks as the hub does."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    for place in (constants, file_download):  # version 0 has a copy
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(place, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    set_offline(monkeypatch, False)
    server.files, server.missing = {}, "RepoNotFound"

    def answer(handler, number):
        repo = re.match(r"/([\w-]+/[\w.-]+)/resolve/main/", handler.path)
        file = server.files.get(handler.path.replace("/resolve/main/", "/"))
        known = repo and any(name.startswith(f"/{repo[1]}/") for name in server.files)
        if file is None:
            code = "EntryNotFound" if known else server.missing
            reply(handler, b"", status=404 if code != "GatedRepo" else 403, headers=[("X-Error-Code", code)])
        else:
            headers = [("ETag", f'"{hashlib.sha1(file).hexdigest()}"'), ("X-Repo-Commit", "0" * 40)]
            reply(handler, file if handler.command == "GET" else b"", length=len(file), headers=headers)

    server.answer = answer
    return server


def test_hub_repositories_are_downloaded_once(hub, model):
    hub.files = {
        "/facebook/vit-mae-base/config.json": json.dumps(hf_config(CFG)).encode(),
        "/facebook/vit-mae-base/preprocessor_config.json": b'{"image_mean": [0.5, 0.5, 0.5]}',
        "/facebook/vit-mae-base/pytorch_model.bin": file_bytes(hf_layout(model, "4")),
        "/timm/vit_base_patch16_224.mae/config.json": b'{"num_classes": 0}',
        "/timm/vit_base_patch16_224.mae/model.safetensors": safetensors_bytes(fair_layout(model, decoder=False)),
    }
    asked = []
    for _ in range(2):
        loaded = load_model("facebook/vit-mae-base")
        assert loaded.cfg.mean == (0.5, 0.5, 0.5)
        torch.testing.assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)
        encoder = load_encoder("timm/vit_base_patch16_224.mae")
        torch.testing.assert_close(encoder.state_dict(), model.encoder.state_dict(), rtol=0, atol=0)
        asked.append(len(hub.requests))
        hub.requests, hub.files = [], {}
    assert asked[0] > 0
    assert asked[1] == 0, "what is in the cache must not be asked for again"
    assert {m.name: m.where for m in list_models()}["facebook/vit-mae-base"] == "cached"


def test_published_repositories_are_asked_for_without_a_token(hub, model, monkeypatch):
    """An expired one makes the hub refuse what everybody may have; a private repository needs it."""
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    answer, sent = hub.answer, {}

    def noting(handler, number):
        sent[handler.path.split("/resolve/")[0]] = handler.headers["Authorization"]
        answer(handler, number)

    hub.answer = noting
    card, weights = json.dumps(hf_config(CFG)).encode(), safetensors_bytes(hf_layout(model, "4"))
    public, private = "facebook/vit-mae-base", "some-one/private"
    for repo in (public, private):
        hub.files |= {f"/{repo}/config.json": card, f"/{repo}/model.safetensors": weights}
        load_model(repo)
    assert (sent[f"/{public}"], sent[f"/{private}"]) == (None, "Bearer hf_expired")


def test_offline_without_the_model_says_how_to_get_it(hub, monkeypatch):
    set_offline(monkeypatch, True)
    with pytest.raises(
        CheckpointError, match=r"vit-mae-huge is not in the cache .*offline.* by hand from https://hugg"
    ):
        load_model("facebook/vit-mae-huge")
    assert hub.requests == []


@pytest.mark.parametrize(("files", "missing", "message"), [
    ({}, "RepoNotFound", 'no folder "some-one/some.thing" here, and no such public repository'),
    ({}, "GatedRepo", 'no folder "some-one/some.thing" here, and no such public repository'),
    ({"/some-one/some.thing/README.md": b""}, "", "has neither model.safetensors nor pytorch_model.bin"),
])  # fmt: skip
def test_the_hubs_refusals_become_one_sentence(hub, files, missing, message):
    hub.files, hub.missing = files, missing
    with pytest.raises(CheckpointError, match=message) as caught:
        load_model("some-one/some.thing")
    assert "\n" not in str(caught.value)


def test_a_file_name_is_no_repository():
    for name in ("runs/last.pt", "runs/a.pth", "runs/a.bin", "weights/model.safetensors", "a/b/c", "-x/y"):
        with pytest.raises(CheckpointError, match="There is no file and no model"):
            find(name)


def test_the_published_table_has_every_official_file_once():
    assert len(PUBLISHED) == 16
    assert sum(m.decoder for m in PUBLISHED.values()) == 10
    assert {m.name for m in PUBLISHED.values() if m.target == "raw" and "FAIR" in m.source} == {
        f"mae_visualize_vit_{size}" for size in ("base", "large", "huge", "large_ganloss")
    }


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("MAE_LITE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache_folder() == tmp_path / "mae_lite"
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x"
