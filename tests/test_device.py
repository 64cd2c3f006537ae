import time

import pytest
import torch

from mae_lite.device import ThreadChoice, autocast, pick_device, training_autocast


def test_default_follows_availability():
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_by_name():
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["banana", "cpu:x", "cpu:1", "tpu", "", "cuda:99", "mps:7"])
def test_a_device_that_is_not_there_is_told(name):
    with pytest.raises(ValueError, match=f'There is no device "{name}" on this machine;'):
        pick_device(name)


def test_threads_follow_what_is_faster():
    """Work that one thread does faster is given to one, and when that changes the choice does."""
    torch_s_own = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        choice, costs = ThreadChoice(), {4: 0.02, 1: 0.002}
        used = [work(choice, costs) for _ in range(ThreadChoice.AGAIN)]
        assert used[:2] == [4, 4], "a warm-up, which does not count, and torch's own number"
        assert set(used[2:-1]) == {1}
        assert used[-1] == 4, "now and then the other is tried again"
        costs.update({4: 0.002, 1: 0.06})  # above what four took, so that no tie decides
        assert [work(choice, costs) for _ in range(ThreadChoice.AGAIN)].count(4) > ThreadChoice.AGAIN / 2
        with pytest.raises(ValueError, match="broken"), choice():
            raise ValueError("broken")
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(torch_s_own)


def work(choice, costs):
    with choice():
        threads = torch.get_num_threads()
        time.sleep(costs[threads])
    assert torch.get_num_threads() == 4, "torch's number is put back"
    return threads


def test_one_thread_leaves_nothing_to_choose():
    torch_s_own = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        choice = ThreadChoice()
        for _ in range(3):
            with choice():
                assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(torch_s_own)


@pytest.mark.parametrize(
    ("precision", "knows", "expected"),
    [
        ("auto", {"avx512_bf16": True}, torch.bfloat16), ("auto", {"amx_bf16": True}, torch.bfloat16),
        ("auto", {"avx512_bf16": False, "avx2": True}, torch.float32), ("auto", {}, torch.float32),
        ("bf16", {}, torch.bfloat16), ("fp32", {"avx512_bf16": True}, torch.float32),
    ],
)  # fmt: skip
def test_training_precision_follows_the_processor(monkeypatch, precision, knows, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: knows, raising=False)
    with training_autocast(torch.device("cpu"), precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected
    with autocast(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32, "inference is the same on every CPU"
