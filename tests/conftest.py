"""Small models that several test files use, a switch for the shape checks, and a wall around this machine."""

import ipaddress
import os
import socket

if "PYTEST_XDIST_WORKER" in os.environ:  # several processes at once: one thread each, also in those that they start
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the same tests on every machine: CPU tensors meet CPU models

import jaxtyping
import pytest
import torch
from torch import nn

from mae_lite.config import MAEConfig
from mae_lite.mae import MAE

pytest_plugins = ["helpers.server", "helpers.counts"]


LAST = ("tests/robust/", "tests/browser/")
"""What takes long and fails seldom."""
TOGETHER = {
    "tests/notebooks/test_site.py": "site", "tests/browser/test_site_page.py": "site",
    "tests/notebooks/test_student.py": "student", "tests/notebooks/test_slides.py": "slides",
}  # fmt: skip
"""Files that make one thing for all their tests, which is slow: a process does all of them."""


def pytest_collection_modifyitems(items):
    """What takes long and fails seldom comes last."""
    items.sort(key=lambda item: item.nodeid.startswith(LAST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests one by one, but those that share a page or a tree that is slow to make by one process."""
    from xdist.scheduler import LoadScopeScheduling  # only where tests run in parallel

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return TOGETHER.get(file, file if file.startswith("tests/browser/") else nodeid)

    return Together(config, log)


def is_here(host: str | bytes | None) -> bool:
    """Whether an address or a name is this machine's own."""
    host = host.decode() if isinstance(host, bytes) else host
    if not host or host in ("localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def no_network():
    """No test reaches another machine: one that tries fails, even if the code would take the error for no network."""
    look_up, sends = socket.getaddrinfo, ("connect", "connect_ex", "sendto")

    def guarded(send):
        def wrapper(self, *args):
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_here(args[-1][0]):
                pytest.fail(f"A test wants to reach {args[-1]}; tests run without network.")
            return send(self, *args)

        return wrapper

    def known(host, *args, **options):
        if not is_here(host):
            pytest.fail(f"A test asks for the address of {host}; tests run without network.")
        return look_up(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", known)
        for name in sends:
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        yield


SMALL = {
    "img_size": (16, 24), "patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 3,
    "decoder_embed_dim": 16, "decoder_depth": 1, "decoder_num_heads": 2,
}  # fmt: skip


@pytest.fixture
def small_config():
    """A function: the smallest sensible config (16x24 pixels, 4x6 patches), with changes."""

    def build(**changes) -> MAEConfig:
        channels = changes.get("in_chans", 3)
        statistics = {} if channels == 3 else {"mean": (0.5,) * channels, "std": (0.25,) * channels}
        return MAEConfig(**(SMALL | statistics | changes))

    return build


@pytest.fixture
def small_model(small_config):
    """A function: a model of that config fixed by seed 0, its biases and norms as if trained, so that each counts."""

    def build(**changes) -> MAE:
        torch.manual_seed(0)
        model = MAE(small_config(**changes))
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                nn.init.uniform_(module.weight, 0.8, 1.2)
            if getattr(module, "bias", None) is not None:
                nn.init.uniform_(module.bias, -0.2, 0.2)
        return model

    return build


@pytest.fixture
def unchecked():
    """Calls run as a user's do, without jaxtyping: for what the package itself must say about a wrong shape."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
