"""Histograms of the channels as style, Risser, Wilmot and Barnes, arXiv:1701.08893."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core import FeatureLoss, FeatureMaps
from nst_plugins.losses.quantiles import Remembered, positions, squared_transport

__all__ = ["HistogramStyle"]


class HistogramStyle(FeatureLoss):
    """Every channel's histogram: steadies brightness and contrast; best together with ``gram-style``.

    The mean over channels and positions of (F_G - R(F_G))², summed over the layers, where R gives a channel the
    histogram of the style's and is taken as constant. The paper matches histograms of 256 bins; here R is exact: the
    values in order of size become the style's quantiles.
    """

    takes_weights = True
    default_weight = 1e2

    def __init__(self) -> None:
        self._quantiles = Remembered()

    def forward(self, features: FeatureMaps, targets: FeatureMaps) -> Tensor:
        """Add up the distances of all layers and maps."""
        losses = []
        for layer, feature in features.items():
            maps = positions(feature, features.weight(layer))
            aim = self._quantiles(layer, targets, lambda rows: rows, maps.shape[2])
            losses += [squared_transport(one, aim).mean() for one in maps]
        return torch.stack(losses).sum()
