"""The Wasserstein distance of two Gaussians as style."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst_core import Statistic, StatisticLoss
from nst_plugins.losses.matrix_root import Root, roots
from nst_plugins.losses.moments import covariance, cross_moments
from nst_plugins.losses.principal_axes import PrincipalAxes, principal_axes

__all__ = ["W2Style", "squared_w2"]


def squared_w2(mean: Tensor, second: Tensor, aim: PrincipalAxes, *, blur: float, root: Root) -> Tensor:
    """Return W₂² of two Gaussians, each convolved with noise of variance ``blur``, along the axes of the second.

    With all N axes Q, variances Λ and b the blur, it is |μ - ν|² + tr C + tr D - 2 tr (D^½ C D^½)^½ with b added to the
    diagonals of C and D (Olkin and Pukelsheim, Linear Algebra and its Applications 48, 1982); in the axes, D^½ is the
    diagonal (Λ + b)^½ and C is Qᵀ C Q. With the K strongest axes only, this compares what lies in their span; of what
    lies beside it, the total variances t and τ are compared: (√t - √τ)². That is W₂² of the two Gaussians whose
    correlations beside the span are left out, which is never larger than that of the Gaussians themselves.

    Args:
        mean: ``(B, N)``.
        second: second moments, C + μ μᵀ, ``(B, N, N)``.
        aim: the second Gaussian, batch B or 1.
        blur: positive; both matrices may be singular without it.
        root: how the square root is found.

    Returns:
        ``(B,)``, in float64: the condition of D^½ C D^½ is the square of that of C. Differentiable once.
    """
    distance: Tensor = _SquaredW2.apply(mean, second, aim, blur, root)
    return distance


class _SquaredW2(torch.autograd.Function):
    """The gradient with respect to C is 1 - D^½ (D^½ C D^½)^-½ D^½ within the span and 1 - √(τ/t) beside it.

    It is written down rather than left to differentiation: a map of N × N is made once and not for every term.
    """

    @staticmethod
    def forward(ctx: Any, mean: Tensor, second: Tensor, aim: PrincipalAxes, blur: float, root: Root) -> Tensor:
        axes = aim.axes.to(second.dtype)
        channels, kept = axes.shape[-2:]
        across = axes.transpose(1, 2)
        along = (across @ mean[:, :, None])[..., 0].double()
        within = (across @ second @ axes).double() - along[:, :, None] * along[:, None, :]
        within = within + blur * torch.eye(kept, dtype=torch.float64, device=within.device)
        deviations = (aim.variances + blur).sqrt()
        product = deviations[:, :, None] * within * deviations[:, None, :]
        half, inverse = roots(0.5 * (product + product.transpose(1, 2)), root)
        difference = mean.double() - aim.mean.double()
        inside = within.diagonal(dim1=1, dim2=2).sum(dim=1)
        distance = (
            difference.square().sum(dim=1)
            + inside
            + deviations.square().sum(dim=1)
            - 2 * half.diagonal(dim1=1, dim2=2).sum(dim=1)
        )
        stretch = torch.zeros_like(inside)
        if kept < channels:
            least = (channels - kept) * blur
            total = second.diagonal(dim1=1, dim2=2).sum(dim=1).double() - mean.double().square().sum(dim=1)
            beside = (total + channels * blur - inside).clamp_min(least).sqrt()
            wanted = ((channels - kept) * aim.rest + least).sqrt()
            distance = distance + (beside - wanted).square()
            stretch = 1 - wanted / beside
        transport = deviations[:, :, None] * inverse * deviations[:, None, :]
        identity = torch.eye(kept, dtype=torch.float64, device=within.device)
        inner = (1 - stretch)[:, None, None] * identity - 0.5 * (transport + transport.transpose(1, 2))
        ctx.save_for_backward(mean, axes, inner.to(second.dtype), stretch.to(second.dtype), difference.to(mean.dtype))
        return distance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        mean, axes, inner, stretch, difference = ctx.saved_tensors
        scale = gradient.to(mean.dtype)
        slope = axes @ (scale[:, None, None] * inner) @ axes.transpose(1, 2)
        slope.diagonal(dim1=1, dim2=2).add_((scale * stretch)[:, None])
        # C is the second moment less the square of the mean.
        of_mean = 2 * scale[:, None] * difference - 2 * (slope @ mean[:, :, None])[..., 0]
        return of_mean, slope, None, None, None


class W2Style(StatisticLoss):
    """How far features must be moved to have the style's mean and covariance: 2-Wasserstein between Gaussians.

    W₂²(N(μ_G, C_G + b), N(μ_S, C_S + b)) / N with N the tap's nominal number of channels. Where Gram and covariance
    losses are quartic in the features and mind the strongest directions only, this one is quadratic and minds them
    all alike.

    ``blur`` is b, the variance of noise added to both, in units of a tap's mean square: it keeps the square root
    smooth where the covariance is singular. ``rank`` is the number of the style's principal axes along which
    covariances are compared; of the other directions, only the total variance is. 0 compares all, which takes several
    times as long and looks nearly the same. ``root`` is how the square root is found: ``eigen``, the faster one on
    processors, or ``newton-schulz``, matrix products alone, for devices where those are what is fast.
    """

    default_weight = 30.0

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
        mean, cov = map(_on_a_capable_device, covariance(statistic))
        return principal_axes(mean, cov, self.rank)

    def criterion(self, statistic: Statistic, target: PrincipalAxes, channels: int) -> Tensor:
        """Compute the distance of the two Gaussians."""
        mean, second = map(_on_a_capable_device, statistic.means())
        distance = squared_w2(mean, second, target, blur=self.blur, root=self.root)
        return (distance.sum() / channels).to(statistic.weight.dtype).to(statistic.weight.device)


def _on_a_capable_device(moment: Tensor) -> Tensor:
    """Return a moment where eigenvalues can be computed in float64: MPS has neither, and its matrices are small."""
    return moment.cpu() if moment.device.type == "mps" else moment
