"""Total variation: keeps neighbouring pixels alike."""

from __future__ import annotations

import math
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from nst_core import ImageLoss

__all__ = ["TotalVariation"]

# Under the root of the isotropic kind, in squared pixel values: the slope at no variation at all stays finite.
FLAT = 1e-6


class TotalVariation(ImageLoss):
    """Mean over pixels of the differences to neighbouring pixels, summed over channels.

    With d the differences to the right and to the lower neighbour, none across the border:

    - ``squared``: d_x² + d_y², Mahendran and Vedaldi, arXiv:1412.0035, equation 3 with β = 2;
    - ``isotropic``: √(d_x² + d_y² + 10⁻⁶) - 10⁻³, Rudin, Osher and Fatemi, Physica D 60, 1992: flattens areas and
      leaves edges sharp. Its values are larger; a weight of 5 is about as strong as 100 for the others;
    - ``nine-point``: also the two lower diagonal neighbours, as the nine-point Laplacian weighs them:
      ⅔ (d_x² + d_y²) + ⅙ (d_↘² + d_↙²). No direction is preferred.
    """

    default_weight = 100.0
    halo = 1

    def __init__(self, kind: Literal["squared", "isotropic", "nine-point"] = "squared") -> None:
        self.kind = kind

    def density(self, image: Tensor) -> Tensor:
        """Return the variation of every pixel."""
        down = F.pad(image.diff(dim=-2), (0, 0, 0, 1)).square()
        right = F.pad(image.diff(dim=-1), (0, 1)).square()
        if self.kind == "isotropic":
            return ((down + right + FLAT).sqrt() - math.sqrt(FLAT)).sum(dim=1)
        if self.kind == "squared":
            return (down + right).sum(dim=1)
        falling = F.pad(image[..., 1:, 1:] - image[..., :-1, :-1], (0, 1, 0, 1)).square()
        rising = F.pad(image[..., 1:, :-1] - image[..., :-1, 1:], (1, 0, 0, 1)).square()
        return (2 / 3 * (down + right) + 1 / 6 * (falling + rising)).sum(dim=1)
