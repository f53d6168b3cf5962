"""VGG-16, with random weights."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from nst_core import Tap
from nst_core.testing import conformance, run_checks
from nst_core.weights import TORCHVISION, detect_architecture
from nst_plugins.extractors.vgg import Vgg16, Vgg19, Vgg19Lite


def random_tensors(shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        key: torch.randn(shape, generator=generator) * (0.1 if len(shape) == 1 else (2 / shape[1:].numel()) ** 0.5)
        for key, shape in ((key, torch.Size(shape)) for key, shape in shapes.items())
    }


@pytest.fixture(scope="module")
def random_vgg16(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random16.safetensors"
    metadata = {
        "architecture": "vgg16",
        "input": str(TORCHVISION),
        "layer_rms": json.dumps(dict.fromkeys(Vgg16.architecture.calibrated_layers, 1.0)),
    }
    save_file(random_tensors(Vgg16.architecture.shapes), path, metadata)
    return path


def test_vgg16_is_torchvisions(random_vgg16):
    """The features of torchvision's own module with the same weights."""
    from torchvision.models import vgg16 as original

    with torch.device("meta"):
        model = original(weights=None).features.eval()
    tensors = random_tensors(Vgg16.architecture.shapes)
    model.load_state_dict({k.removeprefix("features."): v for k, v in tensors.items()}, assign=True)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(x).reshape(1, 3, 1, 1) for x in (TORCHVISION.mean, TORCHVISION.std))
    layers = ["relu1_2", "pool2", "conv3_3", "relu5_3", "pool5"]
    found = Vgg16(str(random_vgg16)).build(layers)(image)
    x, expected = (image - mean) / std, {}
    for index, module in enumerate(model):
        x = module(x)
        expected[index] = x.clone()
    for one, index in zip(found, (3, 9, 14, 29, 30), strict=True):
        torch.testing.assert_close(one, expected[index], rtol=1e-4, atol=1e-4)


@pytest.mark.once
def test_vgg16_conforms(random_vgg16):
    checks = [c for c in conformance(Vgg16, weights=str(random_vgg16)) if str(c) != "sees-what-it-declares"]
    assert {str(o.check): o.detail for o in run_checks(checks) if o.verdict == "failed"} == {}
    assert Vgg16().taps()["conv5_3"] == Tap(512, 16, 196)  # 196: Simonyan's network up to its last convolution


def test_files_of_the_vgg_networks_are_told_apart(tmp_path):
    known = {cls.architecture.name: cls.architecture for cls in (Vgg16, Vgg19, Vgg19Lite)}
    for name, architecture in known.items():
        path = tmp_path / f"{name}.pth"
        torch.save(random_tensors(architecture.shapes), path)
        assert detect_architecture(path, known).name == name
