"""The content loss of Gatys, Ecker and Bethge, arXiv:1508.06576, equation 1."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from nst_core import PointwiseLoss, ops

__all__ = ["MseContent"]


class MseContent(PointwiseLoss):
    """Squared difference of feature maps.

    With N the tap's nominal number of channels and M the number of positions:

    - ``mean``: 1/(N M) Σ (F_G - F_C)²;
    - ``sum``: ½ Σ (F_G - F_C)², equation 1 of the paper.
    """

    default_weight = 10.0

    def __init__(self, reduction: Literal["mean", "sum"] = "mean") -> None:
        self.reduction = reduction

    def pointwise(self, feature: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Sum the squared differences over positions and channels."""
        if weight is None:
            return ops.squared_error(feature, target)
        return ((ops.to_accumulation(feature) - target).square() * weight).sum()

    def scale(self, positions: float, channels: int) -> float:
        """Return 1/(N M) or ½."""
        return 0.5 if self.reduction == "sum" else 1.0 / (channels * positions)
