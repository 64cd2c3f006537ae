"""Setting a control changes the picture; the page gets one message for it; what goes wrong becomes a line of text."""

import asyncio
import html
import io
from datetime import datetime, timezone

import numpy as np
import psutil
import pytest
import torch
from ipywidgets import Widget
from matplotlib._pylab_helpers import Gcf
from PIL import Image

import mae_lite as ml
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.masking import STRATEGIES, draw_mask
from mae_lite.weights.assets import asset_path, list_photos
from mae_lite.weights.checkpoints import DEFAULT_MODEL
from mae_lite.widgets import Playground, playground
from mae_lite.widgets.pictures import CAPTION
from mae_lite.widgets.studio import FIRST_PHOTO, KEPT, YOURS

VIEW = "application/vnd.jupyter.widget-view+json"
N, ROWS, COLUMNS = 24, 4, 6


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
def lab(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "cache"))  # so that nothing counts as fetched
    monkeypatch.chdir(tmp_path)
    return playground(small_model(), photos)


def facts(lab):
    return {label: value for label, value, _ in lab.facts}


def message(lab, buffers=(), paths=(), **state):
    """What a message of the page does: binary values come as memoryviews beside it."""
    state["request"] = lab.request + 1
    data = {"method": "update", "state": state, "buffer_paths": list(paths)}
    lab._handle_msg({"content": {"data": data}, "buffers": [memoryview(b) for b in buffers]})


def from_page(lab, **content):
    """A message as in a kernel, whose event loop gives the answer a little later."""

    async def send():
        message(lab, **content)
        while lab._timer:
            await asyncio.sleep(0.001)

    asyncio.run(send())


def press(lab, action, buffers=(), **content):
    data = {"method": "custom", "content": {"do": action, **content}}
    lab._handle_msg({"content": {"data": data}, "buffers": [memoryview(b) for b in buffers]})


def painted(mask):
    """The page's message for a painted mask."""
    return {"buffers": [bytes(mask)], "paths": [["mask"]], "strategy": "drawn", "hidden": sum(mask)}


def paint(lab, mask):
    from_page(lab, **painted(mask))


@pytest.fixture
def sent(lab, monkeypatch):
    """What the page gets from here on: states of update messages."""
    found = []
    monkeypatch.setattr(lab.comm, "send", lambda data, buffers=None: found.append((data, buffers or [])))
    return found


# --- each control


CONTROLS = [("hidden", 5), ("seed", 7), ("photo", 1), ("show", "output"), ("show", "error")]


@pytest.mark.parametrize(("control", "value"), CONTROLS + [("strategy", s) for s in STRATEGIES if s != "random"])
def test_each_control_changes_the_picture_and_its_alt_text(lab, control, value):
    before, alt = lab.picture, lab.alt
    from_page(lab, **{control: value})
    assert lab.picture != before
    assert lab.error == ""
    if control != "seed" or lab.alt != alt:
        assert lab.alt != alt, "the alt text did not follow"


@pytest.mark.parametrize("show", ["pasted", "output", "error"])
def test_picture_is_the_panel_enlarged_by_whole_pixels(lab, show):
    lab.show = show
    picture = np.asarray(Image.open(io.BytesIO(lab.picture)))
    assert picture.shape == (32 * 7, 48 * 7, 3)  # 7 x 48 = 336
    panel = picture.reshape(32, 7, 48, 7, 3).mean(axis=(1, 3))
    assert np.abs(panel - getattr(lab.shown, show)).mean() < 3, f"this is not {show}"


def test_the_facts_follow(lab):
    for hidden in (0, 1, 11, 22, 23):
        lab.hidden = hidden
        assert int(lab.shown.mask.sum()) == hidden
        assert facts(lab)["Seen by the encoder"] == f"{N - hidden} of {N} patches"
        assert f"{hidden} of {N} patches hidden" in lab.alt
    shown = lab.shown
    assert facts(lab)["Masked MSE"] == f"{shown.mse:.3f}"
    assert facts(lab)["PSNR"] == f"{shown.psnr:.1f} dB"
    assert facts(lab)["Skill over harmonic fill"] == f"{shown.skill:+.2f}"
    assert facts(lab)["Device"] == "cpu"
    assert facts(lab)["Trained at"] == "75 % hidden"
    assert facts(lab)["Time"].endswith(" ms")


