"""From a linear map to the teacher's features to a square map that keeps their geometry."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["fold"]


def fold(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return a map from C to C channels whose outputs have the inner products of ``weight @ s + bias``.

    With Q = [weight, bias], the teacher's inner products are (s, 1)ᵀ QᵀQ (t, 1). QᵀQ is (C+1) × (C+1); the rows of
    its square root are its eigenvectors times the roots of their eigenvalues, and the C largest are kept.

    Args:
        weight: ``(N, C)``.
        bias: ``(N,)``.

    Returns:
        ``(C, C)`` and ``(C,)``, float64.
    """
    extended = torch.cat((weight, bias[:, None]), 1).double()
    values, vectors = torch.linalg.eigh(extended.T @ extended)
    rows = (vectors * values.clamp_min(0).sqrt()).T[1:].flip(0)
    return rows[:, :-1].contiguous(), rows[:, -1].contiguous()
