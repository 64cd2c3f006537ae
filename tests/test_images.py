import contextlib
import io
import re
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageOps

from mae_lite.images import (
    MAX_PIXELS,
    ImageError,
    enlarge,
    fit_image,
    load_image,
    normalize,
    open_image,
    picture_bytes,
    to_picture,
    to_tensor,
    to_uint8,
)
from mae_lite.weights.assets import asset_path, list_photos

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(size=(20, 12)):
    """Red, green over blue, white: every way to turn or flip it shows."""
    img = Image.new("RGB", size, WHITE)
    w, h = size[0] // 2, size[1] // 2
    for colour, place in ((RED, (0, 0)), (GREEN, (w, 0)), (BLUE, (0, h))):
        img.paste(colour, (*place, place[0] + w, place[1] + h))
    return img


def encoded(img, fmt="PNG", **options):
    file = io.BytesIO()
    img.save(file, fmt, **options)
    return file.getvalue()


def corners(img):
    w, h = img.size
    return [img.getpixel(xy) for xy in ((1, 1), (w - 2, 1), (1, h - 2), (w - 2, h - 2))]


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"]
)
def test_every_8_bit_mode(mode):
    via = {"La": "LA", "PA": "P", "RGBa": "RGBA"}.get(mode, mode)
    img = quarters().convert(via).convert(mode)
    out = open_image(img)
    assert (out.mode, out.size) == ("RGB", (20, 12))
    expected = corners(quarters() if mode not in ("1", "L", "LA", "La") else quarters().convert("L").convert("RGB"))
    if mode != "1":
        assert np.abs(np.subtract(corners(out), expected)).max() < 8, mode
    assert open_image(img, "L").mode == "L"


@pytest.mark.parametrize(
    ("values", "mode", "expected"),
    [
        ([0, 128, 255, 65535], "I;16", [0, 0, 1, 255]),  # 16 bits are 16 bits, however dark
        ([0, 100, 200, 250], "I;16", [0, 0, 1, 1]),
        ([0, 128, 255, 7], "I", [0, 128, 255, 7]),
        ([0, 257, 25700, 65535], "I", [0, 1, 100, 255]),
        ([-5, 0, 1000, 131070], "I", [0, 0, 2, 255]),
        ([0, 0.5, 1, 0.25], "F", [0, 128, 255, 64]),
        ([0, 127.4, 255, 3], "F", [0, 127, 255, 3]),
        ([np.nan, np.inf, -np.inf, 1], "F", [0, 255, 0, 255]),
        ([np.nan, np.nan, np.nan, np.nan], "F", [0, 0, 0, 0]),
    ],
)
def test_deep_grey_by_hand(values, mode, expected):
    dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
    img = Image.fromarray(np.array([values], dtype=dtype))
    assert img.mode == mode
    assert np.asarray(open_image(img, "L")).tolist() == [expected]
    if mode != "F":
        return
    assert np.asarray(open_image(encoded(img, "TIFF"), "L")).tolist() == [expected]


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_on_white(fmt):
    img = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    img.putpixel((1, 0), (255, 0, 0, 128))
    out = open_image(encoded(img, fmt, **({"lossless": True} if fmt == "WEBP" else {})))
    assert out.getpixel((0, 0)) == WHITE
    assert np.abs(np.subtract(out.getpixel((1, 0)), (255, 127, 127))).max() <= 1


def test_a_palette_with_a_transparent_colour():
    img = Image.new("P", (2, 1), 0)
    img.putpalette([0, 0, 0, 0, 0, 255])
    img.putpixel((1, 0), 1)
    for transparency in (0, b"\x00\xff"):
        out = open_image(encoded(img, transparency=transparency))
        assert [out.getpixel((x, 0)) for x in (0, 1)] == [WHITE, BLUE]


TURNED = {
    1: None, 2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE", 6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270",
}  # fmt: skip


@pytest.mark.parametrize(("orientation", "turn"), TURNED.items())
@pytest.mark.parametrize("fmt", ["PNG", "JPEG"])
def test_exif_orientation(orientation, turn, fmt):
    upright = quarters((48, 32))
    stored = upright.transpose(Image.Transpose[turn]) if turn else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = open_image(encoded(stored, fmt, exif=exif))
    assert out.size == (48, 32)
    assert np.abs(np.subtract(corners(out), corners(upright))).max() < 12


