"""The kinds of images that the framework takes, and the form they are read into."""

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
        sha256: hexadecimal digest of the file, or of the size and pixels of an image in memory.
        path: the path as given; "" for an image in memory.
        original_size: height and width after EXIF rotation, before downscaling.
        alpha: ``(1, 1, H, W)`` float32, from 0 where the image is transparent to 1 where it is opaque; ``None`` if it
            is opaque everywhere. ``pixels`` are composited over white.
    """

    pixels: Tensor
    sha256: str
    path: str
    original_size: tuple[int, int]
    alpha: Tensor | None = None
