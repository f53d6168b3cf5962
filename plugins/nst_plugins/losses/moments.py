"""First and second moments of a feature map: what several style losses sum over positions."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core import Statistic, ops

__all__ = ["channel_moments", "covariance", "cross_moments", "weighted_sum", "wide"]


def wide(feature: Tensor) -> Tensor:
    """Return the feature map in float32 or wider."""
    return feature if feature.dtype == torch.float64 else feature.float()


def weighted_sum(values: Tensor, weight: Tensor | None) -> Tensor:
    """Sum ``(B, N, H, W)`` over positions, each times its weight ``(B, 1, H, W)``: ``(B, N)``."""
    return values.sum(dim=(2, 3)) if weight is None else (values * weight).sum(dim=(2, 3))


def _total(feature: Tensor, weight: Tensor | None) -> Tensor:
    batch, _, height, width = feature.shape
    if weight is None:
        return feature.new_full((batch,), float(height * width))
    return weight.to(feature.dtype).sum(dim=(1, 2, 3)).expand(batch)


def channel_moments(feature: Tensor, weight: Tensor | None = None) -> Statistic:
    """Sum F and F² over positions.

    Args:
        feature: ``(B, N, H, W)``.
        weight: ``(B, 1, H, W)`` or ``None`` for one everywhere.

    Returns:
        Sums ``(B, N)`` and ``(B, N)``, float32 or wider.
    """
    values = wide(feature)
    sums = (weighted_sum(values, weight), weighted_sum(values.square(), weight))
    return Statistic(sums, _total(values, weight))


def cross_moments(feature: Tensor, weight: Tensor | None = None) -> Statistic:
    """Sum F and F Fᵀ over positions.

    Args:
        feature: ``(B, N, H, W)``.
        weight: ``(B, 1, H, W)`` or ``None`` for one everywhere.

    Returns:
        Sums ``(B, N)`` and ``(B, N, N)``, float32 or wider.
    """
    values = wide(feature)
    return Statistic((weighted_sum(values, weight), ops.gram(feature, weight)), _total(values, weight))


def covariance(moments: Statistic) -> tuple[Tensor, Tensor]:
    """Turn :func:`cross_moments` into the mean ``(B, N)`` and the covariance E[F Fᵀ] - μ μᵀ, ``(B, N, N)``."""
    mean, second = moments.means()
    return mean, second - mean[:, :, None] * mean[:, None, :]
