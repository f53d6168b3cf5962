"""First and second moments of a feature map: what several style losses sum over positions."""

from __future__ import annotations

from torch import Tensor

from nst_core import Statistic
from nst_core.ops import gram, sum_positions, to_accumulation, total_weight

__all__ = ["channel_moments", "covariance", "cross_moments"]


def channel_moments(feature: Tensor, weight: Tensor | None = None) -> Statistic:
    """Sum F and F² over positions.

    Args:
        feature: ``(B, N, H, W)``.
        weight: ``(B, 1, H, W)`` or ``None`` for one everywhere.

    Returns:
        Sums ``(B, N)`` and ``(B, N)``, float32 or wider.
    """
    values = to_accumulation(feature)
    sums = (sum_positions(values, weight), sum_positions(values.square(), weight))
    return Statistic(sums, total_weight(values, weight))


def cross_moments(feature: Tensor, weight: Tensor | None = None) -> Statistic:
    """Sum F and F Fᵀ over positions.

    Args:
        feature: ``(B, N, H, W)``.
        weight: ``(B, 1, H, W)`` or ``None`` for one everywhere.

    Returns:
        Sums ``(B, N)`` and ``(B, N, N)``, float32 or wider.
    """
    return Statistic((sum_positions(feature, weight), gram(feature, weight)), total_weight(feature, weight))


def covariance(moments: Statistic) -> tuple[Tensor, Tensor]:
    """Turn :func:`cross_moments` into the mean ``(B, N)`` and the covariance E[F Fᵀ] - μ μᵀ, ``(B, N, N)``."""
    mean, second = moments.means()
    return mean, second - mean[:, :, None] * mean[:, None, :]
