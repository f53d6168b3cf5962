"""Which places of an image are like which: the layout, whatever light and colours it is painted in."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["self_similarity_distance"]

POSITIONS = 1024
_SHORTEST = 1e-6
_SMALLEST_MEAN = 1e-6


def self_similarity_distance(feature: Tensor, target: Tensor, positions: int = POSITIONS) -> float:
    """Return the mean absolute difference of two self-similarity matrices.

    D is the matrix of cosine distances between the positions of a map, each row divided by its mean: the content loss
    of STROTSS (Kolkin, Salavon and Shakhnarovich, arXiv:1904.12785), times the number of positions so that it does not
    depend on it.

    Args:
        feature: ``(1, N, H, W)`` of the picture.
        target: ``(1, N, H, W)`` of the content image.
        positions: at most so many are compared, on a regular grid; at least 1.

    Returns:
        From 0 (the same places are alike) to 2.
    """
    own, aim = (_relative_distances(_sampled(x, positions)) for x in (feature, target))
    return float((own - aim).abs().mean())


def _relative_distances(vectors: Tensor) -> Tensor:
    """Return the cosine distances of ``(M, N)`` vectors, ``(M, M)``, each row divided by its mean."""
    directions = vectors / (vectors.square().sum(dim=1, keepdim=True) + _SHORTEST).sqrt()
    distances = (1 - directions @ directions.T).clamp_min(0)
    return distances / (distances.mean(dim=1, keepdim=True) + _SMALLEST_MEAN)


def _sampled(feature: Tensor, positions: int) -> Tensor:
    height, width = feature.shape[-2:]
    step = math.ceil(math.sqrt(height * width / positions))
    top, left = min(step // 2, height - 1), min(step // 2, width - 1)
    return feature[0, :, top::step, left::step].to(torch.float32).flatten(1).T
