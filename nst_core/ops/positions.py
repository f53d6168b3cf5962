"""Sums over the positions of a feature map: what statistics are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["sum_positions", "to_accumulation", "total_weight"]

# Positions that are summed in bfloat16, and from how many on: the roundings of 256 blocks and more average out.
_BLOCK = 16
_LARGE = 256 * _BLOCK


def to_accumulation(feature: Tensor) -> Tensor:
    """Return a tensor in the dtype in which to sum: float64 where it is that already, else float32."""
    return feature if feature.dtype == torch.float64 else feature.float()


def sum_positions(values: Tensor, weight: Tensor | None = None) -> Tensor:
    """Sum over positions.

    Args:
        values: ``(B, N, H, W)``, of any dtype. Large bfloat16 maps are summed in blocks of 16 positions, each sum
            rounded to bfloat16, and these in float32: no map in float32 is made.
        weight: ``(B, 1, H, W)`` of the positions, or ``None`` for one everywhere.

    Returns:
        ``(B, N)``, float32 or wider, see :func:`to_accumulation`.
    """
    if weight is not None:
        return (to_accumulation(values) * weight).sum(dim=(2, 3))
    total: Tensor = _SumPositions.apply(values)
    return total


class _SumPositions(torch.autograd.Function):
    """The gradient is the same at every position, and is not copied to all of them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.shape, ctx.dtype = values.shape, values.dtype
        batch, channels, height, width = values.shape
        positions = height * width
        if values.dtype != torch.bfloat16 or positions < _LARGE:
            return to_accumulation(values).sum(dim=(2, 3))
        rows = values.permute(0, 2, 3, 1).flatten(1, 2)
        whole = positions // _BLOCK * _BLOCK
        blocks = rows[:, :whole].reshape(batch, whole // _BLOCK, _BLOCK, channels).sum(dim=2)
        return blocks.float().sum(dim=1) + rows[:, whole:].float().sum(dim=1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope.to(ctx.dtype)[:, :, None, None].expand(ctx.shape)


def total_weight(values: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the total weight of the positions, ``(B,)``, float32 or wider; arguments as above, of any dtype."""
    batch, _, height, width = values.shape
    dtype = torch.promote_types(values.dtype, torch.float32)
    if weight is None:
        return values.new_full((batch,), float(height * width), dtype=dtype)
    return weight.to(dtype).sum(dim=(1, 2, 3)).expand(batch)
