"""What users have is read as they see it; what cannot be read is explained."""

from __future__ import annotations

import io
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from nst_core import ImageError, UnknownNameError, load_image
from nst_core.images import downscale
from nst_core.images.png16 import write_png16

RED, GREEN = (220, 30, 40), (20, 200, 60)


def pixel(path, y=0, x=0) -> tuple[int, ...]:
    return tuple((load_image(path).pixels[0, :, y, x] * 255).round().int().tolist())


def two_colours(mode: str = "RGB") -> Image.Image:
    """Red above, green below: 4 wide, 6 high."""
    image = Image.new("RGB", (4, 6), GREEN)
    image.paste(RED, (0, 0, 4, 3))
    return image.convert(mode)


def test_shape_range_and_size(tmp_path):
    two_colours().save(tmp_path / "a.png")
    found = load_image(tmp_path / "a.png")
    assert found.pixels.shape == (1, 3, 6, 4)
    assert found.pixels.dtype == torch.float32
    assert found.original_size == (6, 4)
    assert len(found.sha256) == 64
    assert pixel(tmp_path / "a.png") == RED
    assert pixel(tmp_path / "a.png", y=5) == GREEN


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(tmp_path, orientation):
    """However the camera was held, red is up."""
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
    undo |= {6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}
    image = two_colours()
    if orientation in undo:
        image = image.transpose(getattr(Image.Transpose, undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    found = load_image(tmp_path / "a.png")
    assert found.original_size == (6, 4)
    assert pixel(tmp_path / "a.png") == RED
    assert pixel(tmp_path / "a.png", y=5, x=3) == GREEN


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif", "webp", "jpg"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    two_colours().resize((40, 60)).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert pixel(path, y=5) == pytest.approx(RED, abs=6)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (np.int32, (0, 50_000, 100_000), (0, 128, 255)),
        (np.int32, (-5, 32768, 65535), (0, 128, 255)),
        (np.float32, (0, 50_000, 100_000), (0, 128, 255)),
        (np.float32, (math.nan, 0.5, math.inf), (0, 128, 255)),
    ],
)
def test_large_grey_values_are_scaled(tmp_path, kind, values, expected):
    Image.fromarray(np.array([values], kind)).save(tmp_path / "a.tif")
    assert tuple(pixel(tmp_path / "a.tif", x=x)[0] for x in range(3)) == expected


