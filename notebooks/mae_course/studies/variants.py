"""The models of the ablations that differ from MAE in more than a number: each changes one sentence of section 3."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mae_lite.config import MAEConfig
from mae_lite.encoder import MAEEncoder
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE, MAEOutput
from mae_lite.masking import ids_from_mask
from mae_lite.patches import patchify


class MaskTokenEncoder(MAEEncoder):
    """An encoder that sees every position, with a mask token where a patch is hidden, as BERT does (Table 1c)."""

    def __init__(self, cfg: MAEConfig):
        super().__init__(cfg)
        self.mask_token = nn.Parameter(torch.empty(1, 1, cfg.embed_dim).normal_(std=0.02))

    def forward(
        self, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b n_tokens d"]:
        """Encode all patches, those of the mask replaced; without a mask just as `MAEEncoder` does."""
        x = self.patch_embed(imgs).flatten(2).transpose(1, 2)  # (b, n, d)
        if mask is not None:
            x = torch.where(mask[..., None], self.mask_token.to(x.dtype), x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x + self.pos_embed], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def without_token(self) -> MAEEncoder:
        """A plain encoder of the same weights, for what comes after pre-training."""
        encoder = MAEEncoder(self.cfg).to(self.mask_token.device)
        encoder.load_state_dict({name: x for name, x in self.state_dict().items() if name != "mask_token"})
        return encoder


class MAEWithMaskTokens(MAE):
    """The encoder also gets a mask token for each hidden patch, so the decoder has none to add (Table 1c)."""

    def __init__(self, cfg: MAEConfig):
        super().__init__(cfg)
        self.encoder = MaskTokenEncoder(cfg)
        self.init_weights()
        self.decoder.mask_token.requires_grad_(False)  # never used

    def forward(self, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "#b n"]) -> MAEOutput:
        """As `MAE.forward`."""
        mask = self._checked(imgs, mask)
        latent = self.encoder(imgs, mask)
        in_place = torch.arange(mask.shape[1], device=mask.device).expand(len(imgs), -1)  # nothing to unshuffle
        pred = self.decoder(latent, in_place)
        loss = mae_loss(pred, patchify(imgs, self.cfg.patch_size), mask, self.cfg.norm_pix_loss)
        return MAEOutput(loss, pred, mask, latent)


class MAEOnAllPatches(MAE):
    """The loss asks for every patch, visible ones too (footnote 1)."""

    def forward(self, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "#b n"]) -> MAEOutput:
        """As `MAE.forward`."""
        out = super().forward(imgs, mask)
        everything = torch.ones_like(out.mask)
        return out._replace(
            loss=mae_loss(out.pred, patchify(imgs, self.cfg.patch_size), everything, self.cfg.norm_pix_loss)
        )


class MAEOnComponents(MAE):
    """The targets are the largest principal components of a patch, not its pixels (Table 1d, "PCA").

    Args:
        cfg: the sizes.
        share: share of the components to keep; the paper keeps 96 of 768.
    """

    def __init__(self, cfg: MAEConfig, share: float = 96 / 768):
        super().__init__(cfg)
        k = max(1, round(share * cfg.patch_dim))
        self.decoder.pred = nn.Linear(cfg.decoder_embed_dim, k)
        self.register_buffer("components", torch.zeros(k, cfg.patch_dim))
        self.register_buffer("centre", torch.zeros(cfg.patch_dim))
        self.init_weights()

    @torch.no_grad()
    def fit(self, imgs: Float[Tensor, "b c h w"]) -> None:
        """Find the components of the patches of some images, before training."""
        patches = patchify(imgs, self.cfg.patch_size).flatten(0, 1)
        self.centre.copy_(patches.mean(dim=0))
        _, vectors = torch.linalg.eigh(torch.cov(patches.T.double()))  # ascending
        self.components.copy_(vectors.T.flip(0)[: len(self.components)])

    def forward(self, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "#b n"]) -> MAEOutput:
        """As `MAE.forward`; the loss is in components, the predictions are turned back into pixels."""
        mask = self._checked(imgs, mask)
        ids_keep, ids_restore = ids_from_mask(mask)
        latent = self.encoder(imgs, ids_keep)
        scores = self.decoder(latent, ids_restore)  # (b, n, k)
        target = (patchify(imgs, self.cfg.patch_size) - self.centre) @ self.components.T
        pred = scores.float() @ self.components + self.centre
        return MAEOutput(mae_loss(scores, target, mask), pred, mask, latent)
