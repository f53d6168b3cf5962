"""The layers of VGG networks: names, keys, shapes and geometry."""

from __future__ import annotations

import pytest
import torch

from nst_core import Tap
from nst_core.weights import detect_architecture
from nst_plugins.extractors.vgg import Vgg16, Vgg19, Vgg19Lite
from nst_plugins.extractors.vgg.layers import (
    VGG16_LAYERS,
    VGG19_LAYERS,
    VGG19_LITE_LAYERS,
    convolution_names,
    cut_after_deepest,
    named_by_layer,
    tap_geometry,
    tensor_shapes,
    vgg_layers,
)


@pytest.mark.parametrize(("layers", "name"), [(VGG16_LAYERS, "vgg16"), (VGG19_LAYERS, "vgg19")])
def test_tensors_are_those_of_torchvision(layers, name):
    from torchvision.models import get_model

    with torch.device("meta"):
        features = get_model(name, weights=None).features
    assert tensor_shapes(layers) == {f"features.{k}": tuple(t.shape) for k, t in features.state_dict().items()}


def test_tensors_may_be_named_by_layer():
    keys = named_by_layer(VGG19_LAYERS).keys
    assert keys.keys() == tensor_shapes(VGG19_LAYERS).keys()
    assert (keys["features.0.weight"], keys["features.34.bias"]) == ("conv1_1.weight", "conv5_4.bias")


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_a_file_with_tensors_named_by_layer_is_of_the_right_network(tmp_path, name):
    """All of VGG-16's names are among VGG-19's."""
    known = {cls.architecture.name: cls.architecture for cls in (Vgg16, Vgg19, Vgg19Lite)}
    (naming,) = known[name].other_namings
    one = torch.zeros(())  # every tensor of the file is a view of it
    shapes = known[name].shapes
    torch.save({f"model.{naming.keys[key]}": one.expand(shape) for key, shape in shapes.items()}, tmp_path / "w.pth")
    assert detect_architecture(tmp_path / "w.pth", known).name == name


def test_names_are_those_of_the_literature():
    layers = vgg_layers(widths=(8, 16), depths=(1, 2))
    assert [layer.name for layer in layers] == [
        *("conv1_1", "relu1_1", "pool1"),
        *("conv2_1", "relu2_1", "conv2_2", "relu2_2", "pool2"),
    ]
    assert convolution_names(layers) == ("conv1_1", "conv2_1", "conv2_2")
    assert [layer.name for layer in VGG19_LITE_LAYERS] == [layer.name for layer in VGG19_LAYERS]


def test_geometry():
    taps = tap_geometry(VGG19_LAYERS)
    assert taps["conv1_1"] == taps["relu1_1"] == Tap(channels=64, stride=1, receptive_field=3)
    assert taps["pool1"] == Tap(channels=64, stride=2, receptive_field=6)
    assert taps["conv5_4"] == Tap(channels=512, stride=16, receptive_field=252)


def test_layers_are_cut_after_the_deepest_tap():
    assert [layer.name for layer in cut_after_deepest(VGG19_LAYERS, ["relu1_1", "conv1_1"])] == ["conv1_1", "relu1_1"]
