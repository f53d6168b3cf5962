"""Which files are images, without decoding any."""

from __future__ import annotations

import pytest
import torch

from nst_core import save_image
from nst_core.images.recognition import is_image


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_an_image_is_known_by_its_beginning_where_its_suffix_says_nothing(tmp_path, suffix):
    save_image(torch.rand(3, 8, 9), tmp_path / f"a{suffix}")
    bare = (tmp_path / f"a{suffix}").rename(tmp_path / "scan.0001")
    assert is_image(bare)


@pytest.mark.parametrize("name", ["damaged.jpg", "DAMAGED.JPEG", "phone.heic", "a.tiff", "a.avif", "a.bmp"])
def test_a_damaged_image_is_meant_to_be_one(tmp_path, name):
    (tmp_path / name).write_text("no picture")
    assert is_image(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "data"),
    [("notes.txt", b"hello"), ("empty", b""), ("a.pdf", b"%PDF-1.4"), ("a.eps", b"%!PS-Adobe"), ("a.bin", bytes(600))],
)
def test_other_files_are_not(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    assert not is_image(tmp_path / name)


def test_an_image_that_is_too_large_is_one_all_the_same(tmp_path):
    (tmp_path / "huge").write_bytes(b"P6 300000 300000 255\n" + bytes(100))
    assert is_image(tmp_path / "huge")


def test_what_cannot_be_opened_is_not(tmp_path):
    assert not is_image(tmp_path / "missing")
