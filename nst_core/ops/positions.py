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
        weight: ``(B, 1, H, W)`` of the positions, or ``None`` for one everywhere; it gets no gradient. For large
            bfloat16 maps it is rounded to bfloat16.

    Returns:
        ``(B, N)``, float32 or wider, see :func:`to_accumulation`.
    """
    total: Tensor = _SumPositions.apply(values, weight)
    return total


class _SumPositions(torch.autograd.Function):
    """Without weights the gradient is the same at every position, and is not copied to all of them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor | None) -> Tensor:
        ctx.shape, ctx.dtype = values.shape, values.dtype
        ctx.save_for_backward(weight)
        batch, channels, height, width = values.shape
        positions = height * width
        if values.dtype != torch.bfloat16 or positions < _LARGE:
            wide = to_accumulation(values)
            return (wide if weight is None else wide * weight).sum(dim=(2, 3))
        rows = (values if weight is None else values * weight.to(values.dtype)).permute(0, 2, 3, 1).flatten(1, 2)
        whole = positions // _BLOCK * _BLOCK
        blocks = rows[:, :whole].reshape(batch, whole // _BLOCK, _BLOCK, channels).sum(dim=2)
        return blocks.float().sum(dim=1) + rows[:, whole:].float().sum(dim=1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        (weight,) = ctx.saved_tensors
        gradient = slope.to(ctx.dtype)[:, :, None, None]
        if weight is None:
            return gradient.expand(ctx.shape), None
        return gradient.contiguous(memory_format=torch.channels_last) * weight.to(ctx.dtype), None


def total_weight(values: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the total weight of the positions, ``(B,)``, float32 or wider; arguments as above, of any dtype."""
    batch, _, height, width = values.shape
    dtype = torch.promote_types(values.dtype, torch.float32)
    if weight is None:
        return values.new_full((batch,), float(height * width), dtype=dtype)
    return weight.to(dtype).sum(dim=(1, 2, 3)).expand(batch)
