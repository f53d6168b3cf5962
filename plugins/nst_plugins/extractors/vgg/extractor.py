"""What the extractors of the full-size VGG networks have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, get_args

from torch import nn

from nst_core import PretrainedExtractor, Tap, unknown_name
from nst_plugins.extractors.vgg.layers import Layer, cut_after_deepest, tap_geometry
from nst_plugins.extractors.vgg.network import Pooling, VggNetwork
from nst_plugins.extractors.vgg.rescaling import rescale_to_unit_rms

__all__ = ["VggExtractor"]


class VggExtractor(PretrainedExtractor):
    """A VGG network with every convolution rescaled to unit RMS over natural images."""

    layers: ClassVar[tuple[Layer, ...]]
    """The layers of the network, from shallow to deep."""

    def __init__(self, weights: str = "", pooling: Pooling = "max") -> None:
        super().__init__(weights)
        if pooling not in get_args(Pooling):
            raise unknown_name("pooling", pooling, get_args(Pooling))
        self.pooling: Pooling = pooling

    def taps(self) -> Mapping[str, Tap]:
        """Return all layers by name, from shallow to deep."""
        return tap_geometry(self.layers)

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network up to the deepest of ``layers``; see :class:`VggNetwork`."""
        weights = self.weight_set
        used = cut_after_deepest(self.layers, layers)
        tensors = rescale_to_unit_rms(weights.tensors(), used, weights.layer_rms)
        return VggNetwork(used, layers, tensors, weights.preprocessing, pooling=self.pooling)