def linear_grey_profile() -> bytes:
    """A profile of grey that is proportional to light: ICC.1:2001, a curve without entries is the identity."""
    curve = b"curv" + bytes(8)
    white = b"XYZ " + struct.pack(">I3i", 0, 63190, 65536, 54061)
    tags = [(b"kTRC", curve), (b"wtpt", white)]
    place, table, data = 132 + 12 * len(tags), b"", b""
    for name, content in tags:
        table += name + struct.pack(">II", place + len(data), len(content))
        data += content
    header = struct.pack(">I4sI4s4s4s", place + len(data), bytes(4), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + data


def test_colour_profiles_of_grey_are_applied_whatever_the_bits(tmp_path):
    half = 188  # of the light, in sRGB
    for name, array in (("8", np.full((2, 2), 128, np.uint8)), ("16", np.full((2, 2), 32768, np.uint16))):
        Image.fromarray(array).save(tmp_path / f"{name}.png", icc_profile=linear_grey_profile())
        assert pixel(tmp_path / f"{name}.png") == pytest.approx((half,) * 3, abs=1)


@pytest.mark.parametrize(("mode", "expected"), [("L", 89), ("1", 255), ("I;16", 89), ("I", 89), ("F", 89)])
def test_grey(tmp_path, mode, expected):
    values = np.full((3, 3), 89, np.uint8)
    image = {
        "L": lambda: Image.fromarray(values),
        "1": lambda: Image.new("1", (3, 3), 1),
        "I;16": lambda: Image.fromarray(values.astype(np.uint16) * 257),
        "I": lambda: Image.fromarray(values.astype(np.int32) * 257),
        "F": lambda: Image.fromarray(values.astype(np.float32) / 255),
    }[mode]()
    image.save(tmp_path / "a.tif")
    assert pixel(tmp_path / "a.tif") == (expected,) * 3


def test_palette_and_transparency(tmp_path):
    image = two_colours().quantize(4)
    image.save(tmp_path / "p.png")
    assert pixel(tmp_path / "p.png") == RED
    index = image.getpixel((0, 0))
    image.save(tmp_path / "t.png", transparency=index)
    assert pixel(tmp_path / "t.png") == (255, 255, 255)
    assert pixel(tmp_path / "t.png", y=5) == GREEN


def test_alpha_is_composited_over_white(tmp_path):
    Image.new("RGBA", (2, 2), (*RED, 128)).save(tmp_path / "a.png")
    expected = [round(c * 128 / 255 + 255 * 127 / 255) for c in RED]
    assert pixel(tmp_path / "a.png") == pytest.approx(expected, abs=1)
    Image.new("LA", (2, 2), (0, 0)).save(tmp_path / "la.png")
    assert pixel(tmp_path / "la.png") == (255, 255, 255)


def test_cmyk(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    r, g, b = pixel(tmp_path / "a.jpg")
    assert r > 230
    assert max(g, b) < 25


def wide_gamut_profile() -> bytes:
    """An RGB profile whose primaries are exchanged: red is green's place. Made from sRGB's own bytes."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", data, 128)[0]
    names = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    for i in range(count):
        place = 132 + 12 * i
        name = bytes(data[place : place + 4])
        data[place : place + 4] = names.get(name, name)
    return bytes(data)


def test_colour_profiles_are_applied(tmp_path):
    two_colours().save(tmp_path / "a.png", icc_profile=wide_gamut_profile())
    assert pixel(tmp_path / "a.png") == pytest.approx((30, 220, 40), abs=3)
    rgba = Image.new("RGBA", (2, 2), (*RED, 255))
    rgba.save(tmp_path / "alpha.png", icc_profile=wide_gamut_profile())
    assert pixel(tmp_path / "alpha.png") == pytest.approx((30, 220, 40), abs=3)


def test_a_broken_profile_is_taken_for_srgb(tmp_path):
    two_colours().save(tmp_path / "a.png", icc_profile=b"not a profile")
    assert pixel(tmp_path / "a.png") == RED


def test_sixteen_bit_colour(tmp_path):
    array = np.full((3, 3, 3), (0x1234, 0x8080, 0xFFFF), np.uint16)
    with (tmp_path / "a.png").open("wb") as file:
        write_png16(file, array, {})
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb")
    for name in ("a.png", "a.tif"):
        assert pixel(tmp_path / name) == pytest.approx((0x12, 0x80, 0xFF), abs=1)


def test_larger_images_are_made_smaller_and_smaller_ones_stay(tmp_path):
    Image.new("RGB", (300, 200), RED).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png", size=150).pixels.shape == (1, 3, 100, 150)
    assert load_image(tmp_path / "a.png", size=999).pixels.shape == (1, 3, 200, 300)
    Image.new("RGB", (500, 1), RED).save(tmp_path / "line.png")
    assert load_image(tmp_path / "line.png", size=10).pixels.shape == (1, 3, 1, 10)


def test_shrinking_does_not_alias(tmp_path):
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "a.png")
    for pixels in (
        load_image(tmp_path / "a.png", size=61).pixels,
        downscale(load_image(tmp_path / "a.png").pixels, 61),
    ):
        assert pixels.shape[-1] == 61
        assert float(pixels.std()) < 0.02
        assert float(pixels.mean()) == pytest.approx(0.5, abs=0.01)


def test_images_in_memory():
    image = two_colours()
    tensor = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)
    assert torch.equal(load_image(image).pixels, load_image(tensor).pixels)
    assert torch.equal(load_image(tensor.float() / 255).pixels, load_image(tensor[None]).pixels)
    assert load_image(torch.zeros(1, 4, 5)).pixels.shape == (1, 3, 4, 5)
    assert load_image(image).sha256 != load_image(image.rotate(180)).sha256
    assert load_image(image).sha256 == load_image(two_colours()).sha256
    assert load_image(image).path == ""


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(4, 5), r"shape \(3, H, W\).*not \(4, 5\)"),
        (torch.zeros(2, 3, 4, 5), r"not \(2, 3, 4, 5\)"),
        (torch.zeros(3, 0, 5), r"not \(3, 0, 5\)"),
        (torch.full((3, 4, 4), 255.0), r"in \[0, 1\], but they go from 255 to 255"),
        (torch.full((3, 4, 4), float("nan")), r"go from nan"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), r"not torch.int64"),
        (3.5, r"not float"),
        (None, r"not NoneType"),
    ],
)
def test_objects_that_are_no_images(tensor, message):
    with pytest.raises(ImageError, match=f"(?s)style image.*{message}"):
        load_image(tensor, role="style image")


def refuses(path: Path | str, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        load_image(path, role="content image")
    assert "content image" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    two_colours().resize((200, 300)).save(tmp_path / "photo.jpg")
    data = (tmp_path / "photo.jpg").read_bytes()
    refuses(tmp_path / "phot.jpg", r"does not exist; did you mean '.*photo.jpg'")
    refuses(tmp_path / "no" / "photo.jpg", r"does not exist; neither does the folder")
    refuses(tmp_path, r"is a folder")
    (tmp_path / "empty.png").touch()
    refuses(tmp_path / "empty.png", r"empty file")
    (tmp_path / "text.png").write_text("hello, I am not an image")
    refuses(tmp_path / "text.png", r"not an image that can be read; JPEG, PNG")
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    refuses(tmp_path / "cut.jpg", r"damaged or cut short")
    refuses("a\0b.png", r"cannot be read")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    two_colours().save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    refuses(tmp_path / "a.png", "permission denied")


def test_every_cut_of_a_png_is_an_error_of_ours(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)).save(buffer, "PNG")
    data = buffer.getvalue()
    for length in range(1, len(data) - 16, 41):
        (tmp_path / "cut.png").write_bytes(data[:length])
        refuses(tmp_path / "cut.png", "not an image|damaged")


def claims(width: int, height: int) -> bytes:
    """The begin of a PNG of one bit a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))


@pytest.mark.parametrize(("height", "message"), [(20_000, "damaged or cut short"), (40_000, "limit of 300 megapixels")])
def test_the_limit_of_pixels_is_the_one_that_is_said(tmp_path, height, message):
    """200 megapixels are too many for Pillow's own limit, and 400 for ours."""
    (tmp_path / "large.png").write_bytes(claims(10_000, height))
    before = Image.MAX_IMAGE_PIXELS
    refuses(tmp_path / "large.png", message)
    assert before == Image.MAX_IMAGE_PIXELS


def test_pillow_s_limit_does_not_matter(tmp_path, monkeypatch):
    two_colours().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert pixel(tmp_path / "a.png") == RED


def test_samples():
    for name in ("landscape", "brushwork"):
        found = load_image(f"sample:{name}", size=64)
        assert max(found.pixels.shape) == 64
        assert found.pixels.std() > 0.05
    with pytest.raises(UnknownNameError, match="unknown sample image 'landscap'; did you mean 'landscape'"):
        load_image("sample:landscap")
