"""The choice between VGG-19 and the network that stands in for it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from torch import nn

from nst_core import Component, Extractor, Tap
from nst_core.weights import find_local, read_weight_set, resolve_path
from nst_plugins.extractors.vgg19 import Vgg19
from nst_plugins.extractors.vgg19_layout import taps
from nst_plugins.extractors.vgg19_lite import Vgg19Lite

__all__ = ["Auto"]


class Auto(Extractor):
    """VGG-19 where its weights are on this machine, else the embedded vgg19-lite. It downloads nothing.

    ``weights`` is the path of a weight file of either, or the name of a set in the store. The recipe of a result
    names the network that was really used.
    """

    content_layers = Vgg19.content_layers
    style_layers = Vgg19.style_layers

    def __init__(self, weights: str = "") -> None:
        self.weights = weights

    @functools.cached_property
    def _chosen(self) -> Vgg19 | Vgg19Lite:
        if self.weights:
            lite = self.weights != Vgg19.architecture.name and _architecture(self.weights) == "vgg19-lite"
            return Vgg19Lite(self.weights) if lite else Vgg19(self.weights)
        return Vgg19Lite() if find_local(Vgg19.architecture) is None else Vgg19()

    def pinned(self) -> Component:
        """Return the network that was chosen."""
        name = self._chosen.architecture.name
        return Component(name, {"weights": self.weights} if self.weights else {})

    def remark(self) -> str:
        """Say that the stand-in was used where nobody asked for it."""
        if self.weights or isinstance(self._chosen, Vgg19):
            return ""
        return (
            "VGG-19's weights are not on this machine, so the embedded vgg19-lite does the work; "
            "'nst weights fetch vgg19' gets them (548 MB)"
        )

    def taps(self) -> Mapping[str, Tap]:
        """The 37 layers of VGG-19 by name, from shallow to deep."""
        return taps()

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network that is chosen; see there."""
        return self._chosen.network(layers)

    def fingerprint(self) -> str:
        """SHA-256 of its weight file."""
        return self._chosen.fingerprint()


def _architecture(weights: str) -> str:
    return read_weight_set(resolve_path(weights)).architecture
