"""Networks that paint hidden patches, alike but for how a convolution is told what is hidden and where it is.

All take images whose hidden pixels are 0 (the data set's mean) and the hidden pixels, and give whole images. They work
on cells of 4 x 4 pixels, four to a patch of 8 x 8, so that a cell is either hidden or visible; and all have about
PARAMETERS parameters, by their width.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mae_course.studies.conv_blocks import ConvBlock, GatedBlock, PartialBlock, SemanticBlock, SparseBlock
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.patches import unpatchify

CELL = 4
PARAMETERS = 400_000
DEPTH = 6
"""Residual blocks of two convolutions each."""


class Filler(nn.Module):
    """A convolutional network of DEPTH blocks on cells; `kind` says how it learns what is hidden.

    Args:
        kind: a name of KINDS but "vit".
        width: channels of its features.
    """

    def __init__(self, kind: str, width: int):
        super().__init__()
        self.kind = kind
        extra = {"mask channel": 1, "gated": 1, "position channels": 2, "mask and position": 3}.get(kind, 0)
        self.stem = nn.Conv2d(3 + extra, width, CELL, stride=CELL)
        make: dict[str, Callable[[], nn.Module]] = {
            "partial": lambda: PartialBlock(width),
            "gated": lambda: GatedBlock(width),
            "semantic": lambda: SemanticBlock(width),
            "no padding": lambda: ConvBlock(width, padding_mode="circular"),
        }
        self.blocks = nn.ModuleList(make.get(kind, lambda: ConvBlock(width))() for _ in range(DEPTH))
        if kind == "sparse":  # the encoder's two thirds; the rest is a dense decoder
            for i in range(2 * DEPTH // 3):
                self.blocks[i] = SparseBlock(width)
        if kind in ("embedding", "sparse"):
            self.mask_token = nn.Parameter(0.02 * torch.randn(1, width, 1, 1))
        if kind == "at the end":
            self.late = nn.Conv2d(3, width, 1)  # as good as joining the channels: the next convolution is linear
        self.head = nn.Conv2d(width, 3 * CELL * CELL, 1)

    def forward(self, imgs: Float[Tensor, "b 3 h w"], hidden: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Paint whole images; only the hidden pixels are asked for."""
        return F.pixel_shuffle(self.head(self.features(imgs, hidden)[-1]), CELL)

    def features(
        self, imgs: Float[Tensor, "b 3 h w"], hidden: Bool[Tensor, "b 1 h w"]
    ) -> list[Float[Tensor, "b d rows columns"]]:
        """Features of the cells after the stem and after each block."""
        pixels = imgs.masked_fill(hidden, 0)
        x = self.stem(torch.cat([pixels, *self.channels(hidden, imgs.dtype)], dim=1))
        cells = hidden[:, :, ::CELL, ::CELL].to(x.dtype)
        state = self.indicator(x, cells)
        if self.kind == "embedding":
            x = torch.where(cells > 0, self.mask_token.to(x.dtype), x)
        if self.kind in ("sparse", "partial"):
            x = x * (1 - cells)
        found = [x]
        for i, block in enumerate(self.blocks):
            if self.kind == "sparse" and i == 2 * DEPTH // 3:  # densify: what the decoder has to fill
                x = torch.where(cells > 0, self.mask_token.to(x.dtype), x)
            if self.kind == "at the end" and i == DEPTH - 1:
                x = x + self.late(torch.cat([cells, *place_channels(cells)], dim=1))
            x = block(x, state)
            x, state = x if isinstance(x, tuple) else (x, state)
            found.append(x)
        return found

    def channels(self, hidden: Bool[Tensor, "b 1 h w"], dtype: torch.dtype) -> list[Float[Tensor, "b c h w"]]:
        """What is given beside the pixels: the mask, or the row and column of each pixel from -1 to 1 (CoordConv)."""
        mask = [hidden.to(dtype)]
        place = place_channels(mask[0])
        given = {"mask channel": mask, "gated": mask, "position channels": place, "mask and position": mask + place}
        return given.get(self.kind, [])

    def indicator(self, x: Float[Tensor, "b d h w"], cells: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b k h w"]:
        """What the blocks are told at first: hidden cells, known cells, or the indicator that they go on to change."""
        if self.kind == "semantic":
            kinds = self.blocks[0].kind.out_channels
            return F.pad(cells, (0, 0, 0, 0, 0, kinds - 1))
        return 1 - cells if self.kind == "partial" else cells


def place_channels(like: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b 1 h w"]]:
    """The row and the column of each place, from -1 to 1 (CoordConv)."""
    b, _, h, w = like.shape
    row, column = (torch.linspace(-1, 1, n, dtype=like.dtype, device=like.device) for n in (h, w))
    return [row.view(1, 1, h, 1).expand(b, 1, h, w), column.view(1, 1, 1, w).expand(b, 1, h, w)]


class ViTFiller(nn.Module):
    """The masked autoencoder, for comparison: tokens are dropped, so nothing has to be told where they are missing."""

    kind = "vit"

    def __init__(self, width: int):
        super().__init__()
        self.mae = MAE(
            MAEConfig(
                img_size=(64, 64), patch_size=8, embed_dim=width, depth=4, num_heads=width // 16,
                decoder_embed_dim=width // 2, decoder_depth=2, decoder_num_heads=width // 16,
            )
        )  # fmt: skip

    def forward(self, imgs: Float[Tensor, "b 3 h w"], hidden: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Paint whole images; only the hidden pixels are asked for."""
        cfg = self.mae.cfg
        mask = hidden[:, 0, :: cfg.patch_size, :: cfg.patch_size].flatten(1)
        return unpatchify(self.mae(imgs.masked_fill(hidden, 0), mask).pred, cfg.patch_size, cfg.grid_size)


KINDS = {
    "zeros": "plain convolutions, hidden pixels set to the mean colour",
    "mask channel": "the mask as a fourth channel of the input",
    "position channels": "row and column as channels of the input (CoordConv)",
    "mask and position": "the mask, row and column as channels of the input",
    "embedding": "a learned vector laid over the features of hidden cells",
    "partial": "partial convolution: only known cells count, and known grows",
    "gated": "gated convolution, with a mask channel",
    "sparse": "sparse convolution in the encoder, mask tokens in the decoder (as SparK, FCMAE)",
    "semantic": "windows weighted by content, with an indicator that the network refines",
    "at the end": "the mask, row and column joined to the features before the last block only",
    "no padding": "as zeros, but the image wraps around, so that no border tells the place",
    "vit": "a masked autoencoder with a Transformer (MAE)",
}
"""What races, and in a few words how each is told what is hidden."""


def make_filler(kind: str, parameters: int = PARAMETERS) -> nn.Module:
    """A network of a kind with as nearly `parameters` parameters as a width that is a multiple of 16 (ViT) or 4 gives.

    Raises:
        ValueError: if there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f'There is no kind "{kind}"; use one of {", ".join(KINDS)}.')
    build, step = (ViTFiller, 16) if kind == "vit" else (lambda width: Filler(kind, width), 4)
    with torch.device("meta"):  # shapes without numbers
        sizes = {width: abs(count_parameters(build(width)) - parameters) for width in range(step, 241, step)}
    return build(min(sizes, key=sizes.get))


def save_filler(model: nn.Module, path: Path) -> None:
    """Keep a network's weights in half precision, with its kind and number of parameters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: x.detach().half().cpu().contiguous() for name, x in model.state_dict().items()}
    save_file(state, path, metadata={"kind": model.kind, "parameters": str(count_parameters(model))})


def load_filler(path: Path) -> nn.Module:
    """A network that `save_filler` kept, in single precision, for use."""
    with safe_open(path, "pt") as file:
        about, state = file.metadata(), {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    model = make_filler(about["kind"], int(about["parameters"]))
    model.load_state_dict(state)
    return model.eval()


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers of a model."""
    return sum(p.numel() for p in model.parameters())
