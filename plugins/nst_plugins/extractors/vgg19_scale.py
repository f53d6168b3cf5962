"""The scale of VGG-19's layers over natural images, measured without having natural images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from nst_core import dead_leaves, tap_rms
from nst_core.weights import Preprocessing
from nst_plugins.extractors.vgg19_layout import STEPS, Step
from nst_plugins.extractors.vgg19_network import Vgg19Network

__all__ = ["DEAD_LEAVES_OVER_NATURAL", "dead_leaves_rms", "measure"]

_IMAGES, _SIZE, _SEED = 16, (256, 320), 0

# Printed by: python tools/measure_dead_leaves.py WEIGHTS, where WEIGHTS are the VGG group's own,
# with a layer_rms measured over photographs. Another seed changes it by up to 2 %.
DEAD_LEAVES_OVER_NATURAL: dict[str, float] = {
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
"""RMS over generated images divided by the RMS over natural ones, of the output of every convolution."""


def measure(tensors: Mapping[str, Tensor], preprocessing: Preprocessing) -> dict[str, float]:
    """Estimate the RMS of every convolution's output over natural images, with max pooling.

    Args:
        tensors: of the architecture, float32, by key.
        preprocessing: the preprocessing that the network expects.

    Returns:
        RMS by layer, ``conv1_1`` to ``conv5_4``, in the scale of the weights.
    """
    measured = dead_leaves_rms(tensors, preprocessing)
    return {layer: rms / DEAD_LEAVES_OVER_NATURAL[layer] for layer, rms in measured.items()}


def dead_leaves_rms(
    tensors: Mapping[str, Tensor],
    preprocessing: Preprocessing,
    *,
    steps: Sequence[Step] = STEPS,
    images: int = _IMAGES,
    seed: int = _SEED,
) -> dict[str, float]:
    """Measure the RMS of every convolution's output over generated images, with max pooling.

    Args:
        tensors: of the architecture, float32, by key.
        preprocessing: the preprocessing that the network expects.
        steps: the layers of a network with VGG-19's names.
        images: how many, 256×320 pixels each.
        seed: of the images.
    """
    layers = [step.name for step in steps if step.kind == "conv"]
    network = Vgg19Network(layers, tensors, preprocessing, steps=steps)
    return tap_rms(network, layers, _generated(images, seed))


def _generated(images: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(images):
        yield dead_leaves(*_SIZE, generator)
