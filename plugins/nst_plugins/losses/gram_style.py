"""The Gram style loss of Gatys, Ecker and Bethge, arXiv:1508.06576, equations 3 to 5."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from nst_core import Statistic, StatisticLoss, ops

__all__ = ["GramStyle"]

# Far below what any layer of unit RMS has, and far from overflowing when divided by.
SMALLEST_ENERGY = 1e-8


class GramStyle(StatisticLoss):
    """Squared difference of the position-averaged Gram matrices A = F Fᵀ / M.

    With N the tap's nominal number of channels, and A_S, A_G of style image and pastiche:

    - ``mean``: 1/N⁴ Σ (A_S - A_G)², the mean squared difference of F Fᵀ / (N M);
    - ``gatys``: 1/(4 N²) Σ (A_S - A_G)², equation 4 of the paper where both images have M positions;
    - ``relative``: Σ (A_S - A_G)² / Σ A_S², which is free of scale.
    """

    default_weight = 1e7

    def __init__(self, normalization: Literal["mean", "gatys", "relative"] = "mean") -> None:
        self.normalization = normalization

    def statistic(self, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Sum F Fᵀ over positions: ``(B, N, N)``."""
        return Statistic((ops.gram(feature, weight),), ops.total_weight(feature, weight))

    def projected_statistic(
        self, projection: ops.Projection, feature: Tensor, weight: Tensor | None = None
    ) -> Statistic:
        """Sum F Fᵀ of the projected feature."""
        return Statistic((ops.projected_gram(projection, feature, weight),), ops.total_weight(feature, weight))

    def criterion(self, statistic: Statistic, target: Statistic, channels: int) -> Tensor:
        """Compare the averaged Gram matrices."""
        (pastiche,), (style,) = statistic.means(), target.means()
        squares = (pastiche - style).square().sum(dim=(1, 2))
        if self.normalization == "relative":
            # A style without any energy at this layer has nothing to be relative to.
            return (squares / style.square().sum(dim=(1, 2)).clamp_min(SMALLEST_ENERGY)).sum()
        factor = 0.25 / channels**2 if self.normalization == "gatys" else 1.0 / channels**4
        return squares.sum() * factor
