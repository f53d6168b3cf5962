"""Pixels that stay the content image's own."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = ["Kept"]


@dataclass(frozen=True)
class Kept:
    """A mask, and the content image that shows where it is white.

    Attributes:
        mask: ``(1, 1, H, W)`` in [0, 1].
        content: ``(1, 3, H, W)`` in [0, 1].
    """

    mask: Tensor = field(repr=False)
    content: Tensor = field(repr=False)

    def over(self, image: Tensor) -> Tensor:
        """Lay the content image over another: to the last bit its own pixels where the mask is one."""
        return torch.lerp(image, self.content, self.mask)

    def pull_back(self, gradient: Tensor) -> Tensor:
        """Return the gradient with respect to the image beneath, given that of :meth:`over`."""
        return gradient * (1.0 - self.mask)
