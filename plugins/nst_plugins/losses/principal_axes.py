"""The strongest principal axes of a Gaussian, and what is left beside them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PrincipalAxes", "principal_axes"]


@dataclass(frozen=True)
class PrincipalAxes:
    """A Gaussian by its strongest axes.

    Attributes:
        mean: ``(B, N)``.
        axes: orthonormal columns ``(B, N, K)``, from the weakest to the strongest of those kept.
        variances: along the axes, ``(B, K)``, not negative, float64.
        rest: mean variance of the N - K directions that are left, ``(B,)``, float64; 0 where none is.
    """

    mean: Tensor
    axes: Tensor
    variances: Tensor
    rest: Tensor


def principal_axes(mean: Tensor, covariance: Tensor, rank: int) -> PrincipalAxes:
    """Find the strongest axes of a Gaussian.

    Args:
        mean: ``(B, N)``.
        covariance: ``(B, N, N)``, positive semidefinite up to rounding.
        rank: most axes that are kept; 0 keeps all.

    Returns:
        The axes; where the covariance is not finite, the mean is NaN, and with it every distance.
    """
    channels = covariance.shape[-1]
    kept = min(rank, channels) or channels
    if not torch.isfinite(covariance).all():
        covariance = torch.zeros_like(covariance)
        mean = torch.full_like(mean, torch.nan)
    values, vectors = torch.linalg.eigh(covariance.double())
    values = values.clamp_min(0.0)
    left = channels - kept
    rest = values[:, :left].mean(dim=1) if left else values.new_zeros(values.shape[0])
    return PrincipalAxes(mean, vectors[:, :, left:].to(covariance.dtype), values[:, left:], rest)
