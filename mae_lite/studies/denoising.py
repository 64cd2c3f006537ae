"""Masking beside the noises of older autoencoders: `python -m mae_lite.studies.denoising --help`.

The backbone, images and steps of the ablations' default arm, which is the masked autoencoder to compare with. A
denoising autoencoder (Vincent et al. 2008; section 2) sees every patch of a corrupted image and is asked for all of it.
"""

import zlib

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mae_lite.assets import asset_path
from mae_lite.baselines import pixel_mask
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE, MAEOutput
from mae_lite.patches import patchify
from mae_lite.studies.ablations import Study, main
from mae_lite.studies.arms import Arm

SIGMA = 1.0
"""Deviation of the Gaussian noise, in normalised units: as strong as the images themselves."""
RECORDS = asset_path("results") / "denoising.jsonl"


class DenoisingAutoencoder(MAE):
    """The encoder sees every patch of a corrupted image, the decoder has no token to add, the loss asks for all."""

    def corrupt(
        self, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "b n"], generator: torch.Generator
    ) -> Float[Tensor, "b c h w"]:
        """The image as the encoder gets it; here the patches of the mask are grey, the data set's mean."""
        return imgs.masked_fill(pixel_mask(mask, self.cfg.grid_size, self.cfg.patch_size), 0)

    def forward(self, imgs: Float[Tensor, "b c h w"], mask: Bool[Tensor, "#b n"]) -> MAEOutput:
        """As `MAE.forward`. The noise follows from the mask, so that a training can be repeated."""
        mask = self._checked(imgs, mask)
        seed = zlib.crc32(mask.cpu().numpy().tobytes())
        corrupted = self.corrupt(imgs, mask, torch.Generator(imgs.device).manual_seed(seed))
        latent = self.encoder(corrupted)
        pred = self.decoder(latent, torch.arange(mask.shape[1], device=mask.device).expand(len(imgs), -1))
        loss = mae_loss(pred, patchify(imgs, self.cfg.patch_size), torch.ones_like(mask))
        return MAEOutput(loss, pred, mask, latent)


class PixelDroppingAutoencoder(DenoisingAutoencoder):
    """Single pixels are grey instead of patches, as many."""

    def corrupt(self, imgs: Tensor, mask: Tensor, generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        """Each pixel is dropped with the chance of the mask ratio."""
        noise = torch.rand(imgs[:, :1].shape, generator=generator, device=imgs.device)
        return imgs.masked_fill(noise < self.cfg.mask_ratio, 0)


class GaussianAutoencoder(DenoisingAutoencoder):
    """Gaussian noise on every pixel."""

    def corrupt(self, imgs: Tensor, mask: Tensor, generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        """Add noise of deviation SIGMA."""
        return imgs + SIGMA * torch.randn(imgs.shape, generator=generator, device=imgs.device)


ARMS = {
    arm.name: arm
    for arm in (
        Arm(name="dropped-patches", group="noise", paper="Section 2", variant=DenoisingAutoencoder, seeds=(0, 1)),
        Arm(name="dropped-pixels", group="noise", paper="Section 2", variant=PixelDroppingAutoencoder, seeds=(0, 1),
            fills=False),
        Arm(name="gaussian", group="noise", paper="Section 2", variant=GaussianAutoencoder, seeds=(0, 1), fills=False),
    )
}  # fmt: skip
STUDY = Study("denoising", __doc__, ARMS, (), RECORDS)

if __name__ == "__main__":
    main(study=STUDY)
