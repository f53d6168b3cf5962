"""Images of any colour mode look as their makers meant them to."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms
from sample_images import GREEN, RED, pixel, two_colours

from nst_core import load_image
from nst_core.images.png16 import write_png16


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (np.int32, (0, 50_000, 100_000), (0, 128, 255)),
        (np.int32, (-5, 32768, 65535), (0, 128, 255)),
        (np.float32, (0, 50_000, 100_000), (0, 128, 255)),
        (np.uint16, (0, 32768, 65535), (0, 128, 255)),
        (np.uint16, (0, 2048, 4095), (0, 128, 255)),
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
    grey = Image.new("LA", (2, 2), (0, 0))
    grey.putpixel((1, 1), (0, 255))
    grey.save(tmp_path / "la.png")
    assert pixel(tmp_path / "la.png") == (255, 255, 255)


ALPHA = np.array([[0, 80, 255, 255], [10, 128, 200, 255]], np.uint8)


def translucent(mode: str) -> Image.Image:
    image = Image.new("RGB", (4, 2), RED).convert(mode)
    image.putalpha(Image.fromarray(ALPHA))
    return image


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "grey.png"])
def test_alpha_is_kept_beside_the_colours(tmp_path, name):
    translucent("L" if name.startswith("grey") else "RGB").save(tmp_path / name)
    alpha = load_image(tmp_path / name).alpha
    assert alpha.shape == (1, 1, 2, 4)
    assert torch.equal(alpha[0, 0], torch.from_numpy(ALPHA).float() / 255)


def test_alpha_of_a_tiff_with_16_bits(tmp_path):
    array = np.zeros((2, 4, 4), np.uint16)
    array[..., 3] = ALPHA.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", extrasamples=["unassalpha"])
    assert torch.equal(load_image(tmp_path / "a.tif").alpha[0, 0], torch.from_numpy(ALPHA).float() / 255)


def test_an_opaque_image_has_no_alpha(tmp_path):
    two_colours("RGBA").save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png").alpha is None
    assert load_image(two_colours()).alpha is None
    palette = two_colours().quantize(4)
    palette.save(tmp_path / "p.png", transparency=3)  # which no pixel has
    assert load_image(tmp_path / "p.png").alpha is None


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


@pytest.mark.parametrize("profile", [7, "text", (1, 2)])
def test_a_profile_that_is_no_profile_is_taken_for_srgb(profile):
    """What Pillow makes of a damaged tag."""
    image = two_colours()
    image.info["icc_profile"] = profile
    assert load_image(image).pixels[0, :, 0, 0].mul(255).round().tolist() == list(RED)


def test_sixteen_bits_per_channel_are_rounded_to_eight(tmp_path):
    array = np.full((3, 3, 3), (0x1234, 0x8080, 0xFFFF), np.uint16)
    with (tmp_path / "a.png").open("wb") as file:
        write_png16(file, array, {})
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb")
    for name in ("a.png", "a.tif"):
        assert pixel(tmp_path / name) == pytest.approx((0x12, 0x80, 0xFF), abs=1)


def test_transparency_of_grey_with_16_bits(tmp_path):
    image = Image.fromarray(np.array([[1000, 65535, 0]], np.uint16))
    image.save(tmp_path / "a.png", transparency=1000)
    assert load_image(tmp_path / "a.png").alpha.flatten().tolist() == [0, 1, 1]
    assert [pixel(tmp_path / "a.png", x=x)[0] for x in range(3)] == [255, 255, 0]


@pytest.mark.parametrize(("most", "value", "grey"), [(65535, 20_000, 78), (4095, 4095, 255), (4095, 1250, 78)])
def test_a_pgm_has_the_range_that_it_says(tmp_path, most, value, grey):
    (tmp_path / "a.pgm").write_bytes(b"P5 1 1 %d\n" % most + struct.pack(">H", value))
    assert pixel(tmp_path / "a.pgm")[0] == grey
