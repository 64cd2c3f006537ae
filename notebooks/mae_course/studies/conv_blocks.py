"""Blocks of two 3 x 3 convolutions that differ in what they make of hidden cells.

Cells are places of a feature map; `hidden` and `known` are maps of one channel, 1 for yes and 0 for no.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import LayerNorm2d
from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions that add to the stream."""

    def __init__(self, width: int, padding_mode: str = "zeros"):
        super().__init__()
        self.norm = LayerNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, padding_mode=padding_mode)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, padding_mode=padding_mode)

    def forward(self, x: Float[Tensor, "b d h w"], hidden: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b d h w"]:
        """Features of the cells; plain convolution takes no notice of what is hidden."""
        return x + self.conv2(F.gelu(self.conv1(self.norm(x))))


class GatedBlock(nn.Module):
    """Gated convolution: a second convolution decides, cell by cell, how much of the first passes (Yu et al. 2019)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = LayerNorm2d(width)
        self.conv1 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)

    def forward(self, x: Float[Tensor, "b d h w"], hidden: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b d h w"]:
        """Features of the cells."""
        value, gate = self.conv1(self.norm(x)).chunk(2, dim=1)
        value, gate = self.conv2(F.gelu(value) * gate.sigmoid()).chunk(2, dim=1)
        return x + value * gate.sigmoid()


def partial_conv(
    conv: nn.Conv2d, x: Float[Tensor, "b d h w"], known: Float[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, "b d2 h w"], Float[Tensor, "b 1 h w"]]:
    """Partial convolution (Liu et al. 2018): only known cells count, and the sum is scaled up for those that miss.

    Args:
        conv: a 3 x 3 convolution with padding 1 and a bias.
        x: features.
        known: 1 where a cell is known, 0 where not.

    Returns:
        The features, 0 where a window holds nothing known; and what is known now: every cell with a known neighbour.
    """
    window = torch.ones(1, 1, 3, 3, dtype=x.dtype, device=x.device)
    inside = F.conv2d(torch.ones_like(known), window, padding=1)  # cells of the window that lie in the image
    count = F.conv2d(known, window, padding=1)
    out = F.conv2d(x * known, conv.weight, padding=1) * (inside / count.clamp(min=1)) + conv.bias[:, None, None]
    known = (count > 0).to(x.dtype)
    return out * known, known


class PartialBlock(ConvBlock):
    """The same two convolutions, partial: cells become known from the border of what is visible inwards."""

    def forward(
        self, x: Float[Tensor, "b d h w"], known: Float[Tensor, "b 1 h w"]
    ) -> tuple[Float[Tensor, "b d h w"], Float[Tensor, "b 1 h w"]]:
        """Features of the cells, and which are known now."""
        y, spread = partial_conv(self.conv1, self.norm(x), known)
        y, spread = partial_conv(self.conv2, F.gelu(y), spread)
        return x + y, spread


class SparseBlock(ConvBlock):
    """Sparse (submanifold) convolution, emulated: features exist at visible cells only, before and after (SparK)."""

    def forward(self, x: Float[Tensor, "b d h w"], hidden: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b d h w"]:
        """Features of the cells, 0 where hidden."""
        visible = 1 - hidden  # the norm is of each cell by itself, so it needs no notice
        y = F.gelu(self.conv1(self.norm(x) * visible)) * visible
        return x + self.conv2(y) * visible


class SemanticBlock(nn.Module):
    """One form of a "semantic convolution": a 3 x 3 window weighted by what its cells are, not by where they are alone.

    Each cell carries an indicator beside its features: at first how hidden it is, then, block by block, a few channels
    the network chooses. Attention within the window asks with features and indicator together, so a window's weights
    follow its content; what was a colour gradually becomes a kind of thing.
    """

    def __init__(self, width: int, kinds: int = 8):
        super().__init__()
        self.norm = LayerNorm2d(width)
        self.qkv = nn.Conv2d(width + kinds, 3 * width, 1)
        self.place = nn.Parameter(torch.zeros(9))  # the share that place alone has in the weights
        self.proj = nn.Conv2d(width, width, 1)
        self.kind = nn.Conv2d(width + kinds, kinds, 1)
        self.mix = nn.Conv2d(width + kinds, width, 3, padding=1)

    def forward(
        self, x: Float[Tensor, "b d h w"], kinds: Float[Tensor, "b k h w"]
    ) -> tuple[Float[Tensor, "b d h w"], Float[Tensor, "b k h w"]]:
        """Features and indicators of the cells."""
        b, d, h, w = x.shape
        both = torch.cat([self.norm(x), kinds], dim=1)
        q, k, v = self.qkv(both).chunk(3, dim=1)
        k, v = (F.unfold(t, 3, padding=1).view(b, d, 9, h, w) for t in (k, v))
        inside = F.unfold(torch.ones_like(x[:, :1]), 3, padding=1).view(b, 9, h, w)
        scores = (q[:, :, None] * k).sum(dim=1) * d**-0.5 + self.place[:, None, None]
        weights = scores.masked_fill(inside == 0, -torch.inf).softmax(dim=1)
        x = x + self.proj((weights[:, None] * v).sum(dim=2))
        both = torch.cat([self.norm(x), kinds], dim=1)
        return x + F.gelu(self.mix(both)), kinds + self.kind(both)
