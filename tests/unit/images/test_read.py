"""Images are turned upright, scaled down where they are too large, and refused where they are none."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sample_images import GREEN, RED, pixel, two_colours

from nst_core import ImageError, load_image
from nst_core.images.read import decode


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


@pytest.mark.parametrize(("orientation", "undo"), [(1, None), (2, "FLIP_LEFT_RIGHT"), (6, "ROTATE_90")])
def test_exif_rotation_turns_what_is_transparent_too(tmp_path, orientation, undo):
    image = two_colours("RGBA")
    image.putpixel((3, 0), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = orientation
    (image.transpose(getattr(Image.Transpose, undo)) if undo else image).save(tmp_path / "a.png", exif=exif)
    alpha = load_image(tmp_path / "a.png").alpha
    assert alpha.shape[-2:] == (6, 4)
    assert (alpha == 0).nonzero().tolist() == [[0, 0, 0, 3]]


@given(size=st.integers(1, 90), enlarge=st.booleans())
def test_alpha_has_the_size_of_the_pixels_and_their_range(size, enlarge):
    image = Image.new("RGBA", (41, 13), (*RED, 0))
    image.paste((*GREEN, 255), (5, 3, 30, 9))
    decoded = decode(image)
    found = decoded.at(size, enlarge=enlarge)
    assert found.alpha.shape[-2:] == found.pixels.shape[-2:]
    assert 0 <= found.alpha.min() <= found.alpha.max() <= 1
    assert torch.equal(found.alpha, decoded.alpha_at(found.pixels.shape[-2:]))


def test_an_image_that_is_transparent_everywhere_is_refused(tmp_path):
    Image.new("RGBA", (5, 4), (*RED, 0)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"content image '.*a.png' is transparent everywhere.*without transparency"):
        load_image(tmp_path / "a.png", role="content image")
    with pytest.raises(ImageError, match="style image is transparent everywhere"):
        load_image(Image.new("LA", (5, 4), (9, 0)), role="style image")


def test_larger_images_are_made_smaller_and_smaller_ones_stay(tmp_path):
    Image.new("RGB", (300, 200), RED).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png", size=150).pixels.shape == (1, 3, 100, 150)
    assert load_image(tmp_path / "a.png", size=999).pixels.shape == (1, 3, 200, 300)
    Image.new("RGB", (500, 1), RED).save(tmp_path / "line.png")
    assert load_image(tmp_path / "line.png", size=10).pixels.shape == (1, 3, 1, 10)


@pytest.mark.parametrize("size", [None, 1, 7, 40, 41, 99])
@pytest.mark.parametrize("source", [Image.new("RGB", (41, 13)), torch.zeros(3, 13, 41)], ids=["image", "tensor"])
def test_the_size_is_known_before_the_pixels(source, size):
    decoded = decode(source)
    assert decoded.size_at(size) == decoded.at(size).pixels.shape[-2:]


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(4, 5), r"shape \(3, H, W\).*not \(4, 5\)"),
        (torch.zeros(2, 3, 4, 5), r"not \(2, 3, 4, 5\)"),
        (torch.zeros(3, 0, 5), r"not \(3, 0, 5\)"),
        (torch.full((3, 4, 4), 255.0), r"in \[0, 1\], but they range from 255 to 255"),
        (torch.full((3, 4, 4), float("nan")), r"range from nan"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), r"not torch.int64"),
        (3.5, r"not float"),
        (None, r"not NoneType"),
    ],
)
def test_objects_that_are_no_images(tensor, message):
    with pytest.raises(ImageError, match=f"(?s)style image.*{message}"):
        load_image(tensor, role="style image")
