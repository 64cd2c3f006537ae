"""The decoder gets the full set of tokens: encoded visible patches and mask tokens (section 3, "MAE decoder")."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mae_lite.config import MAEConfig
from mae_lite.layers import Block, sincos_2d


class MAEDecoder(nn.Module):
    """A small Transformer from the latent to the pixels of every patch."""

    pos_embed: Float[Tensor, "n d"]

    def __init__(self, cfg: MAEConfig):
        super().__init__()
        dim = cfg.decoder_embed_dim
        self.embed = nn.Linear(cfg.embed_dim, dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks = nn.ModuleList(
            Block(dim, cfg.decoder_num_heads, cfg.mlp_ratio, cfg.layer_norm_eps) for _ in range(cfg.decoder_depth)
        )
        self.norm = nn.LayerNorm(dim, eps=cfg.layer_norm_eps)
        self.pred = nn.Linear(dim, cfg.patch_dim)
        self.register_buffer("pos_embed", sincos_2d(cfg.grid_size, dim), persistent=False)

    def forward(
        self, latent: Float[Tensor, "b n_tokens d"], ids_restore: Int[Tensor, "b n"]
    ) -> Float[Tensor, "b n patch_dim"]:
        """Predict every patch, visible ones too.

        Args:
            latent: the encoder's output, class token first, then the visible patches.
            ids_restore: for each patch its place in (visible patches, then mask tokens).
        """
        x = self.embed(latent)
        cls, visible = x[:, :1], x[:, 1:]
        n_masked = ids_restore.shape[1] - visible.shape[1]
        mask_tokens = self.mask_token.to(x.dtype).expand(len(x), n_masked, -1)
        x = torch.cat([visible, mask_tokens], dim=1)
        x = x.gather(1, ids_restore[..., None].expand(-1, -1, x.shape[2]))  # unshuffle: (b, n, d)
        x = torch.cat([cls, x + self.pos_embed], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.pred(self.norm(x)[:, 1:])