def test_nothing_hidden_has_nothing_to_measure(lab):
    lab.hidden = 0
    assert facts(lab)["Error"] == "nothing hidden"
    assert "Skill over harmonic fill" not in facts(lab)


def test_starts_at_the_ratio_of_training_and_the_slider_ends_at_95_percent(photos):
    lab = playground(small_model(mask_ratio=0.5), photos)
    assert (lab.photo, lab.hidden, lab.limit, lab.seed, lab.strategy) == (0, 12, 23, 0, "random")
    assert facts(lab)["Trained at"] == "50 % hidden"


def test_the_mask_is_the_packages(lab):
    for strategy in STRATEGIES:
        from_page(lab, strategy=strategy, seed=3, hidden=7)
        assert torch.equal(lab.shown.mask, draw_mask(strategy, (ROWS, COLUMNS), 7 / N, seed=3))
        assert lab.mask == bytes(lab.shown.mask[0].tolist())
        assert [place < 7 for place in lab.order] == lab.shown.mask[0].tolist(), "the page would paint another mask"


def test_bundled_photos_and_model_by_default():
    lab = playground()
    names = [path.stem for path in list_photos()]
    assert [photo["name"] for photo in lab.photos] == [FIRST_PHOTO, *(name for name in names if name != FIRST_PHOTO)]
    assert all(Image.open(io.BytesIO(photo["picture"])).size == (64, 64) for photo in lab.photos)
    assert lab.chosen == DEFAULT_MODEL
    assert lab.shown is not None


def test_model_by_name_or_path(photos, tmp_path):
    ml.save_model(small_model(), tmp_path / "mine")
    lab = playground(tmp_path / "mine", photos)
    assert lab.chosen == str(tmp_path / "mine")
    assert lab.grid == [ROWS, COLUMNS]
    with pytest.raises(ValueError, match='no model "nope"'):
        playground("nope", photos)


def test_reset_goes_back_but_keeps_own_photos(lab):
    before = lab.picture
    press(lab, "upload", [asset_path("photos", "nuthatch.jpg").read_bytes()], names=["bird.jpg"])
    from_page(lab, strategy="block", seed=9, hidden=3, show="error")
    assert lab.picture != before
    press(lab, "reset")
    assert lab.picture == before
    assert (lab.photo, lab.seed, lab.strategy, lab.show, lab.hidden) == (0, 0, "random", "pasted", 18)
    assert len(lab.photos) == 4


def test_no_photos_is_refused():
    with pytest.raises(ValueError, match="empty list of photos"):
        playground(small_model(), [])


def test_original_says_which_part_of_the_photo_is_used(photos, tmp_path):
    Image.new("RGB", (300, 200)).save(tmp_path / "fits.png")
    Image.new("RGB", (301, 400)).save(tmp_path / "tall.png")
    lab = playground(small_model(), [tmp_path / "fits.png", tmp_path / "tall.png"])
    assert lab.source_title == "Original"
    lab.photo = 1
    assert lab.source_title == "Original: the middle of 301 x 400 pixels"


# --- drawn masks


def test_a_painted_mask_goes_there_and_back(lab, sent):
    mask = [k in (1, 8, 9) for k in range(N)]
    paint(lab, mask)
    assert lab.shown.mask[0].tolist() == mask
    assert (lab.strategy, lab.hidden, lab.error) == ("drawn", 3, "")
    answered = [data["state"]["answered"] for data, _ in sent if "answered" in data.get("state", {})]
    assert answered == [lab.request], "the page could not tell that this answers its stroke"
    del sent[:]
    lab.draw(np.eye(ROWS, COLUMNS))
    (data, buffers), *_ = [message for message in sent if ["mask"] in message[0].get("buffer_paths", [])]
    assert bytes(buffers[data["buffer_paths"].index(["mask"])]) == bytes(np.eye(ROWS, COLUMNS, dtype=np.uint8).ravel())


