"""Total variation: keeps neighbouring pixels alike."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nst_core import ImageLoss

__all__ = ["TotalVariation"]


class TotalVariation(ImageLoss):
    """Mean over pixels of the squared differences to the right and lower neighbours, summed over channels.

    Source: Mahendran and Vedaldi, arXiv:1412.0035, equation 3 with β = 2.
    """

    default_weight = 100.0
    halo = 1

    def density(self, image: Tensor) -> Tensor:
        """Squared differences of each pixel to its right and lower neighbour; none across the border."""
        down = F.pad(image.diff(dim=-2), (0, 0, 0, 1))
        right = F.pad(image.diff(dim=-1), (0, 1))
        return (down.square() + right.square()).sum(dim=1)
