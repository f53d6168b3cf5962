"""Small images, and what is read from files of them."""

from __future__ import annotations

import os

import torch
from PIL import Image

from nst_core import load_image

RED, GREEN = (220, 30, 40), (20, 200, 60)
NOISE = torch.rand(1, 3, 37, 51, generator=torch.Generator().manual_seed(0))
SMOOTH = torch.linspace(0, 1, 64).expand(1, 3, 48, 64)
SUFFIXES = ["png", "jpg", "jpeg", "webp", "tif", "tiff"]


def two_colours(mode: str = "RGB") -> Image.Image:
    """Red above, green below: 4 wide, 6 high."""
    image = Image.new("RGB", (4, 6), GREEN)
    image.paste(RED, (0, 0, 4, 3))
    return image.convert(mode)


def pixel(path: str | os.PathLike[str], y: int = 0, x: int = 0) -> tuple[int, ...]:
    """Red, green and blue of a pixel of a file, from 0 to 255."""
    return tuple((load_image(path).pixels[0, :, y, x] * 255).round().int().tolist())
