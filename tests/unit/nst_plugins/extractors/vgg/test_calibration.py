"""Estimates of the RMS over natural images."""

from __future__ import annotations

import torch

from nst_core.weights import TORCHVISION
from nst_plugins.extractors.vgg.calibration import DEAD_LEAVES_TO_NATURAL, dead_leaves_rms
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS, convolution_names, tensor_shapes, vgg_layers

SMALL = vgg_layers(widths=(4, 4), depths=(1, 1))


def test_the_rms_is_proportional_to_the_weights_and_repeatable():
    generator = torch.Generator().manual_seed(0)
    tensors = {key: torch.randn(shape, generator=generator) for key, shape in tensor_shapes(SMALL).items()}
    once, again = (dead_leaves_rms(SMALL, tensors, TORCHVISION, images=1) for _ in range(2))
    assert once == again
    doubled = dead_leaves_rms(
        SMALL, {**tensors, "features.0.weight": 2 * tensors["features.0.weight"]}, TORCHVISION, images=1
    )
    assert 1.5 < doubled["conv1_1"] / once["conv1_1"] < 2.1
    other = dead_leaves_rms(SMALL, tensors, TORCHVISION, images=1, seed=1)
    assert other["conv1_1"] != once["conv1_1"]


def test_every_convolution_of_vgg19_has_a_ratio():
    assert tuple(DEAD_LEAVES_TO_NATURAL) == convolution_names(VGG19_LAYERS)
