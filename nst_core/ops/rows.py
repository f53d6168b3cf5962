"""Inner products and linear combinations of the rows of a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.ops.loading import native
from nst_core.ops.transfer import to_device

__all__ = ["combine_rows", "combine_rows_reference", "row_products", "row_products_reference", "zero_rows"]


def zero_rows(height: int, like: Tensor) -> Tensor:
    """Return zeros, without writing them where they are in a new scratch file, which has nothing else.

    Args:
        height: number of rows.
        like: ``(width,)``, whose dtype and device the rows have.

    Returns:
        ``(height, width)``.
    """
    module = native().module if like.device.type == "cpu" and like.dtype == torch.float32 else None
    rows: Tensor = module.zeros([height, like.numel()]) if module else like.new_zeros(height, like.numel())
    return rows


def row_products(rows: Tensor, chosen: Sequence[int]) -> Tensor:
    """Return the inner products of all rows with the chosen ones, read in one pass by a native kernel on the CPU.

    Args:
        rows: ``(height, width)``, of floating point.
        chosen: indices of rows, from 0 to height - 1.

    Returns:
        ``(height, len(chosen))``, on the device of the rows, float64 (float32 on MPS). Not differentiable.

    Raises:
        RuntimeError: ``rows`` is not a floating-point matrix, or a chosen row does not exist.
    """
    if rows.device.type == "cpu" and native().module is not None:
        result: Tensor = torch.ops.nst.row_products(rows, list(chosen))
        return result
    return row_products_reference(rows, chosen)


def row_products_reference(rows: Tensor, chosen: Sequence[int]) -> Tensor:
    """Compute :func:`row_products` with torch alone."""
    _check_matrix(rows)
    for row in chosen:
        if not 0 <= row < len(rows):
            raise RuntimeError(f"row {row} of {len(rows)} does not exist")
    # Not rows[list(chosen)]: a list of indices is copied to the device, which waits.
    few = torch.stack([rows[row] for row in chosen]) if chosen else rows[:0]
    products = rows @ few.T
    return products if rows.device.type == "mps" else products.double()


def combine_rows(rows: Tensor, factors: Tensor) -> Tensor:
    """Return the sum of all rows, each times its factor, read in one pass by a native kernel on the CPU.

    Args:
        rows: ``(height, width)``, of floating point.
        factors: ``(height,)``, on the CPU; rounded to the dtype of the rows.

    Returns:
        ``(width,)``, of the dtype and on the device of the rows. Not differentiable.

    Raises:
        RuntimeError: ``rows`` is not a floating-point matrix, or there is not one factor for each row.
    """
    if rows.device.type == "cpu" and native().module is not None:
        result: Tensor = torch.ops.nst.combine_rows(rows, factors)
        return result
    return combine_rows_reference(rows, factors)


def combine_rows_reference(rows: Tensor, factors: Tensor) -> Tensor:
    """Compute :func:`combine_rows` with torch alone."""
    _check_matrix(rows)
    if factors.shape != rows.shape[:1]:
        raise RuntimeError(f"there must be a factor for each of {len(rows)} rows, not of shape {tuple(factors.shape)}")
    return to_device(factors.to(rows.dtype), rows.device) @ rows


def _check_matrix(rows: Tensor) -> None:
    if rows.dim() != 2:
        raise RuntimeError(f"rows must be a matrix (height, width), not of shape {tuple(rows.shape)}")
    if not rows.is_floating_point():
        raise RuntimeError(f"rows must be of floating point, not {rows.dtype}")
