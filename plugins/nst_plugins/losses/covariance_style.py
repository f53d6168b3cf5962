"""Covariance of the channels as style, as in Deep CORAL, Sun and Saenko, arXiv:1607.01719, equation 1."""

from __future__ import annotations

from torch import Tensor

from nst_core import Statistic, StatisticLoss
from nst_plugins.losses.moments import covariance, cross_moments

__all__ = ["CovarianceStyle"]


class CovarianceStyle(StatisticLoss):
    """Squared differences of the channels' covariances and means: texture and palette, each with its own say.

    1/N² Σ (C_S - C_G)² + 1/N Σ (μ_S - μ_G)² with C = E[F Fᵀ] - μ μᵀ, μ = E[F] and N the tap's nominal number of
    channels. The first part is equation 1 of the paper but for its factor ¼; it does not see the means, and without
    the second part the picture keeps its own colours. A Gram matrix is C + μ μᵀ: there, the means, which are
    large after a ReLU, outweigh the texture.
    """

    default_weight = 1e2

    def statistic(self, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Sum F and F Fᵀ over positions."""
        return cross_moments(feature, weight)

    def criterion(self, statistic: Statistic, target: Statistic, channels: int) -> Tensor:
        """Compare covariances and means."""
        (mean, cov), (mean_aim, cov_aim) = covariance(statistic), covariance(target)
        return (cov - cov_aim).square().sum() / channels**2 + (mean - mean_aim).square().sum() / channels
