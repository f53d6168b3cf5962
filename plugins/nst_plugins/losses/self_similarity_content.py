"""Self-similarity as content, STROTSS, Kolkin, Salavon and Shakhnarovich, arXiv:1904.12785."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from nst_core import FeatureLoss
from nst_core.ops import to_accumulation

__all__ = ["SelfSimilarityContent", "relative_distances"]

_SHORTEST = 1e-6
_SMALLEST_SUM = 1e-6


def relative_distances(feature: Tensor) -> Tensor:
    """Return the cosine distances of all pairs of positions, every column divided by its mean.

    Args:
        feature: ``(B, N, M)``.

    Returns:
        ``(B, M, M)``; zero where all positions have the same direction.
    """
    directions = feature / (feature.square().sum(dim=1, keepdim=True) + _SHORTEST).sqrt()
    distances = 1 - directions.transpose(1, 2) @ directions
    return distances / (distances.mean(dim=1, keepdim=True) + _SMALLEST_SUM)


class SelfSimilarityContent(FeatureLoss):
    """Which places are like which, whatever they look like: keeps the layout and lets go of light and colour.

    The mean over pairs of positions of |D_G - D_C|, summed over the layers, where D are the cosine distances of a
    map's positions, every column divided by its mean: the content loss of the paper times the number of positions.
    At most ``positions`` positions are looked at, on a regular grid.
    """

    role = "content"
    default_weight = 50.0

    def __init__(self, positions: int = 1024) -> None:
        if positions < 1:
            raise ValueError(f"positions must be at least 1, not {positions}")
        self.positions = positions

    def forward(self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Compare the distances of both images."""
        losses = [self._layer(feature, targets[layer]) for layer, feature in features.items()]
        return torch.stack(losses).sum()

    def _layer(self, feature: Tensor, target: Tensor) -> Tensor:
        own, aim = (relative_distances(self._sampled(x)) for x in (feature, target))
        return (own - aim).abs().mean(dim=(1, 2)).sum()

    def _sampled(self, feature: Tensor) -> Tensor:
        height, width = feature.shape[-2:]
        step = math.ceil(math.sqrt(height * width / self.positions))
        first = step // 2
        rows, columns = min(first, height - 1), min(first, width - 1)
        return to_accumulation(feature[..., rows::step, columns::step]).flatten(2)
