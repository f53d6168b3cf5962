"""Sums over the positions of a feature map: what statistics are made of."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["sum_positions", "to_accumulation", "total_weight"]


def to_accumulation(feature: Tensor) -> Tensor:
    """Return a tensor in the dtype in which to sum: float64 where it is that already, else float32."""
    return feature if feature.dtype == torch.float64 else feature.float()


def sum_positions(values: Tensor, weight: Tensor | None = None) -> Tensor:
    """Sum over positions.

    Args:
        values: ``(B, N, H, W)``, float32 or wider, see :func:`to_accumulation`.
        weight: ``(B, 1, H, W)`` of the positions, or ``None`` for one everywhere.

    Returns:
        ``(B, N)``.
    """
    return values.sum(dim=(2, 3)) if weight is None else (values * weight).sum(dim=(2, 3))


def total_weight(values: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the total weight of the positions, ``(B,)``, float32 or wider; arguments as above, of any dtype."""
    batch, _, height, width = values.shape
    dtype = torch.promote_types(values.dtype, torch.float32)
    if weight is None:
        return values.new_full((batch,), float(height * width), dtype=dtype)
    return weight.to(dtype).sum(dim=(1, 2, 3)).expand(batch)
