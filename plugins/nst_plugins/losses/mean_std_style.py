"""Channel means and standard deviations as style: the statistics of AdaIN, Huang and Belongie, arXiv:1703.06868."""

from __future__ import annotations

from torch import Tensor

from nst_core import Statistic, StatisticLoss
from nst_plugins.losses.moments import channel_moments

__all__ = ["MeanStdStyle", "mean_and_std"]

# Added to the variance, so that the root has a slope where a channel is constant. Taps have unit RMS.
SMALLEST_VARIANCE = 1e-5


def mean_and_std(moments: Statistic) -> tuple[Tensor, Tensor]:
    """Turn sums of F and F² into μ and σ = √(E[F²] - μ² + 10⁻⁵), both ``(B, N)``."""
    mean, square = moments.means()
    return mean, ((square - mean.square()).clamp_min(0) + SMALLEST_VARIANCE).sqrt()


class MeanStdStyle(StatisticLoss):
    """Squared differences of the channels' means and standard deviations: coarse, cheap, and faithful in colour.

    1/N Σ_n ((μ_S - μ_G)² + (σ_S - σ_G)²) with N the tap's nominal number of channels: equation 13 of the paper
    with squares and a mean in place of the norms.
    """

    default_weight = 1e2

    def statistic(self, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Sum F and F² over positions."""
        return channel_moments(feature, weight)

    def criterion(self, statistic: Statistic, target: Statistic, channels: int) -> Tensor:
        """Compare means and standard deviations."""
        (mean, std), (mean_aim, std_aim) = mean_and_std(statistic), mean_and_std(target)
        return ((mean - mean_aim).square().sum() + (std - std_aim).square().sum()) / channels
