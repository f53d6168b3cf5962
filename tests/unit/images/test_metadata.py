"""An image carries its recipe, in every format and nothing else for one."""

from __future__ import annotations

import pytest
from PIL import Image
from sample_images import NOISE, SUFFIXES

from nst_core import ImageError, read_recipe, save_image
from nst_core.images import to_pil

RECIPE = 'size = 512\n[content]\npath = "Füße/写真 \\"1\\".jpg"\n' + "# filler\n" * 2000


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_recipes_survive(tmp_path, suffix, bits):
    path = tmp_path / f"a.{suffix}"
    if bits == 16 and suffix not in ("png", "tif", "tiff"):
        with pytest.raises(ImageError, match="cannot be written with 16 bits"):
            save_image(NOISE, path, bits=16, recipe=RECIPE)
        return
    save_image(NOISE, path, bits=bits, recipe=RECIPE)
    assert read_recipe(path) == RECIPE
    Image.open(path).load()


def test_an_image_without_recipe_says_so(tmp_path):
    for suffix in SUFFIXES:
        save_image(NOISE, tmp_path / f"a.{suffix}")
        with pytest.raises(ImageError, match="contains no recipe"):
            read_recipe(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("comment", [b"\0" * 8 + b"hello", b"ASCII\0\0\0hello", b"\0" * 60, b"\0" * 8 + b"\xff\xfe"])
def test_a_camera_s_comment_is_no_recipe(tmp_path, comment):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    to_pil(NOISE).save(tmp_path / "camera.jpg", exif=exif)
    with pytest.raises(ImageError, match="contains no recipe"):
        read_recipe(tmp_path / "camera.jpg")


def test_an_escape_that_was_damaged_is_an_error_of_ours(tmp_path):
    save_image(NOISE, tmp_path / "a.tif", recipe="caf\u00e9 = 1")
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data.replace(b"\\xe9", b"\\Ge9", 1))
    with pytest.raises(ImageError, match=r"the recipe in '.*a.tif' is damaged"):
        read_recipe(tmp_path / "a.tif")


def test_a_recipe_that_was_damaged_is_an_error_of_ours(tmp_path):
    save_image(NOISE, tmp_path / "a.jpg", recipe="caf\u00e9 = 1")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data.replace("\u00e9".encode(), b"\xff\xff", 1))
    with pytest.raises(ImageError, match=r"the recipe in '.*a.jpg' is damaged"):
        read_recipe(tmp_path / "a.jpg")
