"""Total variation of a picture, as the loss ``tv`` has it."""

from __future__ import annotations

from torch import Tensor

__all__ = ["total_variation"]


def total_variation(image: Tensor) -> float:
    """Mean over pixels of the squared differences to the right and lower neighbours, summed over channels.

    Args:
        image: ``(1, 3, H, W)`` in [0, 1].
    """
    _, _, height, width = image.shape
    squares = image.diff(dim=-2).square().sum() + image.diff(dim=-1).square().sum()
    return float(squares) / (height * width)
