"""The square root of a symmetric positive definite matrix and its inverse."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from nst_core import unknown_name

__all__ = ["Root", "eigen_root", "newton_schulz", "roots"]

Root = Literal["eigen", "newton-schulz"]

MOST_ITERATIONS = 60


def newton_schulz(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Compute A^½ and A^-½ by matrix products alone.

    The coupled iteration (Higham, Functions of Matrices, 2008, chapter 6): with Y = A / |A| and Z = 1,
    T = ½ (3 - Z Y), Y ← Y T, Z ← T Z until T is the identity. It converges for eigenvalues of A / |A| in (0, 3),
    which the Frobenius norm ensures, in about log(condition) / 0.8 iterations and then quadratically.

    Args:
        matrix: ``(B, N, N)``, symmetric positive definite, float32 or float64. In float32 the condition must stay
            below some 10⁶.
    """
    norm = matrix.flatten(1).norm(dim=1)[:, None, None]
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    root, inverse = matrix / norm, identity.expand_as(matrix)
    enough = 30 * torch.finfo(matrix.dtype).eps ** 0.75
    for _ in range(MOST_ITERATIONS):
        turn = 1.5 * identity - 0.5 * (inverse @ root)
        root, inverse = root @ turn, turn @ inverse
        if float((turn - identity).abs().max()) < enough:
            break
    return root * norm.sqrt(), inverse / norm.sqrt()


def eigen_root(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Compute A^½ and A^-½ from eigenvalues and eigenvectors; arguments as of :func:`newton_schulz`."""
    if not torch.isfinite(matrix).all():  # LAPACK has no answer; whoever steps back from NaN is to see it
        nothing = torch.full_like(matrix, torch.nan)
        return nothing, nothing
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp_min(values[:, -1:] * torch.finfo(matrix.dtype).eps).sqrt()
    rows = vectors.transpose(1, 2)
    return (vectors * values[:, None]) @ rows, (vectors / values[:, None]) @ rows


def roots(matrix: Tensor, method: Root) -> tuple[Tensor, Tensor]:
    """Compute A^½ and A^-½.

    Args:
        matrix: ``(B, N, N)``, symmetric positive definite, float32 or float64.
        method: by eigenvalues, or by Newton-Schulz iteration.
    """
    if method not in ("eigen", "newton-schulz"):
        raise unknown_name("root", method, ("eigen", "newton-schulz"))
    return newton_schulz(matrix) if method == "newton-schulz" else eigen_root(matrix)
