"""Any image data set as tensors of bytes, and the augmentation of the paper batched on the device."""

import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from mae_lite.images import ImageError, fit_image, open_image, to_tensor

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class ImageSource:
    """Pictures by number, each with a name and, where the data set has one, a class.

    Args:
        source: one or several of: a folder of pictures (sub-folders are classes), a tar file of `KEY.jpg` and
            `KEY.cls` (a glob such as "shards/train-000[0-2].tar" stands for many), or a timm data-set name such as
            "torch/cifar10" or "hfds/...".
        root: where a named data set lies or is downloaded to.

    Raises:
        ValueError: if a source names nothing, or holds no picture.
    """

    def __init__(self, source: str | Path | Sequence[str | Path], root: str | Path = "data"):
        sources = [source] if isinstance(source, str | Path) else list(source)
        self.items = []  # (how to open, name, class or -1)
        for one in sources:
            found = self._scan(str(one), root)
            if not found:
                raise ValueError(
                    f"{one}: no pictures there; give a folder of pictures, a tar of KEY.jpg and KEY.cls, or a timm "
                    'data-set name such as "torch/cifar10".'
                )
            self.items += found

    def __len__(self) -> int:
        return len(self.items)

    def open(self, i: int) -> Image.Image:
        """Picture number `i`, RGB.

        Raises:
            ImageError: if it is damaged.
        """
        reader, name, _ = self.items[i]
        try:
            return open_image(reader())
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from error

    @staticmethod
    def _scan(source: str, root: str | Path) -> list:
        path = Path(source)
        if path.is_dir():
            tars = sorted(path.glob("*.tar"))
            if tars:
                return [item for tar in tars for item in _scan_tar(tar)]
            files = sorted(p for p in path.rglob("*") if p.suffix.lower() in EXTENSIONS)
            classes = {folder: k for k, folder in enumerate(sorted({p.parent for p in files}))}
            return [(p.read_bytes, str(p), classes[p.parent]) for p in files]
        files = sorted(glob(source))
        if files:
            return [item for file in files for item in _scan_tar(Path(file))]
        if "/" in source and not path.suffix:
            return _scan_timm(source, root)
        return []


def _scan_tar(path: Path) -> list:
    """Every picture of a tar shard, read by its offset so that any order is cheap."""
    try:
        with tarfile.open(path) as tar:
            members = [m for m in tar if m.isfile()]
            stems = {Path(m.name).stem: m for m in members if m.name.endswith(".cls")}
            labels = {stem: int(tar.extractfile(m).read()) for stem, m in stems.items()}
    except (tarfile.TarError, OSError, ValueError) as error:
        raise ValueError(f"{path}: not a tar of KEY.jpg and KEY.cls files ({error}).") from error
    pictures = [m for m in members if Path(m.name).suffix.lower() in EXTENSIONS]
    return [
        (lambda m=m: _read_at(path, m.offset_data, m.size), f"{path}:{m.name}", labels.get(Path(m.name).stem, -1))
        for m in pictures
    ]


def _read_at(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _scan_timm(name: str, root: str | Path) -> list:
    from timm.data import create_dataset

    dataset = create_dataset(name, root=str(root), split="train", download=True)
    return [(lambda i=i: dataset[i][0], f"{name}[{i}]", -1) for i in range(len(dataset))]


def load_images(
    source: ImageSource, size: int, indices: Sequence[int] | None = None
) -> tuple[UInt8[Tensor, "n 3 s s"], Int[Tensor, " n"], list[str]]:
    """Decode pictures into one tensor, centre-cropped to a square without distortion.

    Args:
        source: where they come from.
        size: side of the square in pixels, s.
        indices: which pictures; all by default.

    Returns:
        The pictures as bytes, their classes (-1 where unknown), and a sentence for each that was damaged and skipped.

    Raises:
        ValueError: if not one picture could be read.
    """
    indices = range(len(source)) if indices is None else indices

    def load(i: int) -> Tensor | str:
        try:
            return to_tensor(fit_image(source.open(i), (size, size)))
        except ImageError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        loaded = list(tqdm(pool.map(load, indices), total=len(indices), desc="reading images", leave=False))
    good = [(x, source.items[i][2]) for i, x in zip(indices, loaded, strict=True) if isinstance(x, Tensor)]
    skipped = [x for x in loaded if isinstance(x, str)]
    if not good:
        raise ValueError(f"None of {len(indices)} pictures could be read; the first: {skipped[0]}")
    return torch.stack([x for x, _ in good]), torch.tensor([label for _, label in good]), skipped


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
        scale: range of the crop's share of the area; aspect ratios run from 3/4 to 4/3.
    """
    b, _, height, width = pixels.shape
    u = torch.rand(5, b, generator=generator, device=generator.device).to(pixels.device)
    area = (scale[0] + (scale[1] - scale[0]) * u[0]) * height * width
    ratio = torch.exp((2 * u[1] - 1) * torch.log(torch.tensor(4 / 3, device=u.device)))
    crop_h = (area / ratio).sqrt().round().clamp(1, height)
    crop_w = (area * ratio).sqrt().round().clamp(1, width)
    top = (u[2] * (height - crop_h + 1)).floor()
    left = (u[3] * (width - crop_w + 1)).floor()
    from_rows = resize_matrix(top, crop_h, height, size[0])
    from_columns = resize_matrix(left, crop_w, width, size[1])
    from_columns = torch.where((u[4] < 0.5)[:, None, None], from_columns.flip(1), from_columns)
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


class LazyImages:
    """Pictures decoded when asked for, where they do not fit in memory: `images[indices]` is a tensor of bytes.

    A damaged picture is replaced by the next good one and named in `skipped`.
    """

    def __init__(self, source: ImageSource, size: int):
        self.source, self.size = source, size
        self.skipped: list[str] = []
        self.pool = ThreadPoolExecutor()

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, indices: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 s s"]:
        return torch.stack(list(self.pool.map(self._load, indices.tolist())))

    def _load(self, i: int) -> UInt8[Tensor, "3 s s"]:
        for k in range(len(self.source)):
            try:
                return to_tensor(fit_image(self.source.open((i + k) % len(self.source)), (self.size, self.size)))
            except ImageError as error:
                self.skipped.append(str(error))
        raise ValueError(f"Not one of {len(self.source)} pictures could be read; the last: {self.skipped[-1]}")
