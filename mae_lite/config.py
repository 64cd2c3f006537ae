"""Sizes of a masked autoencoder, checked once, and the presets of the paper and of this package."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass

SIGNS = {"at least": operator.ge, "above": operator.gt, "at most": operator.le, "below": operator.lt}
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def check_settings(settings: object, limits: Mapping[str, str | tuple[str, ...]]) -> None:
    """Check each setting by name: its limits in words, such as "above 0 and at most 1", or the words it may be.

    Raises:
        ValueError: for the first that is outside; the message has its value and what would do.
    """
    for name, allowed in limits.items():
        value = getattr(settings, name)
        if isinstance(allowed, tuple):
            if value not in allowed:
                raise ValueError(f'{name} is "{value}"; use one of {", ".join(allowed)}.')
            continue
        parts = [part.rsplit(" ", 1) for part in allowed.split(" and ")]
        if not all(SIGNS[words](value, float(bound)) for words, bound in parts):
            raise ValueError(f"{name} is {value}; it must be {allowed}.")


@dataclass(frozen=True, kw_only=True)
class MAEConfig:
    """Everything that fixes the shapes and the meaning of a model's weights.

    Raises:
        ValueError: if the sizes do not fit together; the message has the numbers.
    """

    img_size: tuple[int, int] = (224, 224)
    """Height and width of the image in pixels, both multiples of `patch_size`."""
    patch_size: int = 16
    """Side of a square patch in pixels."""
    in_chans: int = 3
    """Image channels."""
    embed_dim: int = 768
    """Width of the encoder; a multiple of 4 (two axes, sine and cosine) and of `num_heads`."""
    depth: int = 12
    """Transformer blocks in the encoder."""
    num_heads: int = 12
    """Attention heads in the encoder."""
    decoder_embed_dim: int = 512
    """Width of the decoder; a multiple of 4 and of `decoder_num_heads`."""
    decoder_depth: int = 8
    """Transformer blocks in the decoder."""
    decoder_num_heads: int = 16
    """Attention heads in the decoder."""
    mlp_ratio: float = 4.0
    """Hidden width of each block's MLP, as a multiple of the block's width."""
    norm_pix_loss: bool = False
    """Whether targets are normalised per patch. Such predictions are not viewable as they are."""
    layer_norm_eps: float = 1e-6
    """Epsilon of every LayerNorm; the official code uses 1e-6, Hugging Face's configs say 1e-12."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    """Per-channel mean the pixels (0 to 1) are normalised with."""
    std: tuple[float, ...] = IMAGENET_STD
    """Per-channel standard deviation the pixels (0 to 1) are normalised with."""
    mask_ratio: float = 0.75
    """Share of patches hidden in training; `MAE.forward` takes any mask all the same."""

    def __post_init__(self) -> None:
        # JSON gives lists; tuples keep the config hashable and comparable.
        for name in ("img_size", "mean", "std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        height, width = self.img_size
        if min(height, width, self.patch_size) < 1 or height % self.patch_size or width % self.patch_size:
            raise ValueError(f"img_size {height}x{width} must be a positive multiple of patch_size {self.patch_size}.")
        limits = dict.fromkeys(("depth", "decoder_depth"), "at least 0")
        limits |= dict.fromkeys(("in_chans", "num_heads", "decoder_num_heads"), "at least 1")
        limits |= dict.fromkeys(("embed_dim", "decoder_embed_dim"), "at least 4")
        limits |= dict.fromkeys(("mlp_ratio", "layer_norm_eps"), "above 0")
        check_settings(self, limits | {"mask_ratio": "at least 0 and below 1"})
        for prefix in ("", "decoder_"):
            dim, heads = getattr(self, f"{prefix}embed_dim"), getattr(self, f"{prefix}num_heads")
            if dim % 4 or dim % heads:
                raise ValueError(f"{prefix}embed_dim {dim} must be a multiple of 4 and of {prefix}num_heads {heads}.")
        if not len(self.mean) == len(self.std) == self.in_chans:
            raise ValueError(
                f"mean and std need {self.in_chans} values (in_chans), not {len(self.mean)} and {len(self.std)}."
            )

    @property
    def grid_size(self) -> tuple[int, int]:
        """Patches down and across."""
        return self.img_size[0] // self.patch_size, self.img_size[1] // self.patch_size

    @property
    def num_patches(self) -> int:
        """Patches in an image."""
        return self.grid_size[0] * self.grid_size[1]

    @property
    def patch_dim(self) -> int:
        """Values in a patch: patch_size x patch_size x in_chans."""
        return self.patch_size**2 * self.in_chans


PRESETS = {
    "nano": MAEConfig(
        img_size=(112, 112), patch_size=8, embed_dim=192, depth=8, num_heads=3,
        decoder_embed_dim=128, decoder_depth=2, decoder_num_heads=4,
    ),
    "mini": MAEConfig(
        img_size=(112, 112), patch_size=8, embed_dim=192, depth=12, num_heads=3,
        decoder_embed_dim=128, decoder_depth=4, decoder_num_heads=4,
    ),
    "tiny": MAEConfig(
        embed_dim=192, depth=12, num_heads=3, decoder_embed_dim=192, decoder_depth=4, decoder_num_heads=3
    ),
    "base": MAEConfig(),
    "large": MAEConfig(embed_dim=1024, depth=24, num_heads=16),
    "huge": MAEConfig(patch_size=14, embed_dim=1280, depth=32, num_heads=16),
}  # fmt: skip
"""Sizes by name: base, large and huge are the paper's (ViT-B/16, ViT-L/16, ViT-H/14, decoder 8 x 512)."""