def test_after_drawing_the_slider_adds_and_takes_patches_but_keeps_the_rest(lab):
    drawn = [k % COLUMNS == 0 for k in range(N)]
    paint(lab, drawn)
    from_page(lab, hidden=9)
    more = lab.shown.mask[0]
    assert int(more.sum()) == 9
    assert all(more[k] for k in range(N) if drawn[k]), "a drawn patch was uncovered by hiding more"
    from_page(lab, hidden=2)
    assert all(drawn[k] for k in range(N) if lab.shown.mask[0][k]), "fewer than drawn, but others than drawn"
    from_page(lab, hidden=4)
    assert lab.shown.mask[0].tolist() == drawn, "going back gives the drawing again"


def test_drawn_starts_from_the_mask_that_is_there(lab):
    before = lab.shown.mask
    from_page(lab, strategy="drawn")
    assert torch.equal(lab.shown.mask, before)


def test_hiding_everything_is_a_sentence(lab):
    before = lab.picture
    paint(lab, [True] * N)
    assert "leave at least one visible" in lab.error
    assert lab.picture == before
    paint(lab, [True] * (N - 1) + [False])
    assert lab.error == ""
    assert lab.picture != before


def test_a_drawn_mask_of_another_size_is_a_sentence(lab):
    paint(lab, [True, False])
    assert "2 bytes, the model 24 patches" in lab.error
    with pytest.raises(ValueError, match="2x3 patches, the model 4x6"):
        lab.draw([[1, 0, 1], [0, 0, 0]])


# --- speed by design


def count_reconstructions(lab, monkeypatch):
    model, calls = lab._studio.model, []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda imgs, mask: calls.append(int(mask.sum())) or forward(imgs, mask))
    return calls


def test_one_message_an_answer(lab, sent):
    lab.hidden = 4
    (answer,) = [data for data, _ in sent if ["picture"] in data["buffer_paths"]]
    assert {"alt", "facts", "serial"} <= set(answer["state"]), "the picture must not come without its alt text"
    assert ["mask"] in answer["buffer_paths"]
    assert ["source"] not in answer["buffer_paths"], "the photo did not change"


def test_going_back_costs_nothing_and_what_is_kept_is_bounded(lab, monkeypatch):
    calls = count_reconstructions(lab, monkeypatch)
    first = lab.picture
    for hidden in (3, 18, 3):
        lab.hidden = hidden
    assert calls == [3]
    lab.hidden = 18
    assert lab.picture == first
    for seed in range(KEPT + 3):
        lab.seed = seed
    assert len(lab._studio._kept) == KEPT


def test_on_an_event_loop_the_latest_of_many_moves_wins(lab, monkeypatch):
    calls = count_reconstructions(lab, monkeypatch)

    async def drag():
        for k in range(40):
            message(lab, hidden=k % 20)
        assert calls == [], "the reconstruction should not hold up the moves"
        await asyncio.sleep(0.5)
        message(lab, hidden=21)
        await asyncio.sleep(0.5)

    asyncio.run(drag())
    assert calls == [19, 21]
    assert lab.answered == lab.request
    assert facts(lab)["Seen by the encoder"] == f"3 of {N} patches"


