"""Thousands of random moves over all controls: the state is the picture's, no exception is lost, memory is flat."""

import io

import numpy as np
import psutil
import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from PIL import Image

import mae_lite as ml
from mae_lite.masking import STRATEGIES, draw_mask
from mae_lite.weights.assets import asset_path
from mae_lite.widgets import playground
from mae_lite.widgets.pictures import encoded
from mae_lite.widgets.words import SHOWN

MODEL = ml.MAEConfig(
    img_size=(32, 48), patch_size=8, embed_dim=32, depth=1, num_heads=2,
    decoder_embed_dim=32, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip
N = MODEL.num_patches
MOVES = 2000
SEQUENCES = 40
GOOD = [asset_path("photos", name) for name in ("cat.jpg", "coffee.jpg")]
DONE = {"moves": 0, "refused": 0}


def photo_bytes(number: int) -> bytes:
    """A small PNG of one colour with noise."""
    rng = np.random.default_rng(number)
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


class Moves(RuleBasedStateMachine):
    """A reader who presses everything, in any order, and sometimes what the page would never send."""

    @initialize()
    def open_page(self):
        torch.manual_seed(0)
        self.page = playground(ml.MAE(MODEL).eval(), GOOD)
        self.brought = 0

    def move(self, **state):
        """A message from the page: several controls at once, as after a fast drag."""
        DONE["moves"] += 1
        data = {"method": "update", "state": state | {"request": self.page.request + 1}, "buffer_paths": []}
        self.page._handle_msg({"content": {"data": data}, "buffers": []})

    def press(self, what, buffers=(), **content):
        DONE["moves"] += 1
        data = {"method": "custom", "content": {"do": what, **content}}
        self.page._handle_msg({"content": {"data": data}, "buffers": [memoryview(b) for b in buffers]})
        DONE["refused"] += bool(self.page.error)

    @rule(hidden=st.integers(0, N - 2), seed=st.integers(0, 2**31 - 1))
    def drag(self, hidden, seed):
        self.move(hidden=hidden, seed=seed)

    @rule(strategy=st.sampled_from(STRATEGIES))
    def choose_strategy(self, strategy):
        self.move(strategy=strategy)

    @rule(show=st.sampled_from(tuple(SHOWN)))
    def choose_panel(self, show):
        self.move(show=show)

    @rule(data=st.data())
    def choose_photo(self, data):
        self.move(photo=data.draw(st.integers(0, len(self.page.photos) - 1)))

    @rule(mask=st.lists(st.booleans(), min_size=N, max_size=N))
    def paint(self, mask):
        DONE["moves"] += 1
        data = {"method": "update", "buffer_paths": [["mask"]],
                "state": {"strategy": "drawn", "hidden": sum(mask), "request": self.page.request + 1}}  # fmt: skip
        self.page._handle_msg({"content": {"data": data}, "buffers": [memoryview(bytes(mask))]})
        DONE["refused"] += bool(self.page.error)

    @rule(number=st.integers(0, 5), cut=st.sampled_from((None, None, 10, 60)))
    def upload(self, number, cut):
        if self.brought < 6:
            self.brought += 1
            self.press("upload", [photo_bytes(number)[:cut]], names=[f"<b>{number}</b>.png"])

    @rule(text=st.sampled_from(("", "nowhere.jpg", "/", "\0", str(asset_path("photos", "dahlia.jpg")))))
    def type_path(self, text):
        if self.brought < 6:
            self.brought += 1
            self.press("path", text=text)

    @rule(what=st.sampled_from(("reset", "save", "python", "python")))
    def button(self, what):
        self.press(what)

    @invariant()
    def picture_is_what_the_controls_say(self):
        page = self.page
        assert page.shown is not None
        if page.error:  # the last good picture stays, and a sentence says why
            assert page.error.endswith("."), page.error
            assert "\n" not in page.error
            return
        assert page.answered == page.request
        hidden = int(page.shown.mask.sum())
        assert hidden == page.hidden == sum(page.mask)
        assert page.picture == encoded(getattr(page.shown, page.show))
        assert f"{hidden} of {N}" in page.alt or str(hidden) in page.alt
        if page.strategy != "drawn":
            assert torch.equal(page.shown.mask.flatten(), draw_mask(
                page.strategy, MODEL.grid_size, hidden / N, seed=page.seed)[0].to(page.shown.mask.device))  # fmt: skip
        assert all(order in range(N) for order in page.order)


@pytest.mark.slow
def test_random_moves(tmp_path, monkeypatch, count):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "cache"))
    DONE.update(moves=0, refused=0)
    before = psutil.Process().memory_info().rss
    run_state_machine_as_test(
        Moves,
        settings=settings(
            max_examples=SEQUENCES, stateful_step_count=MOVES // SEQUENCES + 35, deadline=None, database=None,
            derandomize=True, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    grown = (psutil.Process().memory_info().rss - before) / 1e6
    count("moves in the playground", tried=DONE["moves"], refused=DONE["refused"])
    assert DONE["moves"] >= MOVES
    assert grown < 300, f"{grown:.0f} MB more after {DONE['moves']} moves"


def test_two_playgrounds_in_one_notebook_know_nothing_of_each_other():
    torch.manual_seed(0)
    one, other = (playground(ml.MAE(MODEL).eval(), GOOD) for _ in range(2))
    kept = other.picture, other.hidden, other.serial
    one.hidden, one.seed, one.photo = 3, 5, 1
    assert (other.picture, other.hidden, other.serial) == kept
    other.strategy = "grid"
    assert one.strategy == "random"
    assert int(one.shown.mask.sum()) == 3
