"""Sliced Wasserstein distance as style, Heitz et al., arXiv:2006.07229."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from nst_core import FeatureLoss, FeatureMaps
from nst_plugins.losses.quantiles import Remembered, positions, squared_transport

__all__ = ["SwdStyle", "directions"]


def directions(channels: int, count: int, seed: int) -> Tensor:
    """Return ``count`` random unit vectors ``(count, channels)``, orthonormal in groups of ``channels``."""
    generator = torch.Generator().manual_seed(seed)
    groups = []
    for _ in range(-(-count // channels)):
        normal = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
        groups.append(torch.linalg.qr(normal).Q.T)
    return torch.cat(groups)[:count]


class SwdStyle(FeatureLoss):
    """Whole distributions of features, compared along many directions: what moments miss, such as small rare marks.

    The mean over directions v and positions of (sort(vᵀ F_G) - sort(vᵀ F_S))², summed over the layers. The paper draws
    new directions for every evaluation; here they are drawn once from ``seed``, so that the loss is a function that
    L-BFGS can follow. ``directions`` is their number, 0 for as many as there are channels, which then are an
    orthonormal basis.
    """

    takes_weights = True
    default_weight = 1e2

    def __init__(self, directions: int = 0, seed: int = 0) -> None:
        if directions < 0:
            raise ValueError(f"directions must be 0 or more, not {directions}")
        self.directions = directions
        self.seed = seed
        self._quantiles = Remembered()
        self._axes: dict[tuple[int, torch.dtype, torch.device], Tensor] = {}

    def forward(self, features: FeatureMaps, targets: FeatureMaps) -> Tensor:
        """Add up the distances of all layers and maps."""
        losses = []
        for layer, feature in features.items():
            maps = positions(feature, features.weight(layer))
            axes = self._directions(maps)
            aim = self._quantiles(layer, targets, functools.partial(torch.matmul, axes), maps.shape[2])
            losses += [squared_transport(axes @ one, aim).mean() for one in maps]
        return torch.stack(losses).sum()

    def _directions(self, maps: Tensor) -> Tensor:
        channels = maps.shape[1]
        key = channels, maps.dtype, maps.device
        if key not in self._axes:
            self._axes[key] = directions(channels, self.directions or channels, self.seed).to(maps)
        return self._axes[key]
