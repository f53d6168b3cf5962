"""The RMS of VGG's layers over natural images, estimated without natural images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from nst_core import dead_leaves, tap_rms
from nst_core.weights import Preprocessing
from nst_plugins.extractors.vgg.layers import VGG16_LAYERS, VGG19_LAYERS, Layer, convolution_names
from nst_plugins.extractors.vgg.network import VggNetwork

__all__ = ["DEAD_LEAVES_TO_NATURAL", "dead_leaves_rms", "estimate_vgg16_rms", "estimate_vgg19_rms"]

_IMAGES, _SIZE, _SEED = 16, (256, 320), 0

# Printed by: python tools/measure_dead_leaves.py WEIGHTS, where WEIGHTS are the VGG group's own weights with a
# layer_rms measured over photographs. Another seed changes the ratios by up to 2 %.
DEAD_LEAVES_TO_NATURAL: dict[str, float] = {
    "conv1_1": 0.9811,
    "conv1_2": 1.0402,
    "conv2_1": 1.1468,
    "conv2_2": 1.2976,
    "conv3_1": 1.3709,
    "conv3_2": 1.5339,
    "conv3_3": 1.4147,
    "conv3_4": 1.4762,
    "conv4_1": 1.6436,
    "conv4_2": 1.4299,
    "conv4_3": 1.4854,
    "conv4_4": 1.4558,
    "conv5_1": 1.4134,
    "conv5_2": 1.3479,
    "conv5_3": 1.4286,
    "conv5_4": 0.9594,
}
"""Ratio of the RMS over dead leaves images to the RMS over natural images, for the convolutions of VGG-19."""

# The layer of VGG-19 at the same place in its block.
_VGG19_COUNTERPARTS = {"conv3_3": "conv3_4", "conv4_3": "conv4_4", "conv5_3": "conv5_4"}


def estimate_vgg19_rms(tensors: Mapping[str, Tensor], preprocessing: Preprocessing) -> dict[str, float]:
    """Estimate the RMS of VGG-19's convolutions over natural images, with max pooling.

    The RMS over dead leaves images is divided by :data:`DEAD_LEAVES_TO_NATURAL`.

    Args:
        tensors: kernels and biases of VGG-19 by key, float32.
        preprocessing: the preprocessing that the network expects.

    Returns:
        RMS by convolution, ``conv1_1`` to ``conv5_4``, in the scale of the weights.
    """
    measured = dead_leaves_rms(VGG19_LAYERS, tensors, preprocessing)
    return {layer: rms / DEAD_LEAVES_TO_NATURAL[layer] for layer, rms in measured.items()}


def estimate_vgg16_rms(tensors: Mapping[str, Tensor], preprocessing: Preprocessing) -> dict[str, float]:
    """Estimate the RMS of VGG-16's convolutions over natural images, with max pooling.

    The RMS over dead leaves images is divided by the ratio of the corresponding layer of VGG-19, where the last layer
    of a block corresponds to the last; the ratios of VGG-16 itself have not been measured.

    Args:
        tensors: kernels and biases of VGG-16 by key, float32.
        preprocessing: the preprocessing that the network expects.

    Returns:
        RMS by convolution, ``conv1_1`` to ``conv5_3``, in the scale of the weights.
    """
    measured = dead_leaves_rms(VGG16_LAYERS, tensors, preprocessing)
    return {
        layer: rms / DEAD_LEAVES_TO_NATURAL[_VGG19_COUNTERPARTS.get(layer, layer)] for layer, rms in measured.items()
    }


def dead_leaves_rms(
    layers: Sequence[Layer],
    tensors: Mapping[str, Tensor],
    preprocessing: Preprocessing,
    *,
    images: int = _IMAGES,
    seed: int = _SEED,
) -> dict[str, float]:
    """Measure the RMS of every convolution's output over dead leaves images of 256×320 pixels, with max pooling.

    Args:
        layers: the layers of the network, from shallow to deep.
        tensors: kernels and biases by key, float32.
        preprocessing: the preprocessing that the network expects.
        images: number of images, at least 1.
        seed: seed of the images.

    Returns:
        RMS by convolution, in the scale of the weights.
    """
    convolutions = convolution_names(layers)
    network = VggNetwork(layers, convolutions, tensors, preprocessing)
    return tap_rms(network, convolutions, _generate_images(images, seed))


def _generate_images(count: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield dead_leaves(*_SIZE, generator)
