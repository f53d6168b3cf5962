"""What is known of an image that was read, whatever it was read from."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from sample_images import GREEN, RED, pixel, two_colours

from nst_core import load_image


def test_shape_range_and_size(tmp_path):
    two_colours().save(tmp_path / "a.png")
    found = load_image(tmp_path / "a.png")
    assert found.pixels.shape == (1, 3, 6, 4)
    assert found.pixels.dtype == torch.float32
    assert found.original_size == (6, 4)
    assert len(found.sha256) == 64
    assert pixel(tmp_path / "a.png") == RED
    assert pixel(tmp_path / "a.png", y=5) == GREEN


def test_images_in_memory():
    image = two_colours()
    tensor = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)
    assert torch.equal(load_image(image).pixels, load_image(tensor).pixels)
    assert torch.equal(load_image(tensor.float() / 255).pixels, load_image(tensor[None]).pixels)
    assert load_image(torch.zeros(1, 4, 5)).pixels.shape == (1, 3, 4, 5)
    assert load_image(image).sha256 != load_image(image.rotate(180)).sha256
    assert load_image(image).sha256 == load_image(two_colours()).sha256
    assert load_image(image).path == ""


def test_a_file_is_known_by_its_bytes_and_its_path(tmp_path):
    for name in ("a.png", "b.png"):
        two_colours().save(tmp_path / name)
    found = load_image(str(tmp_path / "a.png"), size=3)
    assert found.path == str(tmp_path / "a.png")
    assert found.sha256 == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert found.sha256 == load_image(tmp_path / "b.png").sha256
    assert (found.pixels.shape, found.original_size) == ((1, 3, 3, 2), (6, 4))
