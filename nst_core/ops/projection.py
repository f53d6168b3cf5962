"""Projections: frozen linear maps between a layer of a network and the losses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.ops.positions import to_accumulation

__all__ = ["Projection"]


@dataclass(frozen=True)
class Projection:
    """What every position of a feature map is mapped by before a loss sees it.

    Attributes:
        weight: ``(K, N)``.
        bias: ``(K,)``, of the same dtype.
    """

    weight: Tensor
    bias: Tensor

    @cached_property
    def affine(self) -> Tensor:
        """``(K, N + 1)``, the bias as the last column, float32 or wider."""
        return to_accumulation(torch.cat([self.weight, self.bias[:, None]], dim=1))

    def __call__(self, feature: Tensor) -> Tensor:
        """Map ``(B, N, H, W)``, of the same dtype, to ``(B, K, H, W)``."""
        return F.conv2d(feature, self.weight[:, :, None, None], self.bias)
