"""Setting a control changes the picture; what goes wrong becomes a line of text."""

import asyncio
import html
import io
from datetime import datetime, timezone

import numpy as np
import pytest
import torch
from ipywidgets import Widget
from PIL import Image

from mae_lite.assets import asset_path, list_photos
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.widgets import reconstruction_slider
from mae_lite.widgets.slider import GAP, PANELS, uploaded_files

VIEW = "application/vnd.jupyter.widget-view+json"


def small_model(**config):
    torch.manual_seed(0)
    cfg = MAEConfig(
        img_size=(32, 48), patch_size=8, embed_dim=32, depth=1, num_heads=2,
        decoder_embed_dim=32, decoder_depth=1, decoder_num_heads=2, **config,
    )  # fmt: skip
    return MAE(cfg).eval()


@pytest.fixture
def photos():
    return [asset_path("photos", name) for name in ("cat.jpg", "coffee.jpg", "dahlia.jpg")]


@pytest.fixture
def lab(photos):
    return reconstruction_slider(small_model(), photos)


def picture(lab):
    return np.asarray(Image.open(io.BytesIO(lab.picture.value)))


def photo_bytes(name="nuthatch.jpg"):
    return asset_path("photos", name).read_bytes()


@pytest.mark.parametrize(
    ("control", "value"), [("hidden", 5), ("strategy", "block"), ("strategy", "grid"), ("seed", 7), ("photo", 1)]
)
def test_each_control_changes_the_picture_and_its_name(lab, photos, control, value):
    before = lab.picture.value
    getattr(lab, control).value = photos[value] if control == "photo" else value
    assert lab.picture.value != before
    assert lab.picture.tooltip == lab.shown.alt
    assert lab.message.value == ""


def test_picture_is_the_panels_side_by_side_enlarged_by_whole_pixels(lab):
    h, w = 32, 48
    times = round(224 / w)
    shown = picture(lab)
    assert shown.shape == (h * times, len(PANELS) * w * times + (len(PANELS) - 1) * GAP, 3)
    for k, name in enumerate(PANELS):
        left = k * (w * times + GAP)
        panel = shown[:, left : left + w * times].reshape(h, times, w, times, 3).mean(axis=(1, 3))
        assert np.abs(panel - getattr(lab.shown, name)).mean() < 3, f"panel {k} is not {name}"


def test_starts_at_the_ratio_of_training_on_the_first_photo(photos):
    lab = reconstruction_slider(small_model(mask_ratio=0.5), photos)
    assert (lab.hidden.value, lab.hidden.min, lab.hidden.max) == (12, 0, 23)
    assert "50%" in lab.share.value
    assert lab.photo.value == photos[0]


def test_bundled_photos_by_default():
    assert [path for _, path in reconstruction_slider(small_model()).photo.options] == list_photos()


def test_same_controls_give_the_same_picture(lab):
    before = lab.picture.value
    lab.hidden.value = 3
    lab.hidden.value = 18
    assert lab.picture.value == before


def test_hidden_patches_are_as_many_as_the_slider_says(lab):
    for hidden in (0, 1, 11, 22, 23):
        lab.hidden.value = hidden
        assert int(lab.shown.mask.sum()) == hidden
        assert f"{24 - hidden} of 24 patches seen" in lab.status.value


def test_extremes(lab):
    lab.hidden.value = 0
    assert "nothing to measure" in lab.status.value
    assert "skill" not in lab.status.value
    lab.hidden.value = lab.hidden.max
    assert "1 of 24 patches seen" in lab.status.value
    assert "MSE" in lab.status.value


def test_norm_pix_model_has_a_picture_whose_title_says_that_it_leaks(photos):
    lab = reconstruction_slider(small_model(norm_pix_loss=True), photos)
    assert "leak" in lab.titles.value
    assert "skill" not in lab.status.value


@pytest.mark.parametrize("error", [RuntimeError("out of <memory>"), ValueError("too\nbad"), OSError("gone")])
def test_an_exception_is_a_line_and_the_last_picture_stays(lab, monkeypatch, error):
    before, alt = lab.picture.value, lab.picture.tooltip
    monkeypatch.setattr(lab._model, "forward", lambda *args: (_ for _ in ()).throw(error))
    lab.hidden.value = 5
    assert lab.picture.value == before
    assert lab.picture.tooltip == alt
    expected = str(error).replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    assert expected in lab.message.value
    monkeypatch.undo()
    lab.hidden.value = 6
    assert lab.message.value == ""
    assert lab.picture.value != before


def test_a_bug_is_not_swallowed(lab, monkeypatch):
    monkeypatch.setattr(lab._model, "forward", lambda *args: {}["no such key"])
    with pytest.raises(KeyError):
        lab.hidden.value = 5


