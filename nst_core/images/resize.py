"""Images to another size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["downscale", "downscaled_shape", "resize"]


def downscale(pixels: Tensor, size: int) -> Tensor:
    """Make the longest side at most ``size`` pixels, aspect kept, antialiased; never enlarges.

    Args:
        pixels: ``(B, 3, H, W)`` in [0, 1].
        size: at least 1.
    """
    height, width = pixels.shape[-2:]
    if max(height, width) <= size:
        return pixels
    shape = downscaled_shape((height, width), size)
    return F.interpolate(pixels, size=shape, mode="bicubic", antialias=True).clamp(0.0, 1.0)


def downscaled_shape(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return height and width whose longer side is ``longest``, aspect kept."""
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring an image ``(1, 3, H, W)`` in [0, 1] to another height and width."""
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False).clamp(0.0, 1.0)
