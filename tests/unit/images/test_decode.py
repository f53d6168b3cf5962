"""Image files of the usual formats are read; what cannot be read is explained."""

from __future__ import annotations

import io
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin, features
from sample_images import RED, pixel, two_colours

from nst_core import ImageError, UnknownNameError, load_image, read_recipe


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif", "webp", "jpg"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    two_colours().resize((40, 60)).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert pixel(path, y=5) == pytest.approx(RED, abs=6)


def refuses(path: Path | str, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        load_image(path, role="content image")
    assert "content image" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    two_colours().resize((200, 300)).save(tmp_path / "photo.jpg")
    data = (tmp_path / "photo.jpg").read_bytes()
    refuses(tmp_path / "phot.jpg", r"does not exist; did you mean '.*photo.jpg'")
    refuses(tmp_path / "no" / "photo.jpg", r"does not exist; the folder .* does not exist either")
    refuses(tmp_path, r"is a folder")
    (tmp_path / "empty.png").touch()
    refuses(tmp_path / "empty.png", r"empty file")
    (tmp_path / "text.png").write_text("hello, I am not an image")
    refuses(tmp_path / "text.png", r"not an image in a supported format; use JPEG, PNG")
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    refuses(tmp_path / "cut.jpg", r"damaged or incomplete")
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
    """The beginning of a PNG of one bit a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))


@pytest.mark.parametrize(
    ("height", "message"),
    [
        (20_000, "damaged or incomplete: it claims to have 10000×20000 pixels, but has only"),
        (40_000, "limit of 300 megapixels"),
    ],
)
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


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_every_cut_of_an_avif_is_an_error_of_ours(tmp_path):
    two_colours().resize((40, 60)).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    for length in range(12, len(data), 29):
        (tmp_path / "cut.avif").write_bytes(data[:length])
        refuses(tmp_path / "cut.avif", "not an image|damaged|HEIC")


DAMAGED_EXIF = [
    b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + struct.pack(">HHII", 0x0112, 3, 2**31, 2**31) + bytes(12),
    b"Exif\0\0MM\0*\xff\xff\xff\xff",
    b"Exif\0\0II",
    b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + bytes(4),
]


@pytest.mark.parametrize("exif", DAMAGED_EXIF, ids=range(len(DAMAGED_EXIF)))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_damaged_exif_does_not_matter_where_the_pixels_are_whole(tmp_path, suffix, exif):
    two_colours().resize((40, 60)).save(tmp_path / f"a.{suffix}", exif=exif)
    assert pixel(tmp_path / f"a.{suffix}", y=5) == pytest.approx(RED, abs=6)
    with pytest.raises(ImageError, match="contains no recipe"):
        read_recipe(tmp_path / f"a.{suffix}")


def test_memory_that_runs_out_is_an_error_of_ours(tmp_path, monkeypatch):
    def out_of_memory(image: Image.Image) -> None:
        raise MemoryError

    two_colours().save(tmp_path / "a.png")
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", out_of_memory)
    refuses(tmp_path / "a.png", "not enough memory to decode")


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_decoders_write_nothing(tmp_path, capfd, compression):
    two_colours().save(tmp_path / "a.tif", compression=compression)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    for place in range(8, len(data), 3):
        damaged = data.copy()
        damaged[place] ^= 0xFF
        (tmp_path / "b.tif").write_bytes(damaged)
        with suppress(ImageError):
            load_image(tmp_path / "b.tif")
    assert capfd.readouterr() == ("", "")


def test_sides_are_limited(tmp_path):
    """Pillow takes the square of the width to read a row of 16 million pixels."""
    (tmp_path / "wide.png").write_bytes(claims(100_001, 1))
    refuses(tmp_path / "wide.png", "100000 pixels a side")


@pytest.mark.parametrize("tag", [256, 257, 258, 262, 270, 277])
@pytest.mark.parametrize("count", [2, 51, 2**31])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_tags_of_many_values_are_read_or_refused_in_silence(tmp_path, recwarn, kind, tag, count):
    """Warnings are errors in tests."""
    array = np.zeros((5, 4, 3), kind)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", description="x" * 99, metadata=None)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    (place,) = (p for p in range(10, 10 + 12 * data[8], 12) if int.from_bytes(data[p : p + 2], "little") == tag)
    data[place + 4 : place + 8] = count.to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(data)
    for read in (load_image, read_recipe):
        with suppress(ImageError):
            read(tmp_path / "a.tif")
    assert not recwarn.list
