"""Saturated specks: single pixels or pairs of a glaring colour, which optimisation leaves behind."""

from __future__ import annotations

import numpy as np
from PIL import ImageFilter
from torch import Tensor

from nst_core.images import to_pil

__all__ = ["speck_share"]

CLIPPED = 5
"""Steps of 8 bits from either end of the range within which a channel counts as clipped."""
OUTSTANDING = 64
"""Steps of 8 bits from the median of the surroundings: a quarter of the range."""
_SIDE = 5


def speck_share(image: Tensor) -> float:
    """Return the share of the pixels that are specks.

    A speck has a channel within 2 % of 0 or of 1 that differs by more than 0.25 from the median of that channel in the
    5×5 pixels around it: at most a dozen pixels in a place share it.

    Args:
        image: ``(1, 3, H, W)`` in [0, 1]; taken as 8 bits.

    Returns:
        From 0 to 1. Fine lines and stars of a painting count as well: compare with the figure of its own.
    """
    picture = to_pil(image)
    pixels = np.asarray(picture).astype(np.int16)
    median = np.asarray(picture.filter(ImageFilter.MedianFilter(_SIDE))).astype(np.int16)
    clipped = (pixels <= CLIPPED) | (pixels >= 255 - CLIPPED)
    return float((clipped & (abs(pixels - median) > OUTSTANDING)).any(axis=-1).mean())
