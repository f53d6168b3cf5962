"""Luminance and chroma by ITU-R BT.601 in full range, as JPEG has them.

Y = 0.299 R + 0.587 G + 0.114 B, Cb = (B - Y) / 1.772, Cr = (R - Y) / 1.402, of sRGB-encoded values (JFIF 1.02, ITU-T
T.871). These are the Y, Cb and Cr of Pillow's mode YCbCr, in which neural-style recombines colours.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["luminance", "with_chroma_of"]

WEIGHTS = (0.299, 0.587, 0.114)


def luminance(image: Tensor) -> Tensor:
    """Return Y ``(B, 1, H, W)`` in [0, 1] of an image ``(B, 3, H, W)`` in [0, 1].

    Grey values are their own luminance, up to rounding.
    """
    weights = image.new_tensor(WEIGHTS).reshape(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True).clamp(0.0, 1.0)


def with_chroma_of(image: Tensor, colours: Tensor) -> Tensor:
    """Return an image with its own Y, and Cb and Cr of another.

    Where Cb and Cr stay, R - Y, G - Y and B - Y do, too: the difference in luminance is added to every channel. What
    leaves [0, 1] is clamped, as in Pillow; a saturated colour then loses some of its saturation or luminance.

    Args:
        image: ``(B, 3, H, W)`` in [0, 1], whose luminance is taken.
        colours: ``(B, 3, H, W)`` in [0, 1], whose chroma is taken.

    Returns:
        ``(B, 3, H, W)`` in [0, 1].
    """
    return (colours + (luminance(image) - luminance(colours))).clamp(0.0, 1.0)
