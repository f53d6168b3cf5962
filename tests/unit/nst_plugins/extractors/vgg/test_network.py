"""The network of all VGG extractors, on a small one."""

from __future__ import annotations

import pytest
import torch

from nst_core import ops
from nst_core.weights import TORCHVISION
from nst_plugins.extractors.vgg.layers import convolution_names, tensor_shapes, vgg_layers
from nst_plugins.extractors.vgg.network import VggNetwork

LAYERS = vgg_layers(widths=(4, 6), depths=(1, 2))
TAPS = ["pool2", "conv1_1", "relu2_1"]


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator) for key, shape in tensor_shapes(LAYERS).items()}


@pytest.fixture
def image():
    return torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(1))


def test_feature_maps_come_in_the_order_of_the_taps(tensors, image):
    network = VggNetwork(LAYERS, TAPS, tensors, TORCHVISION)
    together = network(image)
    assert [tuple(feature.shape) for feature in together] == [(1, 6, 2, 3), (1, 4, 8, 12), (1, 6, 4, 6)]
    for tap, feature in zip(TAPS, together, strict=True):
        (alone,) = VggNetwork(LAYERS, [tap], tensors, TORCHVISION)(image)
        assert torch.equal(alone, feature), tap


def test_a_convolution_is_returned_as_it_was_before_its_relu(tensors, image):
    (feature, _) = VggNetwork(LAYERS, ["conv1_1", "relu1_1"], tensors, TORCHVISION)(image)
    assert feature.min() < 0


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_stack_gives_the_same_features(tensors, image, pooling):
    network = VggNetwork(LAYERS, TAPS, tensors, TORCHVISION, pooling=pooling)
    stack = network.stack()
    assert stack.kinds == ("conv", "relu", f"{pooling}-pool", "conv", "relu", "conv", "relu", f"{pooling}-pool")
    found = ops.conv_stack(stack)(image)
    for index, feature in zip(network.order(), network(image), strict=True):
        torch.testing.assert_close(found[index], feature, rtol=1e-4, atol=1e-4)


def test_heads_map_the_taps_and_can_be_taken(tensors, image):
    names = convolution_names(LAYERS)
    generator = torch.Generator().manual_seed(2)
    widths = {"conv1_1": 4, "conv2_1": 6, "conv2_2": 6}
    projections = {
        n: (torch.randn(5, widths[n], generator=generator), torch.randn(5, generator=generator)) for n in names
    }
    network = VggNetwork(LAYERS, names, tensors, TORCHVISION, projections=projections)
    plain = VggNetwork(LAYERS, names, tensors, TORCHVISION)(image)
    for name, mapped, feature in zip(names, network(image), plain, strict=True):
        weight, bias = projections[name]
        expected = torch.einsum("kc,bchw->bkhw", weight, feature) + bias[:, None, None]
        torch.testing.assert_close(mapped, expected, rtol=1e-4, atol=1e-4)
    assert set(network.detach_projections(["conv2_1", "relu2_1"])) == {"conv2_1"}
    assert torch.equal(network(image)[1], plain[1])
    assert network(image)[0].shape[1] == 5
