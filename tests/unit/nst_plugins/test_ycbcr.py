"""Luminance and chroma, as Pillow has them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from nst_plugins.ycbcr import luminance, with_chroma_of

IMAGE = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
OTHER = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(1))


def by_pillow(image: torch.Tensor) -> np.ndarray:
    """Return Y, Cb and Cr as whole numbers, ``(H, W, 3)``."""
    pixels = (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    return np.asarray(Image.fromarray(pixels).convert("YCbCr")).astype(float)


def test_luminance_is_that_of_pillow():
    assert np.abs(luminance(IMAGE)[0, 0].numpy() * 255 - by_pillow(IMAGE)[..., 0]).max() < 1.5


def test_grey_is_its_own_luminance():
    grey = IMAGE[:, :1].repeat(1, 3, 1, 1)
    torch.testing.assert_close(luminance(grey), IMAGE[:, :1])
    assert luminance(torch.ones(1, 3, 2, 2)).max() <= 1


def test_luminance_is_of_the_one_and_chroma_of_the_other():
    """Where nothing leaves the gamut."""
    image, colours = 0.45 + 0.1 * IMAGE, 0.4 + 0.2 * OTHER
    found = by_pillow(with_chroma_of(image, colours))
    assert np.abs(found[..., 0] - by_pillow(image)[..., 0]).max() <= 2
    assert np.abs(found[..., 1:] - by_pillow(colours)[..., 1:]).max() <= 2


def test_it_is_the_recombination_of_neural_style():
    """Y, Cb, Cr to RGB by the formulas of T.871, clamped: for any colours."""
    y = luminance(IMAGE)
    own = luminance(OTHER)
    cb, cr = (OTHER[:, 2:] - own) / 1.772, (OTHER[:, :1] - own) / 1.402
    expected = torch.cat(
        (y + 1.402 * cr, y - 0.114 * 1.772 / 0.587 * cb - 0.299 * 1.402 / 0.587 * cr, y + 1.772 * cb), 1
    )
    torch.testing.assert_close(with_chroma_of(IMAGE, OTHER), expected.clamp(0, 1))


def test_an_image_with_its_own_chroma_is_itself():
    torch.testing.assert_close(with_chroma_of(IMAGE, IMAGE), IMAGE)
