"""VGG-19 of Simonyan and Zisserman, arXiv:1409.1556, the network of Gatys et al."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import nn

from nst_core import Extractor, Tap, unknown_name
from nst_core.weights import Architecture, WeightSet, find
from nst_plugins.extractors.vgg19_architecture import ARCHITECTURE
from nst_plugins.extractors.vgg19_layout import taps
from nst_plugins.extractors.vgg19_network import Pooling, Vgg19Network

__all__ = ["Vgg19"]


class Vgg19(Extractor):
    """VGG-19, every convolution rescaled to unit RMS over natural images.

    The layers are ``conv1_1`` (before its ReLU), ``relu1_1`` (after it), … ``relu5_4``, and ``pool1`` to ``pool5``.
    ``weights`` is the path of a weight file or the name of a set in the store (``nst weights list``); without it
    the best set at hand is taken, or downloaded. ``pooling`` is ``max``, as the network was trained, or
    ``average``, which Gatys et al. found to look slightly better. The scale was measured with max pooling and is
    left alone: average pooling makes deep layers smaller, as it does in other systems.
    """

    content_layers = ("conv3_4",)
    style_layers = ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")
    architecture: ClassVar[Architecture] = ARCHITECTURE

    def __init__(self, weights: str = "", pooling: Pooling = "max") -> None:
        if pooling not in ("max", "average"):
            raise unknown_name("pooling", pooling, ("max", "average"))
        self.weights = weights
        self.pooling: Pooling = pooling

    @functools.cached_property
    def weight_set(self) -> WeightSet:
        """The weights, found (and downloaded, where there are none) when first asked for.

        Raises:
            NstError: they are missing or not usable.
        """
        return find(self.weights, ARCHITECTURE)

    def taps(self) -> Mapping[str, Tap]:
        """All 37 layers by name, from shallow to deep."""
        return taps()

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network, cut after the deepest of ``layers``; see :class:`Vgg19Network`."""
        found = self.weight_set
        return Vgg19Network(
            layers, found.tensors(), found.preprocessing, layer_rms=found.layer_rms, pooling=self.pooling
        )

    def fingerprint(self) -> str:
        """SHA-256 of the weight file."""
        return self.weight_set.sha256
