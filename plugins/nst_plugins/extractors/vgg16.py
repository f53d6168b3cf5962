"""VGG-16 of Simonyan and Zisserman, arXiv:1409.1556, configuration D."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn

from nst_core import Extractor, Tap
from nst_core.weights import Architecture, OfficialWeights, Preprocessing, WeightSet, find
from nst_plugins.extractors.vgg19_layout import layout, shapes, taps
from nst_plugins.extractors.vgg19_network import Pooling, Vgg19Network
from nst_plugins.extractors.vgg19_scale import DEAD_LEAVES_OVER_NATURAL, dead_leaves_rms

__all__ = ["ARCHITECTURE", "STEPS", "Vgg16", "measure"]

STEPS = layout(depths=(2, 2, 3, 3, 3))
"""All layers from shallow to deep."""

# The layer of VGG-19 that is as far along its block, for the correction of the scale.
_LIKE = {"conv3_3": "conv3_4", "conv4_3": "conv4_4", "conv5_3": "conv5_4"}


def measure(tensors: Mapping[str, Tensor], preprocessing: Preprocessing) -> dict[str, float]:
    """Estimate the RMS of every convolution's output over natural images, with max pooling.

    It is measured over generated images and corrected by what was found for VGG-19, at the last layer of a block by
    VGG-19's last: nobody has measured VGG-16 itself over photographs here.
    """
    measured = dead_leaves_rms(tensors, preprocessing, steps=STEPS)
    return {layer: rms / DEAD_LEAVES_OVER_NATURAL[_LIKE.get(layer, layer)] for layer, rms in measured.items()}


def _url() -> str:
    from torchvision.models import VGG16_Weights

    return str(VGG16_Weights.IMAGENET1K_V1.url)


ARCHITECTURE = Architecture(
    name="vgg16",
    key_naming="torchvision vgg16 state_dict, features only",
    shapes=shapes(STEPS),
    input_weight=STEPS[0].weight,
    calibrated_layers=tuple(step.name for step in STEPS if step.kind == "conv"),
    measure_rms=measure,
    official=OfficialWeights(
        url=_url,
        filename="vgg16-397923af.pth",
        sha256_prefix="397923af",
        megabytes=528,
        source="torchvision VGG16_Weights.IMAGENET1K_V1, features only",
        license="BSD-3-Clause (torchvision); trained on ImageNet",
    ),
    # The second is the Caffe model of the VGG group, converted by J. Johnson.
    known_files={"397923af": "torchvision", "00b39a1b": "caffe"},
)


class Vgg16(Extractor):
    """VGG-16, every convolution rescaled to unit RMS over natural images: three layers less than VGG-19.

    The layers are ``conv1_1`` (before its ReLU), ``relu1_1`` (after it), … ``relu5_3``, and ``pool1`` to ``pool5``;
    the style layers are the last of every block. ``weights`` and ``pooling`` are as for ``vgg19``.
    """

    content_layers = ("conv3_3",)
    style_layers = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3")
    architecture: ClassVar[Architecture] = ARCHITECTURE

    def __init__(self, weights: str = "", pooling: Pooling = "max") -> None:
        self.weights = weights
        self.pooling: Pooling = pooling

    @functools.cached_property
    def weight_set(self) -> WeightSet:
        """The weights, found (and downloaded, where there are none) when first asked for."""
        return find(self.weights, ARCHITECTURE)

    def taps(self) -> Mapping[str, Tap]:
        """All 31 layers by name, from shallow to deep."""
        return taps(STEPS)

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network, cut after the deepest of ``layers``."""
        found = self.weight_set
        return Vgg19Network(
            layers, found.tensors(), found.preprocessing, steps=STEPS, layer_rms=found.layer_rms, pooling=self.pooling
        )

    def fingerprint(self) -> str:
        """SHA-256 of the weight file."""
        return self.weight_set.sha256
