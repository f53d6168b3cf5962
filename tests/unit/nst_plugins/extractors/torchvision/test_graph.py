"""The layers of torchvision's networks and their geometry, without weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nst_core import Tap
from nst_plugins.extractors.torchvision.graph import analyze_model, cut_at_nodes
from nst_plugins.extractors.torchvision.models import graph_of


class Small(nn.Module):
    """A strided convolution, an in-place ReLU, a sum in place, and what depends on the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 5, stride=2, padding=2)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        y = self.conv(x)
        z = self.relu(y)
        z += 1
        return self.pool(z) * z


@pytest.fixture
def small():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Small().eval()


def test_geometry_follows_from_kernels_and_strides():
    with torch.device("meta"):
        graph = analyze_model(Small().eval())
    assert list(graph.taps) == ["conv", "relu", "add"]
    assert set(graph.taps.values()) == {Tap(channels=4, stride=2, receptive_field=5)}
    assert graph.input_weight == "conv.weight"
    assert graph.shapes == {"conv.weight": (4, 3, 5, 5), "conv.bias": (4,)}


def test_nodes_are_not_overwritten_by_what_follows(small):
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = small.conv(image)
    outputs = cut_at_nodes(small, ["conv", "relu", "add"])(image)
    torch.testing.assert_close(outputs["conv"], expected)
    torch.testing.assert_close(outputs["relu"], expected.relu())
    torch.testing.assert_close(outputs["add"], expected.relu() + 1)
    assert not outputs["add"].requires_grad


def test_layers_that_depend_on_the_whole_image_are_left_out():
    taps = graph_of("efficientnet_b0").taps
    assert "features.0" in taps
    assert taps["features.0"].receptive_field == 3
    assert not any(name.startswith("features.3") for name in taps)  # after squeeze-and-excitation
    assert graph_of("mobilenet_v2").taps["features.1"].receptive_field == 7
