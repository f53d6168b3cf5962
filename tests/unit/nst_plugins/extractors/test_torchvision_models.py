"""VGG-16 and the networks of torchvision, with random weights."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

import nst_core as nst
from nst_core import JobError, UnknownNameError
from nst_core.testing import conformance, run_checks
from nst_core.weights import TORCHVISION, detect_architecture
from nst_plugins.extractors import vgg16, vgg19
from nst_plugins.extractors.torchvision_models import Torchvision
from nst_plugins.extractors.vgg16 import Vgg16


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
        "layer_rms": json.dumps(dict.fromkeys(vgg16.ARCHITECTURE.calibrated_layers, 1.0)),
    }
    save_file(random_tensors(vgg16.ARCHITECTURE.shapes), path, metadata)
    return path


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A state dict of torchvision's ResNet-18 with random numbers, as torch.save writes it."""
    from torchvision.models import resnet18

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = resnet18(weights=None).state_dict()
    path = tmp_path_factory.mktemp("weights") / "resnet18-random.pth"
    torch.save(state, path)
    return path


def test_vgg16_is_torchvisions(random_vgg16):
    """The features of torchvision's own module with the same weights."""
    from torchvision.models import vgg16 as original

    with torch.device("meta"):
        model = original(weights=None).features.eval()
    tensors = random_tensors(vgg16.ARCHITECTURE.shapes)
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


def test_vgg16_conforms(random_vgg16):
    checks = [c for c in conformance(Vgg16, weights=str(random_vgg16)) if str(c) != "sees-what-it-declares"]
    assert {str(o.check): o.detail for o in run_checks(checks) if o.verdict == "failed"} == {}
    assert Vgg16().taps()["conv5_3"] == nst.Tap(512, 16, 196)  # 196: Simonyan's network up to its last convolution


def test_files_tell_their_architecture(random_vgg16, random_vgg19, tmp_path):
    known = {"vgg16": vgg16.ARCHITECTURE, "vgg19": vgg19.Vgg19.architecture}
    assert detect_architecture(random_vgg16, known).name == "vgg16"
    for name, architecture in known.items():
        path = tmp_path / f"{name}.pth"
        torch.save(random_tensors(architecture.shapes), path)
        assert detect_architecture(path, known).name == name


def test_torchvision_networks_conform(resnet):
    outcomes = list(run_checks(conformance(Torchvision, model="resnet18", weights=str(resnet))))
    assert {str(o.check): o.detail for o in outcomes if o.verdict == "failed"} == {}
    assert [str(o.check) for o in outcomes if o.verdict == "skipped"] == ["is-scriptable-or-says-not"]


def test_nodes_are_the_models_own_and_not_overwritten_by_what_follows(resnet):
    """Batch norms are tapped before ReLUs and sums that torchvision does in place."""
    from torchvision.models import resnet18

    extractor = Torchvision("resnet18", str(resnet))
    layers = ["conv1", "bn1", "layer1.0.bn2", "layer2"]
    found = extractor.build(layers)(image := torch.rand(1, 3, 64, 96))
    with torch.random.fork_rng(devices=[]):
        model = resnet18(weights=None).eval()
    model.load_state_dict(torch.load(resnet, weights_only=True))
    seen = {}
    for name in layers:

        def watch(module, inputs, output, name=name):
            seen[name] = output.clone()

        model.get_submodule(name).register_forward_hook(watch)
    mean, std = (torch.tensor(x).reshape(1, 3, 1, 1) for x in (TORCHVISION.mean, TORCHVISION.std))
    model((image - mean) / std)
    for layer, one in zip(layers, found, strict=True):
        expected = seen[layer] / extractor.weight_set.layer_rms[layer]
        torch.testing.assert_close(one, expected, rtol=1e-4, atol=1e-4)
    assert extractor.taps()["layer2"].stride == 8


def test_layers_have_unit_rms_over_generated_images(resnet):
    extractor = Torchvision("resnet18", str(resnet))
    layers = ["conv1", "layer2", "layer4"]
    images = [nst.dead_leaves(128, 160, torch.Generator().manual_seed(seed)) for seed in (5, 6)]
    for rms in nst.tap_rms(extractor.build(layers), layers, images).values():
        assert 0.6 < rms < 1.6


def test_what_sees_the_whole_image_is_no_layer():
    taps = Torchvision("efficientnet_b0").taps()
    assert "features.0" in taps
    assert taps["features.0"].receptive_field == 3
    assert not any(name.startswith("features.3") for name in taps)  # after squeeze-and-excitation
    assert Torchvision("mobilenet_v2").taps()["features.1"].receptive_field == 7


def test_a_picture_with_a_torchvision_network(registry, resnet):
    images = [torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    options = {"registry": registry, "device": "cpu", "steps": 15, "precision": "fp32"}
    result = nst.stylize(
        *images,
        extractor="torchvision:resnet18",
        weights=str(resnet),
        content_layers=["layer2"],
        style_layers=["conv1", "layer1"],
        **options,
    )
    assert result.total < 0.5 * result.history[0]
    assert result.job.extractor.params["model"] == "resnet18"


def test_what_cannot_be_had_is_explained(registry):
    with pytest.raises(JobError, match="torchvision:resnet50, for example"):
        Torchvision().taps()
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50'"):
        Torchvision("resnet5o").taps()
    with pytest.raises(JobError, match="cannot be cut into layers"):
        Torchvision("vit_b_16").taps()
    with pytest.raises(JobError, match="name some with --content-layers"):
        nst.stylize(
            torch.rand(1, 3, 40, 48), torch.rand(1, 3, 40, 48), extractor="torchvision:resnet18", registry=registry
        )
