"""Rescaling to unit RMS."""

from __future__ import annotations

import pytest
import torch

from nst_core import dead_leaves, tap_rms
from nst_core.weights import TORCHVISION
from nst_plugins.extractors.vgg.layers import convolution_names, tensor_shapes, vgg_layers
from nst_plugins.extractors.vgg.network import VggNetwork
from nst_plugins.extractors.vgg.rescaling import rescale_to_unit_rms

LAYERS = vgg_layers(widths=(4, 6), depths=(2, 1))


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator) for key, shape in tensor_shapes(LAYERS).items()}


def test_convolutions_have_unit_rms_over_the_images_that_they_were_measured_on(tensors):
    names = convolution_names(LAYERS)
    images = [dead_leaves(32, 48, torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    measured = tap_rms(VggNetwork(LAYERS, names, tensors, TORCHVISION), names, images)
    rescaled = rescale_to_unit_rms(tensors, LAYERS, measured)
    found = tap_rms(VggNetwork(LAYERS, names, rescaled, TORCHVISION), names, images)
    assert found == pytest.approx(dict.fromkeys(names, 1.0), rel=1e-5)


def test_an_rms_changes_its_own_layer_only(tensors):
    names = convolution_names(LAYERS)
    rescaled = rescale_to_unit_rms(tensors, LAYERS, {"conv1_1": 1.0, "conv1_2": 8.0, "conv2_1": 1.0})
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    before, after = (VggNetwork(LAYERS, names, t, TORCHVISION)(image) for t in (tensors, rescaled))
    torch.testing.assert_close(after[0], before[0])
    torch.testing.assert_close(after[1], before[1] / 8)
    torch.testing.assert_close(after[2], before[2], rtol=1e-4, atol=1e-4)