@pytest.mark.slow
def test_1000_moves_leave_no_memory_no_figure_no_widget_and_no_stale_picture(lab, photos):
    process, rng = psutil.Process(), np.random.default_rng(0)

    async def moves(n):
        for _ in range(n):
            control = rng.choice(["hidden", "seed", "photo", "show", "strategy", "paint"])
            if control == "paint":
                message(lab, **painted([*(rng.random(N - 1) < 0.5).tolist(), False]))
            else:
                choices = {"hidden": 23, "seed": 1000, "photo": 3}
                words = {"show": ["pasted", "output", "error"], "strategy": list(STRATEGIES)}
                picked = int(rng.integers(choices[control])) if control in choices else str(rng.choice(words[control]))
                message(lab, **{control: picked})
            await asyncio.sleep(0.011 if rng.random() < 0.3 else 0)
        await asyncio.sleep(0.1)

    asyncio.run(moves(100))
    widgets, start = len(Widget.get_manager_state()["state"]), process.memory_info().rss
    asyncio.run(moves(900))
    grown = (process.memory_info().rss - start) / 1e6
    print(f"{grown:.1f} MB more after 900 moves")
    assert grown < 30
    assert Gcf.get_all_fig_managers() == []
    assert len(Widget.get_manager_state()["state"]) == widgets
    image = ml.load_image(photos[lab.photo], lab._studio.model)
    fresh = ml.reconstruct(lab._studio.model, image, torch.tensor([list(lab.mask)], dtype=torch.bool))
    assert int(fresh.mask.sum()) == lab.hidden
    assert np.array_equal(getattr(fresh, lab.show), getattr(lab.shown, lab.show)), "a stale picture is shown last"
    assert lab.alt.endswith(f"Skill over harmonic fill {fresh.skill:+.2f}.") or fresh.skill is None


# --- what goes wrong


@pytest.mark.parametrize("error", [RuntimeError("out of <memory>"), ValueError("too\nbad"), OSError("gone")])
def test_an_exception_is_a_line_and_the_last_picture_stays(lab, monkeypatch, error):
    before, alt, said = lab.picture, lab.alt, facts(lab)
    monkeypatch.setattr(lab._studio.model, "forward", lambda *args: (_ for _ in ()).throw(error))
    from_page(lab, hidden=5)
    assert (lab.picture, lab.alt, facts(lab)) == (before, alt, said)
    assert lab.error == str(error).replace("\n", " ")
    assert lab.answered == lab.request, "the page would wait for ever"
    monkeypatch.undo()
    from_page(lab, hidden=6)
    assert lab.error == ""
    assert lab.picture != before


def test_a_bug_is_not_swallowed(lab, monkeypatch):
    monkeypatch.setattr(lab._studio.model, "forward", lambda *args: {}["no such key"])
    with pytest.raises(KeyError):
        lab.hidden = 5
    monkeypatch.undo()
    lab.hidden = 6
    assert int(lab.shown.mask.sum()) == 6, "after a bug nothing is answered any more"


def test_a_photo_that_vanished_is_a_sentence(photos, tmp_path):
    copy = tmp_path / "cat.jpg"
    copy.write_bytes(photos[0].read_bytes())
    lab = playground(small_model(), [photos[1], copy, tmp_path / "never.jpg"])
    assert lab.photos[2]["picture"] == b""
    before = lab.picture
    copy.unlink()
    lab.photo = 1
    assert "no picture can be read there" in lab.error
    assert lab.picture == before
    lab.photo = 77
    assert "There is no photo 77; there are 3" in lab.error


def test_no_picture_at_all_is_a_sentence_too(tmp_path):
    lab = playground(small_model(), [tmp_path / "never.jpg"])
    assert "no picture can be read there" in lab.error
    press(lab, "save")
    assert "no picture yet" in lab.error


# --- own photos


def test_upload_and_choose_between_photos(lab):
    before = lab.picture
    press(lab, "upload", [asset_path("photos", "nuthatch.jpg").read_bytes()], names=["bird.jpg"])
    mine = lab.picture
    assert mine != before
    assert (lab.photo, lab.photos[3]["name"]) == (3, "bird.jpg")
    assert len(lab.photos[3]["picture"]) > 500, "no thumbnail"
    assert "bird.jpg" in lab.alt
    lab.photo = 0
    assert lab.picture == before
    lab.photo = 3
    assert lab.picture == mine


def test_uploads_of_ipywidgets_7_and_8(lab):
    content = asset_path("photos", "nuthatch.jpg").read_bytes()
    lab.upload({"seven.jpg": {"metadata": {"name": "seven.jpg"}, "content": content}})
    file = {"name": "eight.jpg", "type": "image/jpeg", "size": 1, "last_modified": datetime.now(timezone.utc)}
    lab.upload((file | {"content": memoryview(asset_path("photos", "drum.jpg").read_bytes())},))
    lab.upload(())
    assert [photo["name"] for photo in lab.photos[3:]] == ["seven.jpg", "eight.jpg"]
    assert lab.photo == 4


