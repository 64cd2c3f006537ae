"""The masked autoencoder: mask, encode what is visible, decode everything, compare what was hidden (section 3)."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mae_lite.config import MAEConfig
from mae_lite.decoder import MAEDecoder
from mae_lite.encoder import MAEEncoder
from mae_lite.loss import mae_loss
from mae_lite.masking import ids_from_mask
from mae_lite.patches import patchify


class MAEOutput(NamedTuple):
    """What a forward pass gives."""

    loss: Float[Tensor, ""]
    """Mean squared error on masked patches."""
    pred: Float[Tensor, "b n patch_dim"]
    """Predicted patches, visible ones included, in normalised pixel units (or norm-pix units)."""
    mask: Bool[Tensor, "b n"]
    """The mask that was given, True = hidden."""
    latent: Float[Tensor, "b n_tokens d"]
    """The encoder's output: class token, then visible patches in raster order."""


class MAE(nn.Module):
    """A masked autoencoder with a ViT backbone. Nothing in it is random: the mask is an input."""

    def __init__(self, cfg: MAEConfig):
        super().__init__()
        self.cfg = cfg
        self.encoder = MAEEncoder(cfg)
        self.decoder = MAEDecoder(cfg)
        self.init_weights()

    @property
    def num_patches(self) -> int:
        """Patches in an image, n."""
        return self.cfg.num_patches

    def init_weights(self) -> None:
        """Xavier-uniform linear layers, zero biases, N(0, 0.02) class and mask token (appendix A.1)."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.xavier_uniform_(module.weight.view(len(module.weight), -1))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for token in (self.encoder.cls_token, self.decoder.mask_token):
            nn.init.normal_(token, std=0.02)

    def forward(self, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "#b n"]) -> MAEOutput:
        """Reconstruct normalised images of the config's size from their visible patches.

        Args:
            imgs: images normalised with the config's mean and std.
            mask: True = hidden, equally many in each image; one row serves the whole batch.

        Raises:
            ValueError: if the images or the mask do not fit the config; the message has the numbers.
        """
        mask = self._checked(imgs, mask)
        ids_keep, ids_restore = ids_from_mask(mask)
        latent = self.encoder(imgs, ids_keep)
        pred = self.decoder(latent, ids_restore)
        loss = mae_loss(pred, patchify(imgs, self.cfg.patch_size), mask, self.cfg.norm_pix_loss)
        return MAEOutput(loss, pred, mask, latent)

    def _checked(self, imgs: Tensor, mask: Tensor) -> Bool[Tensor, "b n"]:
        """The mask on the images' device with one row an image, once everything fits."""
        cfg, (rows, columns) = self.cfg, self.cfg.grid_size
        if imgs.shape[1:] != (cfg.in_chans, *cfg.img_size):
            raise ValueError(
                f"This model takes images of shape (b, {cfg.in_chans}, {cfg.img_size[0]}, {cfg.img_size[1]}), not "
                f"{tuple(imgs.shape)}; load_image(path, model) gives one that fits."
            )
        if mask.dtype != torch.bool:
            raise ValueError(f"The mask must be boolean, True for hidden, not {mask.dtype}; mask.bool() makes it so.")
        if mask.shape[1:] != (cfg.num_patches,) or len(mask) not in (1, len(imgs)):
            raise ValueError(
                f"The mask must have the shape ({len(imgs)}, {cfg.num_patches}), one value for each of {rows}x"
                f"{columns} patches, not {tuple(mask.shape)}; random_mask(model.num_patches) gives one that fits."
            )
        if mask.all(dim=1).any():
            raise ValueError("The mask hides every patch of an image; leave at least one visible.")
        return mask.to(imgs.device).expand(len(imgs), -1)
