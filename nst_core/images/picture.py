"""What can be given as an image, and what comes of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

__all__ = ["ImageInput", "Picture"]

ImageInput = str | os.PathLike[str] | Image.Image | Tensor


@dataclass(frozen=True)
class Picture:
    """An image that was read.

    Attributes:
        pixels: ``(1, 3, H, W)`` float32, RGB, sRGB-encoded, in [0, 1].
        sha256: digest of the file's bytes, or of size and pixels of an image in memory, in hex.
        path: as given; "" for an image in memory.
        original_size: height and width before it was made smaller, after EXIF rotation.
    """

    pixels: Tensor
    sha256: str
    path: str
    original_size: tuple[int, int]
