"""The Wasserstein distance of two Gaussians as style."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core import Statistic, StatisticLoss
from nst_plugins.losses.matrix_root import Root, trace_of_root
from nst_plugins.losses.moments import covariance, cross_moments

__all__ = ["W2Style", "squared_w2"]


def squared_w2(mean: Tensor, cov: Tensor, mean_aim: Tensor, cov_aim: Tensor, *, blur: float, root: Root) -> Tensor:
    """Return W₂² of two Gaussians, each convolved with noise of variance ``blur``.

    |μ - ν|² + tr C + tr D - 2 tr (C^½ D C^½)^½ with blur added to the diagonals of C and D (Olkin and Pukelsheim,
    Linear Algebra and its Applications 48, 1982). With D = L Lᵀ the last matrix has the eigenvalues of Lᵀ C L, so one
    Cholesky factor takes the place of one of the two roots.

    Args:
        mean: ``(B, N)``.
        cov: ``(B, N, N)``, positive semidefinite up to rounding.
        mean_aim: ``(B, N)`` or ``(1, N)``.
        cov_aim: covariances of the target, ``(B, N, N)`` or ``(1, N, N)``.
        blur: positive; both matrices may be singular without it.
        root: how the square root is found.

    Returns:
        ``(B,)``, in float64: the condition of Lᵀ C L is the square of that of C. MPS has neither float64 nor
        eigenvalues, so the matrices of an Apple GPU, which are small, are compared on the CPU; the result is there.
    """
    if mean.device.type == "mps":
        mean, cov, mean_aim, cov_aim = (x.cpu() for x in (mean, cov, mean_aim, cov_aim))
    mean, cov, mean_aim, cov_aim = (x.double() for x in (mean, cov, mean_aim, cov_aim))
    noise = blur * torch.eye(cov.shape[-1], dtype=cov.dtype, device=cov.device)
    cov, cov_aim = cov + noise, cov_aim + noise
    factor = torch.linalg.cholesky(cov_aim)
    traces = trace_of_root(factor.transpose(1, 2) @ cov @ factor, root)
    spread = (cov.diagonal(dim1=1, dim2=2) + cov_aim.diagonal(dim1=1, dim2=2)).sum(dim=1)
    return (mean - mean_aim).square().sum(dim=1) + spread - 2 * traces


class W2Style(StatisticLoss):
    """How far features must be moved to have the style's mean and covariance: 2-Wasserstein between Gaussians.

    W₂²(N(μ_G, C_G + b), N(μ_S, C_S + b)) / N with N the tap's nominal number of channels. Where Gram and covariance
    losses are quartic in the features and mind the strongest directions only, this one is quadratic and minds them
    all alike.

    ``blur`` is b, the variance of noise added to both, in units of a tap's mean square: it keeps the square root
    smooth where the covariance is singular. ``root`` is how the square root is found: ``eigen``, the faster one on
    processors, or ``newton-schulz``, matrix products alone, for devices where those are what is fast.
    """

    default_weight = 50.0

    def __init__(self, blur: float = 0.01, root: Root = "eigen") -> None:
        if not 1e-6 <= blur <= 10:
            raise ValueError(f"blur must be from 1e-6 to 10, not {blur}")
        self.blur = blur
        self.root: Root = root

    def statistic(self, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Sum F and F Fᵀ over positions."""
        return cross_moments(feature, weight)

    def criterion(self, statistic: Statistic, target: Statistic, channels: int) -> Tensor:
        """Compute the distance of the two Gaussians."""
        distance = squared_w2(*covariance(statistic), *covariance(target), blur=self.blur, root=self.root)
        return (distance.sum() / channels).to(statistic.weight.dtype).to(statistic.weight.device)
