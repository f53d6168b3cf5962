"""The Wasserstein distance of two Gaussians as style."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core import Statistic, StatisticLoss
from nst_plugins.losses.matrix_root import Root, trace_of_root
from nst_plugins.losses.moments import covariance, cross_moments
from nst_plugins.losses.principal_axes import PrincipalAxes, principal_axes

__all__ = ["W2Style", "squared_w2"]


def squared_w2(mean: Tensor, cov: Tensor, aim: PrincipalAxes, *, blur: float, root: Root) -> Tensor:
    """Return W₂² of two Gaussians, each convolved with noise of variance ``blur``, along the axes of the second.

    With all N axes Q, variances Λ and b the blur, it is |μ - ν|² + tr C + tr D - 2 tr (D^½ C D^½)^½ with b added to the
    diagonals of C and D (Olkin and Pukelsheim, Linear Algebra and its Applications 48, 1982); in the axes, D^½ is the
    diagonal (Λ + b)^½ and C is Qᵀ C Q. With the K strongest axes only, this compares what lies in their span; of what
    lies beside it, the total variances t and τ are compared: (√t - √τ)². That is W₂² of the two Gaussians whose
    correlations beside the span are left out, which is never larger than that of the Gaussians themselves.

    Args:
        mean: ``(B, N)``.
        cov: ``(B, N, N)``, positive semidefinite up to rounding.
        aim: the second Gaussian, batch B or 1.
        blur: positive; both matrices may be singular without it.
        root: how the square root is found.

    Returns:
        ``(B,)``, in float64: the condition of D^½ C D^½ is the square of that of C.
    """
    channels, kept = aim.axes.shape[-2:]
    axes = aim.axes.to(cov.dtype)
    within = axes.transpose(1, 2) @ cov @ axes
    within = within.double() + blur * torch.eye(kept, dtype=torch.float64, device=cov.device)
    deviations = (aim.variances + blur).sqrt()
    product = deviations[:, :, None] * within * deviations[:, None, :]
    inside = within.diagonal(dim1=1, dim2=2).sum(dim=1)
    distance = (
        (mean - aim.mean).double().square().sum(dim=1)
        + inside
        + deviations.square().sum(dim=1)
        - 2 * trace_of_root(0.5 * (product + product.transpose(1, 2)), root)
    )
    if kept == channels:
        return distance
    total = cov.diagonal(dim1=1, dim2=2).sum(dim=1).double() + channels * blur
    beside = (total - inside).clamp_min((channels - kept) * blur)
    return distance + (beside.sqrt() - ((channels - kept) * (aim.rest + blur)).sqrt()).square()


class W2Style(StatisticLoss):
    """How far features must be moved to have the style's mean and covariance: 2-Wasserstein between Gaussians.

    W₂²(N(μ_G, C_G + b), N(μ_S, C_S + b)) / N with N the tap's nominal number of channels. Where Gram and covariance
    losses are quartic in the features and mind the strongest directions only, this one is quadratic and minds them
    all alike.

    ``blur`` is b, the variance of noise added to both, in units of a tap's mean square: it keeps the square root
    smooth where the covariance is singular. ``rank`` is the number of the style's principal axes along which
    covariances are compared; of the other directions, only the total variance is. 0 compares all, which takes several
    times as long and looks the same. ``root`` is how the square root is found: ``eigen``, the faster one on processors,
    or ``newton-schulz``, matrix products alone, for devices where those are what is fast.
    """

    default_weight = 50.0

    def __init__(self, blur: float = 0.01, rank: int = 128, root: Root = "eigen") -> None:
        if not 1e-6 <= blur <= 10:
            raise ValueError(f"blur must be from 1e-6 to 10, not {blur}")
        if rank < 0:
            raise ValueError(f"rank must be 0 or more, not {rank}")
        self.blur = blur
        self.rank = rank
        self.root: Root = root

    def statistic(self, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Sum F and F Fᵀ over positions."""
        return cross_moments(feature, weight)

    def prepared_target(self, statistic: Statistic) -> PrincipalAxes:
        """Find the principal axes of the style's Gaussian."""
        return principal_axes(*_moments(statistic), self.rank)

    def criterion(self, statistic: Statistic, target: PrincipalAxes, channels: int) -> Tensor:
        """Compute the distance of the two Gaussians."""
        distance = squared_w2(*_moments(statistic), target, blur=self.blur, root=self.root)
        return (distance.sum() / channels).to(statistic.weight.dtype).to(statistic.weight.device)


def _moments(statistic: Statistic) -> tuple[Tensor, Tensor]:
    """Return mean and covariance, where eigenvalues can be computed: MPS has none, and its matrices are small."""
    mean, cov = covariance(statistic)
    return (mean.cpu(), cov.cpu()) if mean.device.type == "mps" else (mean, cov)
