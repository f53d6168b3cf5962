"""Mean and raw second moment of feature maps: what both the Gram and the Fréchet distance compare."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Moments", "feature_moments", "relative_gram_distance"]

# Positions that are summed at a time: their copy in float64 is a few tens of megabytes.
_BLOCK = 1 << 16


class Moments(NamedTuple):
    """First and second moments over the positions of a feature map.

    Attributes:
        mean: ``(N,)`` float64.
        gram: ``(N, N)`` float64, F Fᵀ / M: the position-averaged Gram matrix, the raw second moment.
    """

    mean: Tensor
    gram: Tensor

    @property
    def covariance(self) -> Tensor:
        """``(N, N)``, symmetric."""
        return self.gram - torch.outer(self.mean, self.mean)


def feature_moments(feature: Tensor) -> Moments:
    """Return the moments of a feature map over its positions.

    Args:
        feature: ``(1, N, H, W)``, of any floating dtype.

    Returns:
        float64 on the device of ``feature``; on the CPU for MPS, which has no float64.
    """
    flat = feature[0].flatten(1)
    if flat.device.type == "mps":
        flat = flat.cpu()
    channels, positions = flat.shape
    total = flat.new_zeros(channels, dtype=torch.float64)
    gram = flat.new_zeros(channels, channels, dtype=torch.float64)
    for first in range(0, positions, _BLOCK):
        values = flat[:, first : first + _BLOCK].double()
        total += values.sum(dim=1)
        gram.addmm_(values, values.T)
    return Moments(total / positions, gram / positions)


def relative_gram_distance(picture: Moments, style: Moments) -> float:
    """Return ‖A - A_S‖ / ‖A_S‖, or ‖A‖ where A_S is zero: 0 for equal Gram matrices."""
    norm = float(style.gram.norm())
    distance = float((picture.gram - style.gram).norm())
    return distance / norm if norm > 0 else distance