@pytest.mark.parametrize("fmt", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation(fmt):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    file = encoded(frames[0], fmt, save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(file)).n_frames == 3
    assert np.abs(np.subtract(open_image(file).getpixel((4, 4)), RED)).max() < 6


def test_progressive_jpeg():
    photo = Image.open(asset_path("photos", "cat.jpg")).resize((64, 48))
    plain, progressive = (open_image(encoded(photo, "JPEG", progressive=p)) for p in (False, True))
    assert np.array_equal(plain, progressive)


def test_sources_are_the_same(tmp_path):
    data = encoded(quarters())
    path = tmp_path / "a picture.png"
    path.write_bytes(data)
    views = [open_image(source) for source in (path, str(path), data, memoryview(data), quarters())]
    assert all(np.array_equal(view, quarters()) for view in views)


def png_header(width, height):
    """A PNG that says its size and ends there: whoever decodes it fails."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize("size", [(10_001, 10_000), (50_000, 50_000)])  # Pillow warns of the first, refuses the second
def test_too_many_pixels_are_refused_before_decoding(size):
    with pytest.raises(ImageError, match=f"{MAX_PIXELS:,}") as caught:
        open_image(png_header(*size) + b"\x00\x00\x00\x00IDAT")
    assert "damaged" not in str(caught.value)
    with pytest.raises(ImageError, match="damaged or cut short"):
        open_image(png_header(100, 100) + b"\x00\x00\x00\x00IDAT")


def bad_files(folder):
    data = encoded(Image.open(asset_path("photos", "cat.jpg")).resize((64, 48)), "JPEG")
    (folder / "text.jpg").write_text("This is no picture.")
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    (folder / "cut.png").write_bytes(encoded(quarters())[:60])
    (folder / "page.png").write_text("<!DOCTYPE html><html></html>")
    (folder / "empty.png").write_bytes(b"")
    return {
        folder / "text.jpg": "not a picture",
        folder / "page.png": "not a picture",
        folder / "empty.png": "not a picture",
        folder / "cut.jpg": "damaged or cut short",
        folder / "cut.png": "damaged or cut short",
        folder: "no picture can be read there",
        folder / "missing.jpg": "no picture can be read there",
        folder / "text.jpg" / "inside": "no picture can be read there",
        str(folder / "nul\0l.png"): "no picture can be read there",
        folder / ("long" * 100): "no picture can be read there",
        "": "no picture can be read there",
        b"": "not a picture",
        b"garbage": "not a picture",
        data[:200]: "not a picture|damaged or cut short",
        encoded(quarters(), "AVIF")[:200]: "not a picture|damaged or cut short",
    }


def test_every_failure_is_one_sentence(tmp_path):
    for source, reason in bad_files(tmp_path).items():
        with pytest.raises(ImageError, match=reason) as caught:
            open_image(source)
        sentence = str(caught.value)
        assert "\n" not in sentence, sentence
        assert sentence.endswith("."), sentence
        if not isinstance(source, bytes):
            assert sentence.startswith(str(source)), "it names the file"


def test_flipped_bytes_never_give_another_error():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (24, 30, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    files = [encoded(noise, fmt, **({"exif": exif} if fmt in ("JPEG", "PNG", "WEBP") else {}))
             for fmt in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "ICO", "TGA", "PPM", "PCX")]  # fmt: skip
    read = 0
    for k in range(600):
        data = bytearray(files[k % len(files)])
        for place in rng.integers(0, min(len(data), 300), 3):
            data[place] = rng.integers(256)
        with contextlib.suppress(ImageError):
            read += open_image(bytes(data)).mode == "RGB"
    assert 60 < read < 590, "some are still readable, some are not"


def test_pillow_says_nothing():
    """Odd metadata is remarked on by Pillow as a warning; a user can do nothing about it."""
    exif = Image.Exif()
    exif[0x010E] = "a description that is long enough to be stored apart"
    tag = struct.pack(">HHI", 0x010E, 2, 53)
    data = encoded(quarters(), "JPEG", exif=exif)
    assert data.count(tag) == 1
    odd = data.replace(tag, struct.pack(">HHI", 0x010E, 2, 10**8))
    with pytest.warns(UserWarning, match="Skipping tag|Truncated"):  # as the version has it
        ImageOps.exif_transpose(Image.open(io.BytesIO(odd)))
    before = warnings.filters[:]
    assert open_image(odd).size == (20, 12)
    assert warnings.filters == before, "the filters are as they were"


def test_colours_that_pillow_cannot_convert():
    with pytest.raises(ImageError, match=r"its colours \(LAB\) cannot be read; save it as RGB first"):
        open_image(Image.new("LAB", (4, 4)), "L")


def test_threads_leave_the_warning_filters_alone():
    code = (
        "import warnings; from concurrent.futures import ThreadPoolExecutor; from mae_lite.images import open_image\n"
        "from mae_lite.weights.assets import list_photos; before = warnings.filters[:]\n"
        "with ThreadPoolExecutor(8) as pool: list(pool.map(open_image, list_photos()))\n"
        "assert warnings.filters == before, warnings.filters"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (3, 2000), (5, 1)])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_extreme_shapes(size, fit):
    out = fit_image(Image.new("RGB", size, BLUE), (32, 48), fit)
    assert out.size == (48, 32), "size is (height, width), Pillow's is (width, height)"
    middle = [out.getpixel((x, y)) for x in (23, 24) for y in (15, 16)]
    assert BLUE in middle, "the middle of the picture is in the middle"


@pytest.mark.parametrize("size", [(64, 96), (64, 64), (96, 64), (112, 112)])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (200, 200)])
def test_a_circle_stays_round(size, fit, shape):
    img = Image.new("L", shape, 255)
    x, y = shape[0] / 2, shape[1] / 2
    ImageDraw.Draw(img).ellipse((x - 40, y - 40, x + 40, y + 40), fill=0)
    dark = np.asarray(fit_image(img, size, fit)) < 64
    height, width = dark.any(axis=1).sum(), dark.any(axis=0).sum()
    assert abs(height - width) <= 1, f"the circle is {height} high and {width} wide"
    rows, columns = dark.nonzero()
    assert abs(rows.mean() - (size[0] - 1) / 2) <= 1, "centred"
    assert abs(columns.mean() - (size[1] - 1) / 2) <= 1, "centred"


def test_letterbox_shows_all_and_crop_fills():
    img = quarters((40, 20))
    boxed, cropped = fit_image(img, (40, 40), "letterbox"), fit_image(img, (40, 40), "crop")
    assert [boxed.getpixel((20, y)) for y in (2, 37)] == [(124, 116, 104)] * 2
    assert [boxed.getpixel(xy) for xy in ((2, 12), (37, 12), (2, 27))] == [RED, GREEN, BLUE]
    assert corners(cropped) == [RED, GREEN, BLUE, WHITE]


def test_an_unknown_fit_is_told():
    with pytest.raises(ValueError, match='fit is "stretch"; use "crop" or "letterbox"'):
        fit_image(quarters(), (8, 8), "stretch")


def test_channels_first():
    pixels = to_tensor(quarters((4, 2)))
    assert pixels.shape == (3, 2, 4)
    assert pixels[:, 0, 0].tolist() == list(RED)
    assert pixels[:, 1, 0].tolist() == list(BLUE)
    assert to_tensor(Image.new("L", (4, 2), 7)).tolist() == [[[7] * 4] * 2]


@pytest.mark.parametrize("in_chans", [1, 3])
def test_all_256_values_come_back(small_config, in_chans):
    cfg = small_config(in_chans=in_chans)
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, in_chans, -1, -1).contiguous()
    assert torch.equal(to_uint8(normalize(pixels, cfg), cfg), pixels)


def test_normalize_by_hand(small_config):
    cfg = small_config()
    pixels = torch.full((1, 3, 1, 1), 51, dtype=torch.uint8)  # 51 / 255 = 0.2
    expected = [(0.2 - m) / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)]
    assert normalize(pixels, cfg).flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_to_uint8_clamps(small_config):
    cfg = small_config(in_chans=1)
    imgs = torch.tensor([-100.0, -2.01, 0.0, 1.99, 100.0]).view(1, 1, 1, 5)  # mean 0.5, std 0.25
    assert to_uint8(imgs, cfg).flatten().tolist() == [0, 0, 128, 254, 255]


def test_load_image_fits_the_model(small_config, small_model):
    photo = list_photos()[0]
    imgs = load_image(photo, small_config())
    assert imgs.shape == (1, 3, 16, 24)
    assert torch.equal(imgs, load_image(photo, small_model())), "a model or its config"
    assert load_image(photo, small_config(in_chans=1)).shape == (1, 1, 16, 24)
    assert -2.2 < imgs.min() < imgs.max() < 2.7
    with pytest.raises(ValueError, match=re.escape("1 or 3 channels, this model takes 5")):
        load_image(photo, small_config(in_chans=5))


def test_a_picture_has_its_channels_last():
    img = torch.arange(12, dtype=torch.uint8).view(3, 2, 2)
    assert to_picture(img).tolist() == [[[0, 4, 8], [1, 5, 9]], [[2, 6, 10], [3, 7, 11]]]
    batch = to_picture(torch.stack([img, img + 1]))
    assert batch.shape == (2, 2, 2, 3)
    np.testing.assert_array_equal(batch[1], to_picture(img) + 1)


def test_one_channel_becomes_grey_whatever_axes_are_before_it():
    grey = torch.tensor([0, 255, 7, 9], dtype=torch.uint8).view(1, 2, 1, 1, 2)  # two frames of one strip of two pixels
    assert to_picture(grey).tolist() == [[[[[0] * 3, [255] * 3]], [[[7] * 3, [9] * 3]]]]


def test_enlarging_repeats_rows_and_columns_alike():
    picture = np.array([[[1, 2], [3, 4]]], np.uint8)
    assert enlarge(picture, 2).tolist() == [[[1, 2], [1, 2], [3, 4], [3, 4]]] * 2


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_picture_comes_back_from_its_file(format):
    picture = np.full((4, 6, 3), (200, 40, 40), np.uint8)
    data = picture_bytes(picture, format, quality=95)
    assert data == picture_bytes(Image.fromarray(picture), format, quality=95), "an array or a PIL image"
    found = Image.open(io.BytesIO(data))
    assert found.format == format.upper()
    np.testing.assert_allclose(np.asarray(found.convert("RGB")).astype(int), picture, atol=8)


def test_options_reach_the_encoder():
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert len(picture_bytes(noise, "webp", quality=10)) < len(picture_bytes(noise, "webp", quality=90))
