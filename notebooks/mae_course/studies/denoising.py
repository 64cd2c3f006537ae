"""Masking beside the noises of older autoencoders: `python -m mae_course.studies.denoising --help`.

The backbone, images and steps of the ablations' default arm, which is the masked autoencoder to compare with. A
denoising autoencoder (Vincent et al. 2008; section 2) sees every patch of a corrupted image and is asked for all of it.
"""

import sys
import zlib

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from mae_course.studies.ablations import Study, main
from mae_course.studies.arms import Arm
from mae_lite.images import normalize
from mae_lite.loss import mae_loss
from mae_lite.mae import MAE, MAEOutput
from mae_lite.masking import pixel_mask, random_mask
from mae_lite.patches import patchify
from mae_lite.weights.assets import asset_path

SIGMA = 1.0
"""Deviation of the Gaussian noise, in normalised units: as strong as the images themselves."""
RECORDS = asset_path("results") / "denoising.jsonl"


def noise_generator(mask: Bool[Tensor, "b n"], device: torch.device) -> torch.Generator:
    """The generator of the noise that goes with some masks, the same in every process."""
    return torch.Generator(device).manual_seed(zlib.crc32(mask.cpu().numpy().tobytes()))


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
        corrupted = self.corrupt(imgs, mask, noise_generator(mask, imgs.device))
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


@torch.inference_mode()
def restoration(model: DenoisingAutoencoder, imgs: UInt8[Tensor, "b 3 h w"]) -> dict[str, float]:
    """Error over all pixels of images that the arm itself corrupted, in normalised units.

    Returns:
        "corrupted": of the corrupted images as they are, which is the error of doing nothing; "restored": of what the
        model makes of them.
    """
    masks = random_mask(model.num_patches, model.cfg.mask_ratio, batch_size=len(imgs))
    sums, device = torch.zeros(2, dtype=torch.float64), model.encoder.cls_token.device
    for part, mask in zip(imgs.split(64), masks.split(64), strict=True):
        x = normalize(part.to(device), model.cfg)
        corrupted = model.corrupt(x, mask.to(device), noise_generator(mask, device))
        sums += torch.stack([(corrupted - x).square().mean(), model(x, mask).loss]).double().cpu() * len(x)
    corrupted, restored = (sums / len(imgs)).tolist()
    return {"corrupted": corrupted, "restored": restored}


STUDY = Study("denoising", __doc__, ARMS, (), RECORDS, restoration)

if __name__ == "__main__":
    sys.exit(main(study=STUDY))
