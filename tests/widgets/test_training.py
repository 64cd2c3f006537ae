"""A training that is watched: it trains as `pretrain` does, redraws in place, and stops when asked."""

import asyncio
import html
import io
import itertools
import re
import signal
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from PIL import Image

import mae_lite as ml
from helpers.html import Images
from mae_lite.train.pretrain import PretrainConfig, TrainingError, pretrain
from mae_lite.widgets import training
from mae_lite.widgets.curve import curve_alt, curve_svg
from mae_lite.widgets.training import Training, watch_training

CFG = ml.MAEConfig(
    img_size=(16, 32), patch_size=8, embed_dim=16, depth=1, num_heads=2,
    decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip
PLAN = PretrainConfig(epochs=5, batch_size=4, blr=0.1)
STEPS = 20
IMAGES = torch.randint(0, 256, (19, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """What would appear in the notebook."""
    found = []
    monkeypatch.setattr(training, "display", lambda what, **_: found.append(what))
    return found


def small_model(**settings):
    torch.manual_seed(0)
    return ml.MAE(ml.MAEConfig(**vars(CFG) | settings))


def photos(cfg=CFG):
    return {name: ml.load_image(ml.asset_path("photos", f"{name}.jpg"), cfg) for name in ("cat", "dogs", "fig")}


def watch(model=None, plan=PLAN, **options):
    model = model or small_model()
    return asyncio.run(watch_training(model, IMAGES, plan, photos(model.cfg), **{"every": 6} | options))


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_trains_exactly_as_pretrain_does(tmp_path):
    watched, plain = small_model(), small_model()
    view = watch(watched)
    losses = [record["loss"] for record in pretrain(plain, IMAGES, PLAN, tmp_path)]
    assert [record["loss"] for record in view.history] == losses
    for (name, a), b in zip(watched.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.equal(a, b), f"watching changed the training of {name}"


def test_redraws_at_the_start_every_few_steps_and_at_the_end():
    view = watch()
    assert [frame.step for frame in view.frames] == [0, 6, 12, 18, 20]
    losses = [record["loss"] for record in view.history]
    assert view.frames[0].loss is None
    assert [frame.loss for frame in view.frames[1:]] == pytest.approx(
        [np.mean(part) for part in (losses[:6], losses[6:12], losses[12:18], losses[18:])]
    ), "a point of the curve is the mean since the point before"
    assert not view.running
    assert view.status.startswith("Done: step 20 of 20 · loss ")


def test_what_is_painted_is_the_reconstruction():
    model = small_model()
    view = watch(model)
    masks = ml.random_mask(model.num_patches, CFG.mask_ratio, batch_size=3).split(1)
    want = [ml.reconstruct(model, x, mask).pasted for x, mask in zip(photos().values(), masks, strict=True)]
    painted = view.frames[-1].painted
    assert painted.shape == (64, 3 * 128 + 2 * 4, 4), "128 wide each, enlarged by whole pixels, with gaps"
    for k, picture in enumerate(want):
        part = painted[:, k * 132 : k * 132 + 128, :3]
        np.testing.assert_array_equal(part, picture.repeat(4, axis=0).repeat(4, axis=1))


def test_page_gets_one_picture_of_three_rows_and_it_changes():
    view = Training(small_model(), photos(), 100, 1)
    first = view.pictures, view.alt, view.curve, view.status
    view._model.decoder.pred.bias.data += 1
    view.add({"step": 1, "loss": 0.5, "seconds": 2.0})
    assert all(a != b for a, b in zip(first, (view.pictures, view.alt, view.curve, view.status), strict=True))
    was, now = (pixels(data).astype(int) for data in (first[0], view.pictures))
    assert was.shape == now.shape == (3 * 64 + 2 * 4, 392, 4)
    changed = np.abs(was - now).mean(axis=(1, 2))
    assert changed[68:132].mean() > 20 > 1 > max(changed[:64].mean(), changed[136:].mean()), (
        "only the middle row, what is painted, changes"
    )
    assert view.status == "step 1 of 100 · loss 0.500 · 2 s, about 198 s to go"
    assert view.alt.startswith("cat, dogs, fig: what the model is given, 2 of 8 patches; what it paints after 1 of 100")


def test_stop_ends_it_and_leaves_a_model_that_can_be_used(monkeypatch):
    model, add = small_model(), Training.add

    def add_and_press(self, record):
        add(self, record)
        if record["step"] == 8:
            self._handle_msg({"content": {"data": {"method": "custom", "content": {"do": "stop"}}}, "buffers": []})

    monkeypatch.setattr(Training, "add", add_and_press)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    view = watch(model)
    assert view.stopped
    assert len(view.history) == 8
    assert view.frames[-1].step == 8, "what is shown at the end is the model as it is left"
    assert view.status.startswith("Stopped at step 8 of 20 · loss ")
    assert view.said == view.status
    assert any(not torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert ml.reconstruct(model, photos()["cat"], ml.random_mask(model.num_patches)).mse < 10


def test_a_message_comes_in_between_two_steps(shown):
    """An event loop that runs beside the training, as a kernel's does, gets its turn after each step."""

    async def press():
        while not shown or len(shown[0].history) < 5:
            await asyncio.sleep(0)
        shown[0].stop()

    async def both():
        task = asyncio.create_task(press())
        view = await watch_training(small_model(), IMAGES, PLAN, photos())
        await task
        return view

    assert 5 <= len(asyncio.run(both()).history) <= 6


@pytest.mark.parametrize("when", ["in a step", "between two steps"])
def test_interrupting_the_kernel_stops_it_without_an_error(when, monkeypatch):
    model, add = small_model(), Training.add

    def add_and_interrupt(self, record):
        add(self, record)
        if record["step"] == 7:
            if when == "in a step":
                signal.raise_signal(signal.SIGINT)
            else:
                asyncio.current_task().cancel()

    monkeypatch.setattr(Training, "add", add_and_interrupt)

    async def cell():  # as in a kernel, where the loop does not handle the signal itself
        if when == "in a step":
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return await watch_training(model, IMAGES, PLAN, photos(), every=6)

    view = asyncio.run(cell())
    assert view.stopped
    assert len(view.history) == 7
    assert view.status.startswith("Stopped at step 7")


def test_shows_the_widget_and_after_it_a_figure_for_readers_without_a_kernel(shown):
    view = watch()
    assert shown[0] is view
    assert len(shown) == 2
    page = shown[1]["text/html"]
    curve, sheet = Images(page).found
    assert curve["alt"] == curve_alt([(frame.step, frame.loss) for frame in view.frames[1:]])
    assert sheet["alt"] == view.alt
    assert html.unescape(page).count(view.status) == 1
    assert "cat, dogs, fig" in shown[1]["text/plain"]
    assert ":has(.mae-lite-training) +" in page, "the figure hides while the widget before it is alive"


def test_nothing_is_kept_on_disk_unless_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    watch()
    assert list(tmp_path.iterdir()) == []
    watch(out=tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"last.pt", "history.csv", "film"}


def test_alt_texts_hold_no_measured_fraction():
    """A training ends a little different on each machine; what it says in words must not."""
    view = watch()
    words = [view.alt, curve_alt([(6, 1.234), (20, 0.567)]), *view.flipbook().alts]
    assert not re.findall(r"\d\.\d", " ".join(words))


def test_flipbook_has_the_first_and_the_last_frame_and_not_too_many():
    view = watch(every=1)
    few = view.flipbook()
    assert len(few.frames) == 21
    assert few.labels[0] == "step 0 of 20, before training"
    assert few.labels[-1].startswith("step 20 of 20, training loss ")
    view.frames = [frame._replace(step=k) for k, frame in enumerate(view.frames * 10)]
    many = view.flipbook()
    assert len(many.frames) == training.PAGES
    assert many.labels[0].startswith("step 0 ")
    assert many.labels[-1].startswith("step 209 ")


def test_read_out_at_quarters_and_at_the_end_only():
    view, said = Training(small_model(), photos(), 40, 1), []
    view.observe(lambda change: said.append(change["new"]), "said")
    for step in range(1, 41):
        view.add({"step": step, "loss": 1.0, "seconds": float(step)})
    view.finish()
    assert [text.split(" · ")[0] for text in said] == [
        "step 10 of 40", "step 20 of 40", "step 30 of 40", "step 40 of 40", "Done: step 40 of 40",
    ]  # fmt: skip


def test_works_in_grey():
    cfg = ml.MAEConfig(**vars(CFG) | {"in_chans": 1, "mean": (0.5,), "std": (0.25,)})
    view = Training(ml.MAE(cfg), photos(cfg), 10, 1)
    assert pixels(view.pictures).shape[2] == 4


@pytest.mark.parametrize(
    ("settings", "names", "said"),
    [({}, 0, "it got 0 photos"), ({"norm_pix_loss": True}, 3, "norm_pix_loss True")],
)
def test_what_cannot_be_shown_is_said(settings, names, said, shown):
    with pytest.raises(ValueError, match=said):
        asyncio.run(
            watch_training(small_model(**settings), IMAGES, PLAN, dict(itertools.islice(photos().items(), names)))
        )
    assert shown == []


def test_settings_that_do_not_fit_are_said_before_anything_is_shown(shown):
    with pytest.raises(TrainingError, match="batch_size 64 must be at most the 19 images"):
        watch(plan=PretrainConfig(batch_size=64))
    assert shown == []


def test_curve_is_an_image_with_words_and_its_points_lie_where_they_should():
    root = ET.fromstring(curve_svg([(10, 2.0), (50, 1.0), (100, 0.5)], total=200))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Training loss against step; after 100 steps it is 25% of what it was at first."
    (line,) = root.findall("polyline")
    xs, ys = np.array([[float(v) for v in p.split(",")] for p in line.get("points").split()]).T
    texts = {text.text: text for text in root.findall("text")}
    left, middle = float(texts["0"].get("x")), float(texts["100"].get("x"))
    assert xs[2] == pytest.approx(middle), "step 100 of 200 is in the middle"
    assert np.diff(xs)[1] / np.diff(xs)[0] == pytest.approx(50 / 40, abs=0.01)
    assert np.diff(ys)[0] / np.diff(ys)[1] == pytest.approx(2, abs=0.01), "loss is on a linear scale"
    assert left < xs[0]


@pytest.mark.parametrize("points", [[], [(1, 0.001)], [(1, 40.0), (2, 3.0)]])
def test_curve_of_any_height_stays_inside(points):
    root = ET.fromstring(curve_svg(points, total=2))
    _, _, width, height = map(float, root.get("viewBox").split())
    for circle in root.findall("circle"):
        assert 0 <= float(circle.get("cx")) <= width
        assert 0 <= float(circle.get("cy")) <= height


def test_page_and_python_agree_on_names():
    script = Training._esm
    for name in ("names", "rows", "pictures", "alt", "curve", "status", "said", "running"):
        assert name in Training.class_trait_names(sync=True)
        assert re.search(rf"\b{name}\b", script), f"the page does not read {name}"
    assert 'do: "stop"' in script
