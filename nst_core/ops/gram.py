"""Gram matrices of feature maps (source: Gatys, Ecker and Bethge, arXiv:1508.06576, equation 3)."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.ops.loading import native
from nst_core.ops.positions import to_accumulation
from nst_core.ops.projection import Projection

__all__ = ["gram", "gram_reference", "projected_gram"]


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
    return gram_reference(feature, weight)


def gram_reference(feature: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute :func:`gram` with torch alone, in float32 or wider."""
    flat = to_accumulation(feature.flatten(2))
    right = flat if weight is None else flat * weight.flatten(2).to(flat.dtype)
    return flat @ right.transpose(1, 2)


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
    return gram_reference(projection(feature), weight)
