"""Squared differences of feature maps."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.ops.loading import native
from nst_core.ops.positions import to_accumulation

__all__ = ["squared_error", "squared_error_reference"]


def squared_error(feature: Tensor, target: Tensor) -> Tensor:
    """Sum (feature - target)², on the CPU by a native kernel that makes no map of differences, where there is one.

    Args:
        feature: of any shape; float32, float64 or bfloat16.
        target: of the same shape and dtype.

    Returns:
        A scalar, float32 (float64 for float64 features). Differentiable with respect to both.

    Raises:
        RuntimeError: the shapes, dtypes or devices differ.
    """
    if feature.device.type == "cpu" and native().module is not None:
        result: Tensor = torch.ops.nst.squared_error(feature, target)
        return result
    return squared_error_reference(feature, target)


def squared_error_reference(feature: Tensor, target: Tensor) -> Tensor:
    """Compute :func:`squared_error` with torch alone, in float32 or wider."""
    if feature.shape != target.shape or feature.dtype != target.dtype:
        raise RuntimeError(
            f"feature and target must have the same shape and dtype, not {tuple(feature.shape)} {feature.dtype} and "
            f"{tuple(target.shape)} {target.dtype}"
        )
    return (to_accumulation(feature) - target).square().sum()
