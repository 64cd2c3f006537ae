"""The film of a training: read from PNG and WebP, pasted where patches were visible."""

import io

import numpy as np
import pytest
from PIL import Image

from mae_lite.images import picture_bytes
from mae_lite.measure.film import film_inputs, load_film, load_history
from mae_lite.measure.reconstruct import reconstruct
from mae_lite.train.log import Camera
from mae_lite.weights.catalogue import bundled_models
from mae_lite.weights.checkpoints import save_model

HISTORY = "step,epoch,lr,loss,val_loss,seconds\n4,1,0.1,2.5,,1\n6,1.5,0.1,2,1.75,2\n10,2,0.1,1.25,,3\n"


def filmed(folder, model, steps=(0, 1, 4, 10), history=HISTORY):
    """A folder as a training leaves it, of one model at several steps."""
    camera = Camera(folder / "film", model.cfg, total=10)
    camera.steps = set(steps)
    for step in range(11):
        camera.shoot(model, step)
    save_model(model, folder)
    (folder / "history.csv").write_text(history)
    return folder


@pytest.mark.parametrize("name", [name for name in bundled_models() if "normpix" not in name])
def test_bundled_models_have_their_film(name):
    film = load_film(name)
    assert film.steps[0] == 0
    assert film.steps[-1] == film.history[-1]["step"]
    assert len(film.steps) >= 10
    off = [np.abs(film.frame(i).astype(float) - film.originals).mean() for i in (0, -1)]
    assert off[1] < off[0] / 2, "the outputs come closer to the photos"
    assert sum(path.stat().st_size for path in (bundled_models()[name] / "film").iterdir()) < 2_000_000


def test_frames_are_the_models_reconstructions(small_model, tmp_path):
    model = small_model().eval()
    film = load_film(filmed(tmp_path, model))
    assert film.steps == (0, 1, 4, 10)
    imgs, mask = film_inputs(model.cfg)
    shown = [reconstruct(model, imgs[i : i + 1], mask[i : i + 1]) for i in range(8)]
    strip = np.concatenate([one.output for one in shown], axis=1)
    strip = Image.open(io.BytesIO(picture_bytes(strip, "webp", quality=80)))
    for i, one in enumerate(shown):
        np.testing.assert_array_equal(film.originals[i], one.original)
        np.testing.assert_array_equal(film.masked[i], one.masked)
        raw, pasted, hidden = film.frame(2, paste=False)[i], film.frame(2)[i], film.hidden[i, ..., 0]
        np.testing.assert_array_equal(raw, np.asarray(strip.convert("RGB"))[:, 24 * i : 24 * (i + 1)])
        np.testing.assert_array_equal(pasted[~hidden], one.original[~hidden], "visible patches are the photo's")
        np.testing.assert_array_equal(pasted[hidden], raw[hidden])


def test_png_films_of_earlier_trainings_are_read_too(small_model, tmp_path):
    folder = filmed(tmp_path, small_model().eval(), steps=(0, 10))
    expected = load_film(folder).outputs
    for path in (folder / "film").glob("*.webp"):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    found = load_film(folder)
    assert found.steps == (0, 10)
    np.testing.assert_array_equal(found.outputs, expected)


def test_one_channel_is_grey(small_model, tmp_path):
    film = load_film(filmed(tmp_path, small_model(in_chans=1).eval(), steps=(0,)))
    assert film.outputs.shape == (1, 8, 16, 24, 3)
    assert np.ptp(film.originals.astype(int), axis=3).max() == 0


def test_labels_say_step_images_and_the_loss_around_it(small_model, tmp_path):
    film = load_film(filmed(tmp_path, small_model().eval(), steps=(0, 1, 4, 5, 10)))
    assert [film.label(i) for i in range(5)] == [
        "step 0 of 10: before training",
        "step 1 of 10, training loss 2.500 (mean of steps 1 to 4)",
        "step 4 of 10, training loss 2.500 (mean of steps 1 to 4)",
        "step 5 of 10, training loss 2.000 (mean of steps 5 to 6)",
        "step 10 of 10, training loss 1.250 (mean of steps 7 to 10)",
    ]
    assert film.label(3, batch_size=1000).startswith("step 5 of 10, 5,000 images seen, training loss")


def test_without_a_history_the_label_is_the_step(small_model, tmp_path):
    film = load_film(filmed(tmp_path, small_model().eval(), steps=(0, 4)))
    (tmp_path / "history.csv").unlink()
    assert load_history(tmp_path) == []
    assert load_film(tmp_path).label(1) == "step 4 of 4"
    assert film.label(1).startswith("step 4 of 10")


def test_history_is_numbers_and_none(tmp_path):
    (tmp_path / "history.csv").write_text(HISTORY)
    rows = load_history(tmp_path)
    assert [row["val_loss"] for row in rows] == [None, 1.75, None]
    assert rows[2] == {"step": 10, "epoch": 2, "lr": 0.1, "loss": 1.25, "val_loss": None, "seconds": 3}


def test_picks_are_spread_by_what_they_show():
    film = load_film("mae-lite-nano")
    picks = film.picks(5)
    assert picks[0] == 0
    assert picks[-1] == len(film.steps) - 1
    assert len(picks) <= 5
    gaps = [np.abs(film.frame(b).astype(float) - film.frame(a)).mean() for a, b in zip(picks, picks[1:], strict=False)]
    evenly = [
        np.abs(film.frame(b).astype(float) - film.frame(a)).mean() for a, b in ((0, 3), (3, 7), (7, 10), (10, 13))
    ]
    assert min(gaps) > 2 * min(evenly), "no two rows that look alike"


def test_what_is_not_there_is_said(small_model, tmp_path):
    with pytest.raises(ValueError, match="There is no film of nowhere"):
        load_film("nowhere")
    filmed(tmp_path, small_model().eval(), steps=(0,))
    Image.new("RGB", (80, 16)).save(tmp_path / "film/00000000.webp")
    with pytest.raises(ValueError, match="80x16 pixels, not 8 photos of 24x16"):
        load_film(tmp_path)
