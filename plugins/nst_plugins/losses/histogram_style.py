"""Histograms of the channels as style, Risser, Wilmot and Barnes, arXiv:1701.08893."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nst_core import FeatureLoss
from nst_core.ops import to_accumulation
from nst_plugins.losses.quantiles import Remembered, squared_transport

__all__ = ["HistogramStyle"]


class HistogramStyle(FeatureLoss):
    """Every channel's histogram: steadies brightness and contrast; best together with ``gram-style``.

    The mean over channels and positions of (F_G - R(F_G))², summed over the layers, where R gives a channel the
    histogram of the style's and is taken as constant. The paper matches histograms of 256 bins; here R is exact: the
    values in order of size become the style's quantiles.
    """

    default_weight = 1e2

    def __init__(self) -> None:
        self._quantiles = Remembered()

    def forward(self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Add up the distances of all layers and maps."""
        losses = []
        for layer, feature in features.items():
            maps = to_accumulation(feature).flatten(2)
            aim = self._quantiles(layer, targets[layer], lambda x: to_accumulation(x).flatten(2)[0], maps.shape[2])
            losses += [squared_transport(one, aim).mean() for one in maps]
        return torch.stack(losses).sum()
