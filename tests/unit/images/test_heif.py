"""HEIC pictures are read where the package for them is installed, and named where it is not."""

from __future__ import annotations

import io
import sys

import pytest
from PIL import Image
from sample_images import GREEN, RED, pixel, two_colours

from nst_core import ImageError, load_image
from nst_core.images.heif import is_heic


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0miafheic", b"hevx\0\0\0\0msf1"])
def test_without_the_package_the_message_says_what_it_is(tmp_path, monkeypatch, brands):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes((8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + bytes(99))
    with pytest.raises(ImageError, match=r"style image '.*a.heic' is a HEIC picture.*pip install .pillow-heif>=.*JPEG"):
        load_image(tmp_path / "a.heic", role="style image")


def test_films_are_no_pictures(tmp_path):
    film = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(99)
    assert not is_heic(film)
    (tmp_path / "a.mp4").write_bytes(film)
    with pytest.raises(ImageError, match="not an image in a supported format"):
        load_image(tmp_path / "a.mp4")


def heic(image: Image.Image, **options) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason='needs the extra "heif"')
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=-1, **options)
    return buffer.getvalue()


def test_with_the_package_it_is_read(tmp_path):
    (tmp_path / "a.heic").write_bytes(heic(two_colours().resize((64, 96))))
    assert load_image(tmp_path / "a.heic").original_size == (96, 64)
    assert pixel(tmp_path / "a.heic") == pytest.approx(RED, abs=6)
    assert pixel(tmp_path / "a.heic", y=95) == pytest.approx(GREEN, abs=6)


def test_it_is_turned_upright_once(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = two_colours().resize((64, 96)).transpose(Image.Transpose.ROTATE_90)
    (tmp_path / "a.heic").write_bytes(heic(lying, exif=exif.tobytes()))
    assert load_image(tmp_path / "a.heic").original_size == (96, 64)
    assert pixel(tmp_path / "a.heic") == pytest.approx(RED, abs=6)


@pytest.mark.parametrize("keep", [40, 200, 0.9])
def test_damaged_files_are_errors_of_ours(tmp_path, keep):
    data = heic(two_colours().resize((64, 96)))
    (tmp_path / "a.heic").write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(ImageError, match="damaged or incomplete"):
        load_image(tmp_path / "a.heic")
