"""A small network that stands in for VGG-19, with its weights in the package."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import ClassVar

from torch import nn

from nst_core import Extractor, Tap
from nst_core.weights import Architecture, WeightSet, find, read_weight_set
from nst_plugins.extractors.vgg19 import Vgg19
from nst_plugins.extractors.vgg19_layout import Step, layout, shapes, taps
from nst_plugins.extractors.vgg19_network import Vgg19Network

__all__ = ["WIDTHS", "Vgg19Lite", "embedded_weights"]

WIDTHS = (32, 64, 64, 128, 128)
"""Channels of the five blocks; multiples of 32, which the native kernels like."""

_STEPS = layout(WIDTHS)


def _head_keys(layer: str) -> tuple[str, str]:
    return f"heads.{layer}.weight", f"heads.{layer}.bias"


def _head_shapes(steps: Sequence[Step]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for step in steps:
        weight, bias = _head_keys(step.name)
        found |= {weight: (step.channels, step.channels), bias: (step.channels,)}
    return found


def embedded_weights() -> Path:
    """Return where the weights are that come with the package."""
    return Path(str(resources.files("nst_plugins"))) / "data" / "vgg19-lite.safetensors"


class Vgg19Lite(Extractor):
    """A small stand-in for VGG-19 that comes with the package: a fraction of the time, nearly the same style.

    It has the layers of ``vgg19`` by the same names, a quarter of the channels, and was distilled from it so that
    Gram and squared distances of its features approximate VGG-19's: α and β carry over. Deep layers are the
    least exact. ``weights`` is the path of another weight file of this architecture.
    """

    content_layers = Vgg19.content_layers
    style_layers = Vgg19.style_layers
    architecture: ClassVar[Architecture] = Architecture(
        name="vgg19-lite",
        key_naming=(
            "as torchvision's vgg19 state_dict, features only, and heads.LAYER.weight (C, C), heads.LAYER.bias (C)"
        ),
        shapes=shapes(_STEPS) | _head_shapes(_STEPS),
        input_weight=_STEPS[0].weight,
    )

    def __init__(self, weights: str = "") -> None:
        self.weights = weights

    @functools.cached_property
    def weight_set(self) -> WeightSet:
        """The weights.

        Raises:
            NstError: the named ones are missing or not usable.
        """
        if self.weights:
            return find(self.weights, self.architecture)
        return read_weight_set(embedded_weights(), self.architecture)

    def taps(self) -> Mapping[str, Tap]:
        """The 37 layers of VGG-19 by name, with its numbers of channels, from shallow to deep."""
        return taps()

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network, cut after the deepest of ``layers``; see :class:`Vgg19Network`."""
        tensors = self.weight_set.tensors()
        heads = {layer: (tensors[w], tensors[b]) for layer in layers for w, b in [_head_keys(layer)]}
        return Vgg19Network(layers, tensors, self.weight_set.preprocessing, steps=_STEPS, heads=heads)

    def fingerprint(self) -> str:
        """SHA-256 of the weight file."""
        return self.weight_set.sha256
