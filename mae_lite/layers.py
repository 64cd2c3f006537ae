"""The Transformer's parts: fixed positions, attention, MLP, block (the standard ViT of section 3 and appendix A.1)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def sincos_2d(grid_size: tuple[int, int], dim: int) -> Float[Tensor, "n dim"]:
    """Fixed 2-D sine-cosine positions (appendix A.1), row by row.

    The first half of the channels encodes the **column**, the second half the **row**, each as sines then cosines of
    dim / 4 frequencies from 1 down to nearly 1 / 10000. The official weights were trained with this order.
    """
    rows, columns = grid_size
    freq = 10000 ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    angles = [axis.reshape(-1, 1) * freq for axis in (x, y)]
    return torch.cat([f(angle) for angle in angles for f in (torch.sin, torch.cos)], dim=1).float()


def attend(
    q: Float[Tensor, "b heads n_tokens d"],
    k: Float[Tensor, "b heads n_tokens d"],
    v: Float[Tensor, "b heads n_tokens d"],
) -> Float[Tensor, "b heads n_tokens d"]:
    """softmax(q kᵀ / √d) v: what every token finds at all tokens, each head on its own.

    torch's fused kernel, save in bfloat16 training on a CPU, where its backward pass takes longer than plain products.
    """
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.requires_grad:
        return (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).softmax(dim=-1) @ v
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """Multi-head self-attention; q, k and v come from one fused linear layer."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b n_tokens d"]) -> Float[Tensor, "b n_tokens d"]:
        """Let every token look at every token."""
        b, n, d = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.num_heads, d // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (b, heads, n_tokens, d / heads)
        x = attend(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    """Two linear layers with a GELU between them, on each token alone."""

    def __init__(self, dim: int, hidden_dim: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Float[Tensor, "b n_tokens d"]) -> Float[Tensor, "b n_tokens d"]:
        """Transform each token."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm Transformer block, equal to timm's `Block` with `qkv_bias=True`."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float = 4.0, eps: float = 1e-6):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, x: Float[Tensor, "b n_tokens d"]) -> Float[Tensor, "b n_tokens d"]:
        """Attend, then transform each token; both add to the stream."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))
