"""The Fréchet distance of feature distributions, between one picture and one style image.

Not the FID: that compares two sets of thousands of images by one vector of an Inception network for each; here the
samples are the positions of two feature maps of the extractor.
"""

from __future__ import annotations

import torch

from nst_core.experiments.metrics.moments import Moments

__all__ = ["frechet_distance"]

# Added to the variances in proportion to their mean, so that flat images and maps with fewer positions than channels
# have a Cholesky factor.
RIDGE = 1e-6
LEAST_RIDGE = 1e-12


def frechet_distance(picture: Moments, style: Moments) -> float:
    """Return the relative squared Fréchet distance of two normal distributions with the given moments.

    d² = |μ - μ_S|² + tr(C + C_S - 2 (C_S^½ C C_S^½)^½), divided by tr C_S + |μ_S|², the style's mean square. The trace
    of the root is the sum of the roots of the eigenvalues of Lᵀ C L, with C_S = L Lᵀ. Source: Dowson and Landau, The
    Fréchet distance between multivariate normal distributions, Journal of Multivariate Analysis 12 (1982).

    Args:
        picture: moments over the positions of a layer, float64.
        style: those of the style image.

    Returns:
        At least 0: 0 for equal means and covariances, 1 for a picture whose features are all zero. Where the style's
        features are all zero, d² itself.
    """
    own, aim = picture.covariance, style.covariance
    channels = aim.shape[0]
    ridge = max(RIDGE * float(own.trace() + aim.trace()) / (2 * channels), LEAST_RIDGE)
    identity = torch.eye(channels, dtype=aim.dtype, device=aim.device)
    own, aim = own + ridge * identity, aim + ridge * identity
    factor = torch.linalg.cholesky(aim)
    root = torch.linalg.eigvalsh(factor.T @ own @ factor).clamp_min(0).sqrt().sum()
    squared = float((picture.mean - style.mean).square().sum() + own.trace() + aim.trace() - 2 * root)
    norm = float(style.gram.trace())
    return max(0.0, squared) / norm if norm > 0 else max(0.0, squared)
