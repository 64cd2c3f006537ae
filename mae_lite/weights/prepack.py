"""The same model for inference on a CPU, its weights laid out ahead of time for faster matrix products."""

import copy
import platform
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class PackedLinear(nn.Module):
    """A linear layer for inference, its weight in the blocks that oneDNN reads.

    torch gives float32 products on a CPU to MKL, which takes the weight as it lies; for the few tokens of one image
    oneDNN is faster. The two operators are those that torch.compile puts into its programs for this.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())
        self.bias = linear.bias.detach()

    def forward(self, x: Float[Tensor, "*b d_in"]) -> Float[Tensor, "*b d_out"]:
        """What the linear layer gives, to rounding."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


def can_prepack() -> bool:
    """Whether this machine gains: x86 with oneDNN, which is also where it was measured."""
    there = all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    return platform.machine().lower() in ("x86_64", "amd64") and torch.backends.mkldnn.is_available() and there


def prepack(model: M) -> M:
    """A copy for inference, faster on a CPU; predictions are the same within 1e-4.

    The gain is largest for one image and a large model: `benchmarks/peers.py` measures it. Everything but the linear
    layers is shared with `model`. A copy does not follow later training, cannot be trained, and cannot be saved.

    Args:
        model: in float32. On another device or processor, where nothing is gained, the model itself is returned.
    """
    weight = next(model.parameters())
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or not can_prepack():
        return model
    packed = copy.deepcopy(model, memo={id(one): one for one in (*model.parameters(), *model.buffers())})
    for part in [*packed.modules()]:
        for name, layer in part.named_children():
            if isinstance(layer, nn.Linear):
                setattr(part, name, PackedLinear(layer))
    return packed
