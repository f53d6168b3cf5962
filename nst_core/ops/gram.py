"""Gram matrices of feature maps (source: Gatys, Ecker and Bethge, arXiv:1508.06576, equation 3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nst_core.ops.loading import native
from nst_core.ops.positions import to_accumulation
from nst_core.ops.projection import Projection

__all__ = ["gram", "gram_by_rows", "gram_reference", "projected_gram"]

# Positions of a product: enough products for all of a GPU's processors.
_BLOCK = 4096


def gram(feature: Tensor, weight: Tensor | None = None) -> Tensor:
    """Sum F Fᵀ over positions, by the native kernel on the CPU where there is one.

    Args:
        feature: ``(B, N, H, W)``, float32, float64 or bfloat16; NCHW and channels-last are read without a copy.
        weight: ``(B, 1, H, W)`` of the positions, or ``None`` for one everywhere.

    Returns:
        ``(B, N, N)``, symmetric, float32 (float64 for float64 features). Products of bfloat16 are summed in float32.

    Raises:
        RuntimeError: wrong rank, dtype, shape or device.
    """
    if feature.device.type == "cpu" and native().module is not None:
        result: Tensor = torch.ops.nst.gram(feature, weight)
        return result
    return gram_by_rows(feature, weight) if feature.device.type == "cuda" else gram_reference(feature, weight)


def gram_reference(feature: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute :func:`gram` with torch alone, in float32 or wider."""
    flat = to_accumulation(feature.flatten(2))
    right = flat if weight is None else flat * weight.flatten(2).to(flat.dtype)
    return flat @ right.transpose(1, 2)


def gram_by_rows(feature: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute :func:`gram` with batched products of blocks of positions, which suits GPUs.

    Channels-last maps are read as they are, and get their gradient in that layout from one product: the matrix is
    symmetric. On CUDA, bfloat16 is multiplied as it is and summed in float32.
    """
    rows = feature.permute(0, 2, 3, 1).flatten(1, 2)
    weights = None if weight is None else weight.flatten(1)[:, :, None].to(rows.dtype)
    found: Tensor = _GramByRows.apply(rows, weights)
    return found


class _GramByRows(torch.autograd.Function):
    """The Gram matrix of ``(B, M, N)`` over M, with weights ``(B, M, 1)`` that get no gradient."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weights: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weights)
        weighted = rows if weights is None else rows * weights
        batch, positions, channels = rows.shape
        count = positions // _BLOCK
        whole = count * _BLOCK
        blocks = [x[:, :whole].reshape(batch * count, _BLOCK, channels) for x in (rows, weighted)]
        products = _product(*blocks).reshape(batch, count, channels, channels)
        return products.sum(dim=1) + _product(rows[:, whole:], weighted[:, whole:])

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        rows, weights = ctx.saved_tensors
        gradient = rows @ (slope + slope.transpose(1, 2)).to(rows.dtype)
        return gradient if weights is None else gradient * weights, None


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Return leftᵀ right of ``(B, M, N)`` each, in float32 or wider."""
    if left.is_cuda and left.dtype == torch.bfloat16:
        return torch.bmm(left.transpose(1, 2), right, out_dtype=torch.float32)
    return to_accumulation(left).transpose(1, 2) @ to_accumulation(right)


def projected_gram(projection: Projection, feature: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute the :func:`gram` of ``projection(feature)``, by the native kernel without that map.

    With z = (x, 1) and y = V z at every position, V = (W, b): Σ y yᵀ = V (Σ z zᵀ) Vᵀ, and the gradient of x is a linear
    map of x again. So the kernel is exact where the map itself would be rounded to bfloat16.

    Args:
        projection: from N to K channels; it gets no gradient.
        feature: ``(B, N, H, W)``, as for :func:`gram`.
        weight: ``(B, 1, H, W)`` of the positions, or ``None`` for one everywhere; it gets no gradient.

    Returns:
        ``(B, K, K)``, in the dtype of :func:`gram`.

    Raises:
        RuntimeError: wrong rank, dtype, shape or device.
    """
    if feature.device.type == "cpu" and native().module is not None:
        result: Tensor = torch.ops.nst.projected_gram(feature, weight, projection.affine)
        return result
    return gram(projection(feature), weight)
