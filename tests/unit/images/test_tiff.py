"""TIFF files of every sample format are read with their range, or refused by the name of the format."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image
from sample_images import pixel

from nst_core import ImageError, load_image, read_recipe, save_image
from nst_core.images.tiff import is_tiff

MOST = {
    **{f"uint{bits}": 2**bits - 1 for bits in (8, 16, 32, 64)},
    **{f"int{bits}": 2 ** (bits - 1) - 1 for bits in (8, 16, 32, 64)},
    **{f"float{bits}": 1.0 for bits in (16, 32, 64)},
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", MOST)
def test_every_sample_format_has_its_range(tmp_path, kind, channels, order):
    low, high = np.array(0, kind), np.array(MOST[kind], kind)
    array = np.stack([low, high // 2 if high.dtype.kind in "ui" else high / 2, high])[None]
    array = array if channels == 1 else np.repeat(array[..., None], channels, axis=-1)
    photometric = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(tmp_path / "a.tif", array, photometric=photometric, byteorder=order, metadata=None)
    found = [pixel(tmp_path / "a.tif", x=x) for x in range(3)]
    assert found[0] == (0, 0, 0)
    assert found[1] == pytest.approx((127,) * 3, abs=1)
    assert found[2] == (255, 255, 255)


@pytest.mark.parametrize("kind", ["int8", "int16", "float32"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_negative_values_are_black(tmp_path, kind, compression):
    array = np.array([[-100, MOST[kind]]], kind)
    if compression == "raw" or kind == "int8":
        tifffile.imwrite(tmp_path / "a.tif", array, metadata=None)
    else:
        Image.fromarray(array.astype(np.int32) if kind == "int16" else array).save(
            tmp_path / "a.tif", compression=compression
        )
    assert pixel(tmp_path / "a.tif")[0] == 0


@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
@pytest.mark.parametrize("declared", [None, 4095, 16383])
def test_twelve_bits_in_sixteen_are_not_dark(tmp_path, photometric, declared):
    array = np.array([[0, 2048, 4095]], np.uint16)
    array = array if photometric == "minisblack" else np.repeat(array[..., None], 3, axis=-1)
    tags = [] if declared is None else [(281, "H", 1, declared, True)]
    tifffile.imwrite(tmp_path / "a.tif", array, photometric=photometric, metadata=None, extratags=tags)
    white = 255 if declared != 16383 else 64
    assert pixel(tmp_path / "a.tif", x=2) == (white,) * 3
    assert pixel(tmp_path / "a.tif", x=1) == pytest.approx((white / 2,) * 3, abs=1)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_zero_may_be_white(tmp_path, kind):
    array = np.array([[0, MOST[kind]]], kind)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="miniswhite", metadata=None)
    assert [pixel(tmp_path / "a.tif", x=x)[0] for x in range(2)] == [255, 0]


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_alpha(tmp_path, kind):
    clear = np.zeros((2, 2, 4), kind)
    clear[1, 1, 3] = 1 if kind == "float32" else 65535
    tifffile.imwrite(tmp_path / "a.tif", clear, photometric="rgb", extrasamples=["unassalpha"], metadata=None)
    assert pixel(tmp_path / "a.tif") == (255, 255, 255)


def test_planes_orientation_and_bigtiff(tmp_path):
    array = np.zeros((3, 2, 5), np.float32)
    array[1, 0, 0] = 1.0
    tifffile.imwrite(
        tmp_path / "a.tif",
        array,
        photometric="rgb",
        planarconfig="separate",
        bigtiff=True,
        metadata=None,
        extratags=[(274, "H", 1, 6, True)],
    )
    assert is_tiff((tmp_path / "a.tif").read_bytes())
    assert load_image(tmp_path / "a.tif").original_size == (5, 2)
    assert pixel(tmp_path / "a.tif", x=1) == (0, 255, 0)


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with another whole number below 65536 for a tag."""
    place = next(
        p for kind in b"\3\4" if (p := data.find(tag.to_bytes(2, "little") + bytes([kind, 0, 1, 0, 0, 0]))) > 0
    )
    return data[: place + 8] + value.to_bytes(2, "little") + data[place + 10 :]


@pytest.mark.parametrize(
    ("array", "tag", "value", "message"),
    [
        (np.zeros((4, 4), np.complex64), None, 0, "samples of format .*6.* with .*64.* bits"),
        (np.zeros((4, 4), np.float64), 259, 5, "64-bit floating-point samples with LZW compression"),
        (np.zeros((4, 4), np.float64), 262, 32844, "64-bit floating-point samples and 1 channels as LOGL"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, array, tag, value, message):
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", metadata=None)
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data if tag is None else with_tag(data, tag, value))
    with pytest.raises(ImageError, match=message) as caught:
        load_image(tmp_path / "a.tif")
    assert "magick" in str(caught.value)


def test_a_file_that_claims_more_than_it_holds_is_refused_before_it_is_decoded(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.float64), photometric="minisblack", metadata=None)
    data = with_tag(with_tag((tmp_path / "a.tif").read_bytes(), 256, 15_000), 257, 15_000)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ImageError, match="damaged or incomplete: it claims to have 15000×15000 pixels"):
        load_image(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes(with_tag(with_tag(data, 256, 60_000), 257, 60_000))
    with pytest.raises(ImageError, match="limit of 300 megapixels"):
        load_image(tmp_path / "a.tif")


def test_16_bits_in_colour_keep_their_recipe(tmp_path):
    save_image(load_image("sample:landscape", size=16).pixels, tmp_path / "a.tif", bits=16, recipe="size = 16")
    assert read_recipe(tmp_path / "a.tif") == "size = 16"


def test_values_of_damaged_tags_are_cut_in_messages(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((4, 4), np.complex64),
        photometric="minisblack",
        metadata=None,
        extratags=[(339, "H", 500, [9] * 500, True)],
    )
    with pytest.raises(ImageError) as caught:
        load_image(tmp_path / "a.tif")
    assert len(str(caught.value)) < 400
