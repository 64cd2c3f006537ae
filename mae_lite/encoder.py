"""The encoder sees visible patches only, no mask tokens (section 3, "MAE encoder")."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mae_lite.config import MAEConfig
from mae_lite.layers import Block, sincos_2d


class MAEEncoder(nn.Module):
    """A standard ViT on the patches it is given."""

    pos_embed: Float[Tensor, "n d"]

    def __init__(self, cfg: MAEConfig):
        super().__init__()
        self.cfg = cfg
        dim = cfg.embed_dim
        self.patch_embed = nn.Conv2d(cfg.in_chans, dim, kernel_size=cfg.patch_size, stride=cfg.patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks = nn.ModuleList(
            Block(dim, cfg.num_heads, cfg.mlp_ratio, cfg.layer_norm_eps) for _ in range(cfg.depth)
        )
        self.norm = nn.LayerNorm(dim, eps=cfg.layer_norm_eps)
        # The class token's position is all zeros in the official tables, so none is added to it.
        self.register_buffer("pos_embed", sincos_2d(cfg.grid_size, dim), persistent=False)

    def forward(
        self, imgs: Float[Tensor, "b c h w"], ids_keep: Int[Tensor, "b n_keep"] | None = None
    ) -> Float[Tensor, "b n_tokens d"]:
        """Encode the patches named by `ids_keep`, or all of them (for features, section 4.3).

        Returns:
            The latent: the class token, then one token a visible patch, in the order of `ids_keep`.
        """
        x = self.patch_embed(imgs).flatten(2).transpose(1, 2) + self.pos_embed  # (b, n, d)
        if ids_keep is not None:
            x = x.gather(1, ids_keep[..., None].expand(-1, -1, x.shape[2]))  # (b, n_keep, d)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