def test_a_path_is_there_once(lab):
    path = asset_path("photos", "nuthatch.jpg")
    for text in (str(path), f'"{path}" '):
        press(lab, "path", text=text)
    assert [photo["name"] for photo in lab.photos[3:]] == ["nuthatch.jpg"]
    assert lab.photo == 3


def test_a_bad_path_or_upload_is_a_sentence_and_the_picture_stays(lab):
    before, good = lab.picture, asset_path("photos", "nuthatch.jpg").read_bytes()
    press(lab, "path", text="/no/such/photo.jpg")
    assert "/no/such/photo.jpg: no picture can be read there" in lab.error
    press(lab, "upload", [b"Dear all"], names=["letter.txt"])
    assert "letter.txt: this is not a picture" in lab.error
    press(lab, "upload", [good[:3000]], names=["cut.jpg"])
    assert "damaged or cut short" in lab.error
    assert (lab.picture, len(lab.photos)) == (before, 3)
    press(lab, "upload", [good], names=["bird.jpg"])
    assert lab.error == ""


# --- models


def test_a_model_to_download_says_what_it_is_and_waits_for_the_button(lab, monkeypatch):
    asked = []

    def load(name):
        asked.append(name)
        raise ValueError("the server cannot be reached")

    monkeypatch.setattr("mae_lite.widgets.studio.load_model", load)
    before = lab.picture
    from_page(lab, chosen="mae_visualize_vit_base")
    for said in ("448 MB", "CC-BY-NC-4.0", "Nothing is fetched until", f"still by {YOURS}"):
        assert said in lab.offer
    from_page(lab, hidden=3)
    assert asked == [], "it was loaded without the button"
    assert lab.picture != before, "the model in use goes on"
    press(lab, "download")
    assert asked == ["mae_visualize_vit_base"]
    assert lab.error == "the server cannot be reached"
    monkeypatch.setattr("mae_lite.widgets.studio.load_model", lambda name: small_model(mask_ratio=0.5))
    press(lab, "download")
    assert (lab.error, lab.offer) == ("", "")
    assert facts(lab)["Trained at"] == "50 % hidden"


def test_menu_has_the_given_model_the_bundled_and_those_with_a_decoder(lab):
    where = {model["name"]: model["where"] for model in lab.models}
    assert next(iter(where)) == YOURS
    assert where[DEFAULT_MODEL] == "bundled"
    assert where["mae_visualize_vit_large"] == "download"
    assert "mae_pretrain_vit_base" not in where, "it has no decoder"


