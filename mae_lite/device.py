"""Where tensors live."""

import platform
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


def autocast(device: torch.device) -> torch.autocast:
    """bf16 for matrix products on CUDA; float32 as it is elsewhere. The loss stays in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def device_name(device: torch.device) -> str:
    """The GPU's or the processor's name, as far as the system tells it, for a record of what was measured where."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
