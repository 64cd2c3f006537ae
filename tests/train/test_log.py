"""What a training leaves: its film is small on disk, and taking it needs none of the pages that show it."""

import torch

from helpers.project import loaded_by
from mae_lite.config import PRESETS
from mae_lite.mae import MAE
from mae_lite.train.log import FRAME_BYTES, Camera


def test_a_film_at_224_pixels_stays_under_two_megabytes(tmp_path):
    """The worst frame: every pixel noise, as drawn weights of large output give."""
    torch.manual_seed(0)
    model = MAE(PRESETS["tiny"]).eval()
    with torch.no_grad():
        model.decoder.pred.weight.mul_(3)
    camera = Camera(tmp_path, model.cfg, total=10)
    camera.shoot(model, 0)
    (frame,) = tmp_path.iterdir()
    assert 20_000 < frame.stat().st_size <= FRAME_BYTES
    assert FRAME_BYTES * Camera.FRAMES < 2e6
    assert len(Camera(tmp_path, model.cfg, total=100_000).steps) <= Camera.FRAMES


def test_the_engine_loads_no_pages_and_no_figures():
    assert not [name for name in loaded_by("train.pretrain") if name.startswith(("show", "widgets", "cli"))]
