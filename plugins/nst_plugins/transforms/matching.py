"""Matching the colours of one image to those of another by an affine map of RGB."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from nst_core import unknown_name
from nst_plugins.losses.matrix_root import eigen_root

__all__ = ["EPSILON", "METHODS", "Method", "color_moments", "matched", "matching_matrix"]

Method = Literal["ot", "cholesky", "pca"]

METHODS: tuple[Method, ...] = ("ot", "cholesky", "pca")

EPSILON = 1e-5
"""Added to the variances of both images, of values in [0, 1]: about the rounding to 8 bits."""


def color_moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean ``(3,)`` and covariance ``(3, 3)`` of the colours of ``(1, 3, H, W)``, in float64.

    The covariance is divided by the number of pixels, so that one pixel has one, too: zero.
    """
    colours = image[0].flatten(1).double()
    mean = colours.mean(dim=1)
    centred = colours - mean[:, None]
    return mean, centred @ centred.T / colours.shape[1]


def matching_matrix(source: Tensor, target: Tensor, method: Method) -> Tensor:
    """Return A with A (Σ_s + ε) Aᵀ = Σ_t + ε.

    - ``ot``: A = Σ_s^-½ (Σ_s^½ Σ_t Σ_s^½)^½ Σ_s^-½, the optimal transport between two Gaussians, which moves colours
      no further than it must (Olkin and Pukelsheim 1982; Pitié and Kokaram 2007).
    - ``cholesky``: A = L_t L_s⁻¹ with Σ = L Lᵀ (Gatys et al., Preserving Color in Neural Artistic Style Transfer,
      arXiv:1606.05897).
    - ``pca``: A = Σ_t^½ Σ_s^-½ with the symmetric roots U Λ^½ Uᵀ (ibid., after Hertzmann, Image Analogies, 2001).

    Args:
        source: covariance Σ_s, ``(3, 3)`` float64, positive semidefinite.
        target: covariance Σ_t, likewise.
        method: which of the maps, of which there are many.

    Raises:
        UnknownNameError: there is no such method.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    regular = EPSILON * torch.eye(3, dtype=source.dtype, device=source.device)
    source, target = source + regular, target + regular
    if method == "cholesky":
        lower = torch.linalg.cholesky(torch.stack((source, target)))
        found: Tensor = torch.linalg.solve_triangular(lower[0], lower[1], upper=False, left=False)
        return found
    root, inverse = (found[0] for found in eigen_root(source[None]))
    if method == "pca":
        return eigen_root(target[None])[0][0] @ inverse
    between = root @ target @ root
    return inverse @ eigen_root((between + between.T)[None] / 2)[0][0] @ inverse


def matched(image: Tensor, target: Tensor, method: Method = "ot") -> Tensor:
    """Return an image with the mean and covariance of another one's colours: x' = A (x - μ_s) + μ_t.

    Args:
        image: ``(1, 3, H, W)``.
        target: ``(1, 3, H', W')``.
        method: see :func:`matching_matrix`.

    Returns:
        ``(1, 3, H, W)`` float64, not clamped. The mean is that of the target; the covariance is up to ε (1 - A Aᵀ).
    """
    mean, covariance = color_moments(image)
    wanted, target_covariance = color_moments(target)
    matrix = matching_matrix(covariance, target_covariance, method)
    colours = matrix @ (image[0].flatten(1).double() - mean[:, None]) + wanted[:, None]
    return colours.reshape(image.shape)