def test_another_model_keeps_the_ratio_and_takes_its_own_grid(lab):
    from_page(lab, hidden=12)
    before = lab.picture
    from_page(lab, chosen=DEFAULT_MODEL)
    n = lab._studio.model.num_patches
    assert lab.grid == list(lab._studio.model.cfg.grid_size)
    assert (lab.hidden, int(lab.shown.mask.sum())) == (n // 2, n // 2)
    from_page(lab, chosen=YOURS)
    assert lab.picture == before


def test_each_model_paints_its_own_picture(lab, tmp_path):
    """Of the same photo under the same mask, which the page keeps for when one comes back."""
    torch.manual_seed(1)
    ml.save_model(MAE(lab._studio.model.cfg), tmp_path / "other")
    before, other = lab.picture, playground(tmp_path / "other", [lab._studio.photos[0].source])
    from_page(lab, chosen=str(tmp_path / "other"))
    assert lab.picture == other.picture != before
    from_page(lab, chosen=YOURS)
    assert lab.picture == before


def test_a_model_that_cannot_be_loaded_leaves_the_one_in_use(lab, monkeypatch):
    before = lab.picture
    from_page(lab, chosen="no such model")
    assert 'no model "no such model"' in lab.error
    assert (lab.chosen, lab.picture) == (YOURS, before)
    from_page(lab, hidden=2)
    assert lab.error == ""


def test_norm_pix_model_has_a_title_that_says_that_it_leaks(photos):
    lab = playground(small_model(norm_pix_loss=True), photos)
    assert "leak" in lab.title
    assert "Skill over harmonic fill" not in facts(lab)


# --- what is taken away


@pytest.mark.parametrize("strategy", [*STRATEGIES, "drawn"])
def test_the_python_gives_this_very_picture(lab, strategy):
    from_page(lab, chosen=DEFAULT_MODEL, photo=1, strategy=strategy, seed=5, show="output")
    from_page(lab, hidden=57)
    assert lab.error == ""
    press(lab, "python")
    names = {}
    exec(lab.code, names)
    assert torch.equal(names["shown"].mask, lab.shown.mask)
    assert np.array_equal(names["shown"].output, lab.shown.output)
    assert len(lab.code.splitlines()) <= 9
    from_page(lab, hidden=58)
    assert lab.code == "", "the code is of a picture that is gone"


def test_the_python_for_bundled_photos_works_on_any_machine():
    code = playground().copy_as_python()
    assert f'asset_path("photos", "{FIRST_PHOTO}.jpg")' in code


def test_the_python_for_an_own_photo_and_an_own_model(lab, tmp_path):
    press(lab, "upload", [asset_path("photos", "nuthatch.jpg").read_bytes()], names=["my bird.jpg"])
    for _ in range(2):
        press(lab, "python")
        names = {"model": lab._studio.model}
        exec(lab.code, names)
        assert np.array_equal(names["shown"].pasted, lab.shown.pasted)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["my-bird.jpg"]


def test_save_writes_what_is_on_show_and_says_where(lab, tmp_path):
    lab.show = "error"
    press(lab, "save")
    (path,) = (tmp_path / "out").glob("*.png")
    assert lab.notice == f"Saved as {path}"
    assert path.name == "cat-random-18-hidden-seed-0-error.png"
    saved, pictures = Image.open(path), np.hstack([lab.shown.masked, lab.shown.error, lab.shown.original])
    assert saved.info["Description"] == lab.shown.alt
    page = np.asarray(saved)
    assert np.array_equal(page[CAPTION:-CAPTION:7, ::7], pictures)
    for band, where in ((page[:CAPTION], "titles above"), (page[-CAPTION:], "measures below")):
        assert (band < 80).any(), f"no {where}"
        assert (band[:, [0, -1]] == 255).all(), f"the {where} are cut off"
    press(lab, "save")
    assert len(list((tmp_path / "out").iterdir())) == 1, "the same picture again is the same file"
    for mask in ([True] + [False] * 23, [False] * 23 + [True]):
        paint(lab, mask)
        press(lab, "save")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(names) == 3, "one drawing overwrote another"
    assert names[0] == "cat-drawn-1-hidden-error-2.png", "a drawing has no seed"


def test_a_folder_that_cannot_be_written_is_a_sentence(lab, tmp_path):
    (tmp_path / "out").write_text("in the way")
    press(lab, "save")
    assert "out" in lab.error
    assert lab.shown is not None


# --- display


@pytest.fixture
def displayed(monkeypatch):
    found = []
    monkeypatch.setattr("mae_lite.widgets.page.display", lambda data, raw, metadata=None: found.append(data))
    return found


def test_display_is_the_widget_then_a_picture_with_alt_for_readers_without_a_kernel(lab, displayed):
    lab._ipython_display_()
    live, stand_in = displayed
    assert live[VIEW]["model_id"] == lab.model_id
    assert VIEW not in stand_in
    assert f'<img alt="{html.escape(lab.shown.alt)}"' in stand_in["text/html"]
    assert "need a running kernel" in stand_in["text/html"]
    assert "need a running kernel" in stand_in["text/plain"]


def test_display_shows_what_was_just_set(lab, displayed):
    async def set_and_show():
        lab.hidden = 4
        lab._ipython_display_()

    asyncio.run(set_and_show())
    assert "4 of 24 patches hidden" in displayed[1]["text/plain"]


def test_the_page_fetches_nothing():
    text = Playground._esm
    assert "export default" in text
    for word in ("import ", "http", "require(", "fetch("):
        assert word not in text, f"{word!r} in the page's code: it must work without network"
