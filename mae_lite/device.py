"""Where tensors live."""

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch


def pick_device(name: str | None = None) -> torch.device:
    """The named device, or CUDA where there is one, else the CPU. MPS is used only when asked for by name.

    Raises:
        ValueError: if the named device is not there.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = name.split(":")[0]
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(kind):
        there = ", ".join(k for k, ok in present.items() if ok)
        raise ValueError(f'There is no device "{name}" on this machine; there is: {there}.')
    number = name.removeprefix(kind).removeprefix(":")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if number and not (number.isdecimal() and int(number) < count):
        raise ValueError(f'There is no device "{name}" on this machine; {kind}:0 to {kind}:{count - 1} are there.')
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster there: on CUDA, and on CPUs with instructions for them."""
    if device.type != "cpu":
        return device.type == "cuda"
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.9 does not tell
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16"))


def autocast(device: torch.device) -> torch.autocast:
    """For inference: bf16 for matrix products on CUDA; float32 as it is elsewhere, so that CPUs agree."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def training_autocast(device: torch.device, precision: str) -> torch.autocast:
    """For training: matrix products in bf16 or, for "fp32", as they are; "auto" is bf16 where `has_bf16`.

    Losses stay in float32.
    """
    bf16 = precision == "bf16" or (precision == "auto" and has_bf16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


class ThreadChoice:
    """Torch's own number of CPU threads, or one: whichever was faster of late for work that is done again and again.

    Where other programs hold the cores, threads that wait for each other take several times as long as one alone; on
    idle cores one takes longer. Both are tried, the first call is a warm-up, and now and then the other is tried again.
    """

    AGAIN = 16
    """Calls until the slower number is tried again."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys((torch.get_num_threads(), 1), 0.0)  # 0: not tried yet
        self.calls = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Do the work of one call in this context; torch's number of threads is put back afterwards."""
        usual, last = torch.get_num_threads(), self.calls % self.AGAIN == self.AGAIN - 1
        threads = (max if last else min)(self.seconds, key=self.seconds.__getitem__)
        torch.set_num_threads(threads)
        start = time.perf_counter()
        try:
            yield
        finally:
            torch.set_num_threads(usual)
        if self.calls:
            self.seconds[threads] = time.perf_counter() - start
        self.calls += 1


def device_name(device: torch.device) -> str:
    """The GPU's or the processor's name, as far as the system tells it, for a record of what was measured where."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
