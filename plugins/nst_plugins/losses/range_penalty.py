"""A penalty on pixels outside a range, as in Mahendran and Vedaldi, arXiv:1512.02017, but smooth."""

from __future__ import annotations

from torch import Tensor

from nst_core import ImageLoss

__all__ = ["RangePenalty"]


class RangePenalty(ImageLoss):
    """Squared distance of every pixel to the range from ``low`` to ``high``, summed over channels.

    Pictures are kept in [0, 1] by the engine, so with the default range this does nothing there; a narrower one, such
    as ``low=0.03,high=0.97``, keeps shadows and lights from being clipped.
    """

    default_weight = 1e4

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        if not low < high:
            raise ValueError(f"low must be below high, not {low} and {high}")
        self.low = low
        self.high = high

    def density(self, image: Tensor) -> Tensor:
        """Return the squared distance to the range."""
        return (image - image.clamp(self.low, self.high)).square().sum(dim=1)
