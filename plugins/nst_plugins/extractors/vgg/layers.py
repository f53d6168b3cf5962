"""The layers of VGG networks (Simonyan and Zisserman, arXiv:1409.1556)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nst_core import Tap
from nst_core.weights import KeyNaming

__all__ = [
    "VGG16_LAYERS",
    "VGG19_LAYERS",
    "VGG19_LITE_LAYERS",
    "VGG19_LITE_WIDTHS",
    "Layer",
    "convolution_names",
    "cut_after_deepest",
    "named_by_layer",
    "tap_geometry",
    "tensor_shapes",
    "vgg_layers",
]


@dataclass(frozen=True)
class Layer:
    """A layer of a VGG network.

    Attributes:
        name: name in the literature; ``conv1_1`` is the output of the convolution before its ReLU, ``relu1_1`` after.
        kind: 3×3 convolution with one pixel of zero padding, ReLU, or 2×2 pooling.
        in_channels: number of channels of the input.
        out_channels: number of channels of the output.
        index: position of the layer in torchvision's ``features``, which the keys of its tensors contain.
    """

    name: str
    kind: Literal["conv", "relu", "pool"]
    in_channels: int
    out_channels: int
    index: int

    @property
    def weight_key(self) -> str:
        """Key of the kernel of a convolution, ``(out_channels, in_channels, 3, 3)``."""
        return f"features.{self.index}.weight"

    @property
    def bias_key(self) -> str:
        """Key of the bias of a convolution, ``(out_channels,)``."""
        return f"features.{self.index}.bias"


def vgg_layers(widths: Sequence[int], depths: Sequence[int]) -> tuple[Layer, ...]:
    """Return the layers of a VGG network, from shallow to deep.

    Args:
        widths: number of channels of each block.
        depths: number of convolutions of each block.
    """
    return tuple(_layers(widths, depths))


def _layers(widths: Sequence[int], depths: Sequence[int]) -> Iterator[Layer]:
    index, channels = 0, 3
    for block, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        for number in range(1, depth + 1):
            yield Layer(f"conv{block}_{number}", "conv", channels, width, index)
            yield Layer(f"relu{block}_{number}", "relu", width, width, index + 1)
            index, channels = index + 2, width
        yield Layer(f"pool{block}", "pool", width, width, index)
        index += 1


# Written here and not read from torchvision, which takes seconds to import.
_VGG_WIDTHS = (64, 128, 256, 512, 512)
_VGG16_DEPTHS = (2, 2, 3, 3, 3)
_VGG19_DEPTHS = (2, 2, 4, 4, 4)

VGG16_LAYERS = vgg_layers(_VGG_WIDTHS, _VGG16_DEPTHS)
"""The 31 layers of VGG-16 (configuration D of the paper)."""

VGG19_LAYERS = vgg_layers(_VGG_WIDTHS, _VGG19_DEPTHS)
"""The 37 layers of VGG-19 (configuration E of the paper)."""

VGG19_LITE_WIDTHS = (32, 64, 64, 128, 128)
"""Number of channels of each block of vgg19-lite; multiples of 32, which suit the native kernels."""

VGG19_LITE_LAYERS = vgg_layers(VGG19_LITE_WIDTHS, _VGG19_DEPTHS)
"""The 37 layers of vgg19-lite, with the names that they have in VGG-19."""


def convolution_names(layers: Iterable[Layer]) -> tuple[str, ...]:
    """Return the names of the convolutions among ``layers``; these are the layers with weights."""
    return tuple(layer.name for layer in layers if layer.kind == "conv")


def cut_after_deepest(layers: Sequence[Layer], taps: Collection[str]) -> Sequence[Layer]:
    """Return the layers up to the deepest one that is named in ``taps``.

    Args:
        layers: the layers of a network, from shallow to deep.
        taps: names of one or more of them.
    """
    deepest = max(i for i, layer in enumerate(layers) if layer.name in taps)
    return layers[: deepest + 1]


def tensor_shapes(layers: Iterable[Layer]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all kernels and biases, by key."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        if layer.kind == "conv":
            shapes[layer.weight_key] = (layer.out_channels, layer.in_channels, 3, 3)
            shapes[layer.bias_key] = (layer.out_channels,)
    return shapes


def named_by_layer(layers: Iterable[Layer]) -> KeyNaming:
    """Return the naming of files that were converted from Caffe layer by layer: ``conv1_1.weight``."""
    keys: dict[str, str] = {}
    for layer in layers:
        if layer.kind == "conv":
            keys |= {layer.weight_key: f"{layer.name}.weight", layer.bias_key: f"{layer.name}.bias"}
    return KeyNaming(keys, "caffe")


def tap_geometry(layers: Iterable[Layer]) -> dict[str, Tap]:
    """Return the geometry of every layer by name, in the order of ``layers``.

    A layer with a k×k kernel adds k - 1 times the stride before it to the receptive field, and pooling doubles the
    stride.
    """
    taps = {}
    stride = receptive_field = 1
    for layer in layers:
        receptive_field += {"conv": 2, "relu": 0, "pool": 1}[layer.kind] * stride
        stride *= 2 if layer.kind == "pool" else 1
        taps[layer.name] = Tap(layer.out_channels, stride, receptive_field)
    return taps
