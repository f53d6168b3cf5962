"""The selection of VGG-19 or its compact stand-in, whichever this machine has weights for."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from torch import nn

from nst_core import Component, Extractor, Tap
from nst_core.weights import find_local, read_weight_set, resolve_path
from nst_plugins.extractors.vgg import Vgg19, Vgg19Lite

__all__ = ["Auto"]


class Auto(Extractor):
    """VGG-19 where its weights are on this machine, else the embedded vgg19-lite. It downloads nothing.

    ``weights`` is the path of a weight file of either network, or the name of a weight set in the store. The recipe of
    a result names the network that was used.
    """

    content_layers = Vgg19.content_layers
    style_layers = Vgg19.style_layers

    def __init__(self, weights: str = "") -> None:
        self.weights = weights

    @functools.cached_property
    def _selected(self) -> Vgg19 | Vgg19Lite:
        if not self.weights:
            return Vgg19() if find_local(Vgg19.architecture) is not None else Vgg19Lite()
        is_lite = (
            self.weights != Vgg19.architecture.name
            and read_weight_set(resolve_path(self.weights)).architecture == Vgg19Lite.architecture.name
        )
        return Vgg19Lite(self.weights) if is_lite else Vgg19(self.weights)

    def pinned(self) -> Component:
        """Return the network that was selected."""
        return Component(self._selected.architecture.name, {"weights": self.weights} if self.weights else {})

    def remark(self) -> str:
        """Say that the stand-in was used, unless the user asked for it, or which of several weight sets."""
        if self.weights or isinstance(self._selected, Vgg19):
            return self._selected.remark()
        return (
            "VGG-19's weights are not on this machine, so the embedded vgg19-lite is used; "
            "'nst weights fetch vgg19' downloads them (548 MB)"
        )

    def taps(self) -> Mapping[str, Tap]:
        """Return the 37 layers of VGG-19 by name, from shallow to deep."""
        return Vgg19().taps()

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network that was selected, up to the deepest of ``layers``."""
        return self._selected.network(layers)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the weight file as 64 hex digits."""
        return self._selected.fingerprint()
