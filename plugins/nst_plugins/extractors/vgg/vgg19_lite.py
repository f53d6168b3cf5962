"""A compact network that stands in for VGG-19."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from nst_core import PretrainedExtractor, Tap
from nst_core.weights import Architecture
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS, VGG19_LITE_LAYERS, Layer, tap_geometry, tensor_shapes
from nst_plugins.extractors.vgg.network import VggNetwork
from nst_plugins.extractors.vgg.vgg19 import DATA, Vgg19

__all__ = ["Vgg19Lite"]


def _projection_keys(layer: str) -> tuple[str, str]:
    return f"heads.{layer}.weight", f"heads.{layer}.bias"


def _projection_shapes(layers: Iterable[Layer]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        weight, bias = _projection_keys(layer.name)
        shapes |= {weight: (layer.out_channels, layer.out_channels), bias: (layer.out_channels,)}
    return shapes


class Vgg19Lite(PretrainedExtractor):
    """A compact stand-in for VGG-19, for a quick look: a fraction of the time, nearly the same style.

    It has the layers of ``vgg19`` under the same names with a quarter of the channels, and was distilled from it so
    that Gram matrices and squared distances of its features approximate VGG-19's: α and β carry over. The deepest
    layers are the least exact. ``weights`` is the path of another weight file of this architecture.
    """

    content_layers = Vgg19.content_layers
    style_layers = Vgg19.style_layers
    # No calibrated layers: the projections give every tap the scale that it has in VGG-19 at unit RMS.
    architecture = Architecture(
        name="vgg19-lite",
        key_naming=(
            "as torchvision's vgg19 state_dict, features only, and heads.LAYER.weight (C, C), heads.LAYER.bias (C)"
        ),
        shapes=tensor_shapes(VGG19_LITE_LAYERS) | _projection_shapes(VGG19_LITE_LAYERS),
        input_weight=VGG19_LITE_LAYERS[0].weight_key,
        embedded=DATA / "vgg19-lite.safetensors",
    )

    def taps(self) -> Mapping[str, Tap]:
        """Return the 37 layers of VGG-19 by name, with VGG-19's numbers of channels, from shallow to deep."""
        return tap_geometry(VGG19_LAYERS)

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network up to the deepest of ``layers``; see :class:`VggNetwork`."""
        tensors = self.weight_set.tensors()
        projections = {
            name: (tensors[weight], tensors[bias]) for name in layers for weight, bias in [_projection_keys(name)]
        }
        return VggNetwork(VGG19_LITE_LAYERS, layers, tensors, self.weight_set.preprocessing, projections=projections)
