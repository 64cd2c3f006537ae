"""Any image data set as tensors of bytes."""

import tarfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from glob import glob
from pathlib import Path

import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from mae_lite.images import ImageError, fit_image, open_image, to_tensor
from mae_lite.weights.assets import user_path

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TIMM_PREFIXES = ("torch/", "hfds/")  # tfds, wds and hfids stream, so they have no picture number i


class ImageSource:
    """Pictures by number, each with a name and, where the data set has one, a class.

    Args:
        source: one or several of: a folder of pictures (its sub-folders are classes, by name) or of tar files, an
            uncompressed tar of `KEY.jpg` and `KEY.cls`, a picture, a glob of these such as
            "shards/train-000[0-2].tar", or a timm data-set name such as "torch/cifar10" or "hfds/...".
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
            ImageError: if it is damaged, or gone.
        """
        reader, name, _ = self.items[i]
        try:
            return open_image(reader())
        except (OSError, ValueError, SyntaxError) as error:  # also what a timm data set's own reading raises
            raise ImageError(f"{name}: {str(error).removeprefix('These bytes: ')}") from error

    @staticmethod
    def _scan(source: str, root: str | Path) -> list:
        path = user_path(source)
        if path.is_dir():
            tars = sorted(path.glob("*.tar"))
            return [item for tar in tars for item in _scan_tar(tar)] if tars else _scan_folder(path)
        if path.is_file():
            return [(path.read_bytes, str(path), -1)] if _is_picture(path) else _scan_tar(path)
        files = sorted(glob(str(path), recursive=True))
        if files:
            return [item for file in files for item in ImageSource._scan(file, root)]
        return _scan_timm(source, root) if source.lower().startswith(TIMM_PREFIXES) else []


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")  # macOS leaves "._cat.jpg" about


def _scan_folder(folder: Path) -> list:
    """Every picture below a folder; its class is the sub-folder it lies in, as torchvision's ImageFolder has it."""
    files = [p.relative_to(folder) for p in sorted(folder.rglob("*")) if _is_picture(p)]
    names = sorted({p.parts[0] for p in files if len(p.parts) > 1})
    classes = {name: k for k, name in enumerate(names)}
    return [((folder / p).read_bytes, str(folder / p), classes.get(p.parts[0], -1)) for p in files]


def _scan_tar(path: Path) -> list:
    """Every picture of a tar shard, read by its offset so that any order is cheap."""
    try:
        with tarfile.open(path, "r:") as tar:  # "r:" refuses compressed tars, whose offsets mean nothing
            members = [m for m in tar if m.isfile()]
            labelled = {m.name.removesuffix(".cls"): m for m in members if m.name.endswith(".cls")}
            labels = {key: int(_read_at(path, m.offset_data, m.size)) for key, m in labelled.items()}
    except (tarfile.TarError, OSError, ValueError) as error:
        raise ValueError(f"{path}: not an uncompressed tar of KEY.jpg and KEY.cls files ({error}).") from error
    pictures = [m for m in members if _is_picture(Path(m.name))]
    return [
        (partial(_read_at, path, m.offset_data, m.size), f"{path}:{m.name}", labels.get(m.name.rsplit(".", 1)[0], -1))
        for m in pictures
    ]


def _read_at(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _scan_timm(name: str, root: str | Path) -> list:
    from timm.data import create_dataset

    try:
        dataset = create_dataset(name, root=str(root), split="train", download=True)
        count = len(dataset)
    except (AssertionError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: timm cannot open this data set under {root} ({error!r}).") from error
    labels = [int(label) for label in getattr(dataset, "targets", [])] or [-1] * count
    return [(lambda i=i: dataset[i][0], f"{name}[{i}]", labels[i]) for i in range(count)]


def load_images(
    source: ImageSource, size: tuple[int, int], indices: Sequence[int] | None = None
) -> tuple[UInt8[Tensor, "n 3 h w"], Int[Tensor, " n"], list[str]]:
    """Decode pictures into one tensor, centre-cropped to one size without distortion.

    Args:
        source: where they come from.
        size: height and width in pixels.
        indices: which pictures; all by default.

    Returns:
        The pictures as bytes, their classes (-1 where unknown), and a sentence for each that was damaged and skipped.

    Raises:
        ValueError: if not one picture could be read.
    """
    indices = range(len(source)) if indices is None else indices

    def load(i: int) -> Tensor | str:
        try:
            return to_tensor(fit_image(source.open(i), size))
        except ImageError as error:
            return str(error)

    labels: list[int] = []
    imgs, skipped = torch.empty(len(indices), 3, *size, dtype=torch.uint8), []
    pool = ThreadPoolExecutor()
    try:
        loaded = tqdm(pool.map(load, indices), "reading images", len(indices), leave=False, disable=None)
        for i, x in zip(indices, loaded, strict=True):
            if isinstance(x, str):
                skipped.append(x)
            else:
                imgs[len(labels)] = x
                labels.append(source.items[i][2])
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C does not read on to the end
    if not labels:
        raise ValueError(f"None of {len(indices)} pictures could be read; {(skipped or ['none was asked for'])[0]}")
    return imgs[: len(labels)], torch.tensor(labels), skipped


class LazyImages:
    """Pictures decoded when asked for, where they do not fit in memory: `images[indices]` is a tensor of bytes.

    A damaged picture is replaced by the next good one and named in `skipped`, once.
    """

    def __init__(self, source: ImageSource, size: int):
        self.source, self.size = source, size
        self.skipped: list[str] = []
        self.pool = ThreadPoolExecutor()
        self.coming: dict[int, Future[Tensor]] = {}

    def __len__(self) -> int:
        return len(self.source)

    def prefetch(self, indices: Int[Tensor, " b"]) -> None:
        """Start to decode pictures that will be asked for soon; returns at once."""
        for i in indices.tolist():
            if i not in self.coming:
                self.coming[i] = self.pool.submit(self._load, i)

    def __getitem__(self, indices: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 s s"]:
        self.prefetch(indices)
        asked = {i: self.coming.pop(i) for i in set(indices.tolist())}
        return torch.stack([asked[i].result() for i in indices.tolist()])

    def _load(self, i: int) -> UInt8[Tensor, "3 s s"]:
        for k in range(len(self.source)):
            try:
                return to_tensor(fit_image(self.source.open((i + k) % len(self.source)), (self.size, self.size)))
            except ImageError as error:
                if str(error) not in self.skipped:
                    self.skipped.append(str(error))
        raise ValueError(f"Not one of {len(self.source)} pictures could be read; the last: {self.skipped[-1]}")
