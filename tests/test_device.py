import pytest
import torch

from mae_lite.device import pick_device


def test_default_follows_availability():
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_by_name():
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["banana", "cpu:x", "cpu:1", "tpu", "", "cuda:99", "mps:7"])
def test_a_device_that_is_not_there_is_told(name):
    with pytest.raises(ValueError, match=f'There is no device "{name}" on this machine;'):
        pick_device(name)
