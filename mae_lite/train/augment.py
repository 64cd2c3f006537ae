"""The augmentations of Table 1e, batched on the images' device."""

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

AUGMENTATIONS = ("crop", "fixed", "colour", "none")
"""The names that `augment` knows; the paper's default is "crop"."""
JITTER = 0.4
"""Brightness, contrast and saturation of "colour" move by up to this share, as in timm's default."""
LUMA = (0.299, 0.587, 0.114)


def augment(
    pixels: UInt8[Tensor, "b c s s2"],
    size: tuple[int, int],
    generator: torch.Generator,
    kind: str = "crop",
    min_scale: float = 0.2,
) -> UInt8[Tensor, "b c h w"]:
    """Augment a batch in one of the ways that Table 1e compares.

    Args:
        pixels: images as bytes.
        size: height and width of the result.
        generator: draws what is random; on the images' device.
        kind: "crop" for `random_resized_crop_flip`, "colour" for the same with `colour_jitter`, "fixed" for a crop at
            random of just the result's size with flips, "none" for the whole image resized.
        min_scale: the smallest share of the area that "crop" and "colour" keep.

    Raises:
        ValueError: if the kind is not one of AUGMENTATIONS, or "fixed" is asked of images smaller than the result.
    """
    if kind not in AUGMENTATIONS:
        raise ValueError(f'There is no augmentation "{kind}"; use one of {", ".join(AUGMENTATIONS)}.')
    if kind in ("crop", "colour"):
        pixels = random_resized_crop_flip(pixels, size, generator, (min_scale, 1.0))
        return colour_jitter(pixels, generator) if kind == "colour" else pixels
    height, width = pixels.shape[2:]
    zeros = torch.zeros(len(pixels), device=pixels.device)
    if kind == "none":
        return _resize_boxes(pixels, zeros, zeros, zeros + height, zeros + width, zeros > 0, size)
    if height < size[0] or width < size[1]:
        raise ValueError(
            f"A fixed crop of {size[0]}x{size[1]} does not fit in images of {height}x{width}; store them larger."
        )
    u = torch.rand(3, len(pixels), generator=generator, device=generator.device).to(pixels.device)
    top, left = (u[0] * (height - size[0] + 1)).floor(), (u[1] * (width - size[1] + 1)).floor()
    return _resize_boxes(pixels, top, left, zeros + size[0], zeros + size[1], u[2] < 0.5, size)


def random_resized_crop_flip(
    pixels: UInt8[Tensor, "b c s s2"],
    size: tuple[int, int],
    generator: torch.Generator,
    scale: tuple[float, float] = (0.2, 1.0),
) -> UInt8[Tensor, "b c h w"]:
    """Random resized crop and horizontal flip, the paper's whole augmentation (Table 1e, Table 8), for a batch.

    A crop and a resize are linear, so each image is multiplied by one matrix from the left (rows) and one from the
    right (columns); they hold the bicubic, antialiased weights that Pillow uses. It runs on the images' device.

    Args:
        pixels: images as bytes.
        size: height and width of the result.
        generator: draws the boxes and flips; on the images' device.
        scale: range of the crop's share of the area, as far as the image holds such a box; an object gets at most
            4/3 times wider or narrower.
    """
    b, _, height, width = pixels.shape
    u = torch.rand(5, b, generator=generator, device=generator.device).to(pixels.device)
    area = (scale[0] + (scale[1] - scale[0]) * u[0]) * height * width
    ratio = torch.exp((2 * u[1] - 1) * torch.log(torch.tensor(4 / 3, device=u.device))) * (size[1] / size[0])
    area = area.minimum(height**2 * ratio).minimum(width**2 / ratio)  # else a side would be cut and the rest distorted
    crop_h = (area / ratio).sqrt().round().clamp(1, height)
    crop_w = (area * ratio).sqrt().round().clamp(1, width)
    top = (u[2] * (height - crop_h + 1)).floor()
    left = (u[3] * (width - crop_w + 1)).floor()
    return _resize_boxes(pixels, top, left, crop_h, crop_w, u[4] < 0.5, size)


def _resize_boxes(
    pixels: UInt8[Tensor, "b c s s2"],
    top: Float[Tensor, " b"],
    left: Float[Tensor, " b"],
    crop_h: Float[Tensor, " b"],
    crop_w: Float[Tensor, " b"],
    flip: Bool[Tensor, " b"],
    size: tuple[int, int],
) -> UInt8[Tensor, "b c h w"]:
    """One box of each image, resized, and mirrored where `flip`."""
    from_rows = resize_matrix(top, crop_h, pixels.shape[2], size[0])
    from_columns = resize_matrix(left, crop_w, pixels.shape[3], size[1])
    from_columns = torch.where(flip[:, None, None], from_columns.flip(1), from_columns)
    x = from_rows[:, None] @ pixels.float() @ from_columns[:, None].transpose(2, 3)
    return x.round().clamp(0, 255).to(torch.uint8)


def resize_matrix(
    start: Float[Tensor, " b"], length: Float[Tensor, " b"], size_in: int, size_out: int
) -> Float[Tensor, "b size_out size_in"]:
    """Weights that resize the stretch [start, start + length) of an axis to `size_out` pixels, one matrix an image.

    Bicubic (a = -0.5), widened when shrinking so that nothing aliases; equal to cropping and Pillow's resize.
    """
    step = (length / size_out)[:, None, None]
    support = step.clamp(min=1)
    out = torch.arange(size_out, device=start.device).view(1, -1, 1)
    pos = torch.arange(size_in, device=start.device).view(1, 1, -1)
    first = start[:, None, None]
    centre = first + (out + 0.5) * step - 0.5
    t = ((pos - centre) / support).abs()
    inner = (1.5 * t - 2.5) * t * t + 1
    outer = ((-0.5 * t + 2.5) * t - 4) * t + 2
    weight = torch.where(t < 1, inner, torch.where(t < 2, outer, torch.zeros_like(t)))
    weight = weight * ((pos >= first) & (pos < first + length[:, None, None]))
    return weight / weight.sum(dim=2, keepdim=True)


def colour_jitter(pixels: UInt8[Tensor, "b 3 h w"], generator: torch.Generator) -> UInt8[Tensor, "b 3 h w"]:
    """Brightness, contrast and saturation, in this order, each by a factor of its own for each image.

    What torchvision's `adjust_brightness`, `adjust_contrast` and `adjust_saturation` do, on bytes; no change of hue.
    """
    u = torch.rand(3, len(pixels), generator=generator, device=generator.device).to(pixels.device)
    bright, contrast, saturation = (1 + JITTER * (2 * u - 1))[:, :, None, None, None]
    x = _blend(pixels.float(), torch.zeros(1, device=pixels.device), bright)
    x = _blend(x, _grey(x).mean(dim=(1, 2, 3), keepdim=True), contrast)
    return _blend(x, _grey(x), saturation).to(torch.uint8)


def _grey(x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
    return (x * torch.tensor(LUMA, device=x.device).view(3, 1, 1)).sum(dim=1, keepdim=True).floor()


def _blend(x: Tensor, other: Tensor, factor: Float[Tensor, "b 1 1 1"]) -> Tensor:
    """`factor` of x and the rest of the other, as whole bytes."""
    return (factor * x + (1 - factor) * other).clamp(0, 255).floor()
