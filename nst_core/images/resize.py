"""Resampling images to another size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["downscale", "resample", "resize", "scaled_shape"]


def downscale(pixels: Tensor, size: int) -> Tensor:
    """Scale images down to a longest side of ``size`` pixels, antialiased; smaller images are returned as they are.

    Args:
        pixels: ``(B, 3, H, W)`` in [0, 1].
        size: the longest side, at least 1.

    Returns:
        ``(B, 3, h, w)`` in [0, 1].
    """
    height, width = pixels.shape[-2:]
    return pixels if max(height, width) <= size else resample(pixels, scaled_shape((height, width), size))


def resample(pixels: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resample images to another height and width, with bicubic interpolation, antialiased.

    Args:
        pixels: ``(B, 3, H, W)`` in [0, 1].
        shape: height and width.

    Returns:
        ``(B, 3, *shape)`` in [0, 1]; ``pixels`` itself where that is their shape.
    """
    if pixels.shape[-2:] == shape:
        return pixels
    return F.interpolate(pixels, size=shape, mode="bicubic", antialias=True).clamp(0.0, 1.0)


def scaled_shape(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return the height and width whose longer side is ``longest``, in the proportions of ``size``; at least 1 each."""
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample images to another height and width, with bicubic interpolation that is not antialiased.

    Args:
        image: ``(B, 3, H, W)`` in [0, 1].
        size: height and width.

    Returns:
        ``(B, 3, *size)`` in [0, 1].
    """
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False).clamp(0.0, 1.0)
