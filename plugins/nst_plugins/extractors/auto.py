"""The default extractor: VGG-19, or the network that the weights are for."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from torch import nn

from nst_core import Component, Extractor, Tap
from nst_core.weights import read_weight_set, resolve_path
from nst_plugins.extractors.vgg import Vgg19, Vgg19Lite

__all__ = ["Auto"]

_ARCHITECTURES = {cls.architecture.name: cls.architecture for cls in (Vgg19, Vgg19Lite)}


class Auto(Extractor):
    """VGG-19, or vgg19-lite if the weights are for it.

    ``weights`` is the path of a weight file of either network, or the name of a weight set. The recipe of a result
    names the network that was used.
    """

    content_layers = Vgg19.content_layers
    style_layers = Vgg19.style_layers

    def __init__(self, weights: str = "") -> None:
        self.weights = weights

    @functools.cached_property
    def _selected(self) -> Vgg19 | Vgg19Lite:
        if not self.weights:
            return Vgg19()
        stated = read_weight_set(resolve_path(self.weights, _ARCHITECTURES)).architecture
        return (Vgg19Lite if stated == Vgg19Lite.architecture.name else Vgg19)(self.weights)

    def pinned(self) -> Component:
        """Return the network that was selected."""
        return Component(self._selected.architecture.name, {"weights": self.weights} if self.weights else {})

    def remark(self) -> str:
        """Say which of several weight sets is used."""
        return self._selected.remark()

    def taps(self) -> Mapping[str, Tap]:
        """Return the 37 layers of VGG-19 by name, from shallow to deep."""
        return Vgg19().taps()

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network that was selected, up to the deepest of ``layers``."""
        return self._selected.network(layers)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the weight file as 64 hex digits."""
        return self._selected.fingerprint()