def test_uploads_have_the_shapes_of_ipywidgets_7_and_8():
    content = b"\x89PNG"
    assert uploaded_files({"a.png": {"metadata": {"name": "a.png"}, "content": content}}) == [("a.png", content)]
    assert uploaded_files(({"name": "a.png", "type": "image/png", "content": memoryview(content)},)) == [
        ("a.png", content)
    ]
    assert uploaded_files(()) == []


def upload(lab, name, content):
    file = {"name": name, "type": "image/jpeg", "size": len(content), "content": memoryview(content)}
    lab.upload.value = (file | {"last_modified": datetime.now(timezone.utc)},)


def test_an_upload_is_shown_and_stays_in_the_menu(lab, photos):
    before = lab.picture.value
    upload(lab, "bird.jpg", photo_bytes())
    assert lab.picture.value != before
    assert lab.photo.label == "own: bird.jpg"
    mine = lab.picture.value
    lab.photo.value = photos[0]
    assert lab.picture.value == before
    lab.photo.label = "own: bird.jpg"
    assert lab.picture.value == mine


def test_a_path_is_shown_once_in_the_menu(lab):
    for text in (str(asset_path("photos", "nuthatch.jpg")), "", f'"{asset_path("photos", "nuthatch.jpg")}" '):
        lab.path.value = text
    assert lab.photo.label == "own: nuthatch.jpg"
    assert [label for label, _ in lab.photo.options].count("own: nuthatch.jpg") == 1


def test_a_bad_path_or_upload_is_a_sentence_and_the_picture_stays(lab, photos):
    before = lab.picture.value
    lab.path.value = "/no/such/photo.jpg"
    assert "/no/such/photo.jpg: no picture can be read there" in lab.refused.value
    upload(lab, "letter.txt", b"Dear all")
    assert "not a picture" in lab.refused.value
    upload(lab, "cut.jpg", photo_bytes()[:3000])
    assert "damaged or cut short" in lab.refused.value
    assert lab.picture.value == before
    assert [path for _, path in lab.photo.options] == photos
    upload(lab, "bird.jpg", photo_bytes())
    assert lab.refused.value == ""


def test_a_photo_that_vanished_is_a_sentence(photos, tmp_path):
    copy = tmp_path / "cat.jpg"
    copy.write_bytes(photos[0].read_bytes())
    lab = reconstruction_slider(small_model(), [photos[1], copy])
    before = lab.picture.value
    copy.unlink()
    lab.photo.value = copy
    assert "no picture can be read there" in lab.message.value
    assert lab.picture.value == before


def test_no_photos_is_refused():
    with pytest.raises(ValueError, match="empty list of photos"):
        reconstruction_slider(small_model(), [])


def test_200_moves_do_not_add_widgets(lab):
    before = len(Widget.get_manager_state()["state"])
    for k in range(200):
        lab.hidden.value = k % 24
    assert len(Widget.get_manager_state()["state"]) == before


def count_reconstructions(lab, monkeypatch):
    calls, forward = [], lab._model.forward
    monkeypatch.setattr(lab._model, "forward", lambda imgs, mask: calls.append(int(mask.sum())) or forward(imgs, mask))
    return calls


def test_on_an_event_loop_the_latest_of_many_moves_wins(lab, monkeypatch):
    calls = count_reconstructions(lab, monkeypatch)

    async def drag():
        for k in range(20):
            lab.hidden.value = k
        assert calls == [], "the reconstruction should not hold up the moves"
        await asyncio.sleep(0.5)
        lab.hidden.value = 21
        await asyncio.sleep(0.5)

    asyncio.run(drag())
    assert calls == [19, 21]
    assert "3 of 24 patches seen" in lab.status.value


@pytest.fixture
def displayed(monkeypatch):
    found = []
    monkeypatch.setattr("mae_lite.widgets.slider.display", lambda data, raw: found.append(data))
    return found


def test_display_is_the_widget_then_a_picture_with_alt_for_readers_without_a_kernel(lab, displayed):
    lab._ipython_display_()
    live, twin = displayed
    assert live[VIEW]["model_id"] == lab.model_id
    assert VIEW not in twin
    assert f'<img alt="{html.escape(lab.shown.alt)}"' in twin["text/html"]
    assert "need a running kernel" in twin["text/html"]
    assert "need a running kernel" in twin["text/plain"]


def test_display_shows_what_was_just_set(lab, displayed):
    async def set_and_show():
        lab.hidden.value = 4
        lab._ipython_display_()

    asyncio.run(set_and_show())
    assert "4 of 24 patches hidden" in displayed[1]["text/plain"]


def test_every_control_has_a_description_and_a_tooltip(lab):
    for control in (lab.photo, lab.strategy, lab.seed, lab.hidden, lab.upload, lab.path):
        assert control.description
        assert control.tooltip
