"""VGG-19: names, geometry, scale, precision, TorchScript and export."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nst_core import UnknownNameError, load_image, tap_rms
from nst_core.weights import TORCHVISION, find, import_file, verify
from nst_plugins.extractors.vgg import Vgg16, Vgg19


@pytest.fixture(scope="module")
def reference():
    """torchvision's own VGG-19 features with seeded random weights that keep the signal alive."""
    from torchvision.models import vgg19

    with torch.device("meta"):
        network = vgg19().features
    network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in network:
            if isinstance(module, nn.Conv2d):
                module.weight.normal_(0, (2 / (9 * module.in_channels)) ** 0.5, generator=generator)
                module.bias.normal_(0, 0.1, generator=generator)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def weights(reference, tmp_path_factory):
    """Those weights as a set whose layers have RMS 2, 3, 4, …"""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    rms = {layer: 2.0 + i for i, layer in enumerate(Vgg19.architecture.calibrated_layers)}
    text = str(rms).replace("'", '"')
    save_file(
        {f"features.{k}": v.contiguous() for k, v in reference.state_dict().items()},
        path,
        {"architecture": "vgg19", "input": str(TORCHVISION), "layer_rms": text},
    )
    return path, rms


@pytest.fixture
def image():
    return torch.rand(1, 3, 37, 50, generator=torch.Generator().manual_seed(3))


def torchvision_layers(reference, image):
    """All layers of torchvision's features under the literature's names."""
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (TORCHVISION.mean, TORCHVISION.std))
    x, found, block, number = (image - mean) / std, {}, 1, 0
    for module in reference:
        x = torch.relu(x) if isinstance(module, nn.ReLU) else module(x)
        if isinstance(module, nn.Conv2d):
            number += 1
            found[f"conv{block}_{number}"] = x
        elif isinstance(module, nn.ReLU):
            found[f"relu{block}_{number}"] = x
        else:
            found[f"pool{block}"] = x
            block, number = block + 1, 0
    return found


def scale_of(layer, rms):
    if not layer.startswith("pool"):
        return rms["conv" + layer[4:]]
    return rms[{"1": "conv1_2", "2": "conv2_2"}.get(layer[4], f"conv{layer[4]}_4")]


def test_every_layer_is_torchvisions_divided_by_its_rms(reference, weights, image):
    path, rms = weights
    extractor = Vgg19(str(path))
    layers = list(extractor.taps())
    found = dict(zip(layers, extractor.build(layers)(image), strict=True))
    expected = torchvision_layers(reference, image)
    assert layers == list(expected)
    assert len(layers) == 37
    for layer in layers:
        torch.testing.assert_close(found[layer], expected[layer] / scale_of(layer, rms), rtol=1e-3, atol=1e-4)
        assert found[layer].shape[1] == extractor.taps()[layer].channels


def test_layers_come_in_the_order_asked_for_and_the_rest_is_cut_off(weights, image):
    extractor = Vgg19(str(weights[0]))
    network = extractor.build(["conv3_1", "relu1_2", "conv1_1"])
    assert [f.shape[1:] for f in network(image)] == [(256, 9, 12), (64, 37, 50), (64, 37, 50)]
    assert sum(isinstance(m, nn.Conv2d) for m in network.modules()) == 5
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training


def test_unknown_pooling_is_refused():
    for extractor in (Vgg16, Vgg19):
        with pytest.raises(UnknownNameError, match="unknown pooling 'mean'"):
            extractor(pooling="mean")


def test_average_pooling(reference, weights, image):
    path, rms = weights
    (found,) = Vgg19(str(path), pooling="average").build(["pool1"])(image)
    expected = nn.functional.avg_pool2d(torchvision_layers(reference, image)["relu1_2"], 2)
    torch.testing.assert_close(found, expected / rms["conv1_2"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", ["conv1_2", "pool1", "conv2_2", "relu3_4", "conv4_1"])
def test_stride_and_receptive_field_are_what_a_perturbation_shows(weights, layer):
    """An output depends on a square of the declared side; its neighbour on one that is shifted by the stride."""
    extractor = Vgg19(str(weights[0]), pooling="average")
    tap = extractor.taps()[layer]
    side = 3 * tap.receptive_field // (2 * tap.stride) * 2 * tap.stride
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network = extractor.build([layer]).double()
    image.requires_grad_()
    (feature,) = network(image)
    middle = feature.shape[-1] // 2
    firsts = []
    for position in (middle, middle + 1):
        (gradient,) = torch.autograd.grad(feature[0, :, middle, position].sum(), image, retain_graph=True)
        touched = gradient.abs().sum(dim=(0, 1)).nonzero()
        extent = touched.amax(0) - touched.amin(0) + 1
        assert extent.tolist() == [tap.receptive_field] * 2
        firsts.append(int(touched.amin(0)[1]))
    assert firsts[1] - firsts[0] == tap.stride


def test_bfloat16_is_close_and_normalises_in_float32(weights, image):
    extractor = Vgg19(str(weights[0]))
    exact = extractor.build(["conv1_1", "conv3_4"])
    coarse = extractor.build(["conv1_1", "conv3_4"]).to(torch.bfloat16)
    assert coarse.normalize.mean.dtype == torch.float32
    for a, b in zip(exact(image), coarse(image), strict=True):
        assert b.dtype == torch.bfloat16
        assert (a - b.float()).norm() / a.norm() < 0.02


def test_the_gradient_passes_gradcheck(weights):
    network = Vgg19(str(weights[0])).build(["conv1_2", "relu2_1"]).double()
    image = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: tuple(network(x)), image.requires_grad_(), fast_mode=True)


def test_the_network_can_be_scripted_and_exported(weights, image):
    network = Vgg19(str(weights[0])).build(["conv3_1", "conv1_2"])
    expected = network(image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and still the only way into C++ with gradients
        scripted = torch.jit.script(network)
    exported = torch.export.export(network, (image,)).module()
    for other in (scripted, exported):
        for a, b in zip(other(image), expected, strict=True):
            torch.testing.assert_close(a, b)


# The real weights

CARD = Path(__file__).parents[5] / "docs" / "vgg19.md"


def test_the_embedded_file_is_small_whole_and_the_one_of_the_model_card():
    embedded = Vgg19.architecture.embedded
    assert embedded.stat().st_size <= 23_000_000
    assert re.search(r"\b[0-9a-f]{64}\b", CARD.read_text())[0] == Vgg19().fingerprint()
    weight_set = verify("vgg19-embedded", {"vgg19": Vgg19.architecture})
    assert weight_set.license == "CC-BY-4.0"
    assert "K. Simonyan and A. Zisserman" in weight_set.source


@pytest.mark.parametrize("name", ["landscape", "brushwork"])
def test_the_embedded_features_are_those_of_the_weights_in_float32(real_weights, name):
    """Within 1 %, where NST_TEST_WEIGHTS names those weights; otherwise they are the same file."""
    layers = Vgg19.architecture.calibrated_layers
    pixels = load_image(f"sample:{name}", size=128).pixels
    for exact, found in zip(Vgg19(str(real_weights)).build(layers)(pixels), Vgg19().build(layers)(pixels), strict=True):
        assert (found - exact).norm() < 0.01 * exact.norm()


def test_real_layers_have_unit_rms_over_photographs(real_weights, real_images):
    """The scale in the file was measured over other photographs; two of ours are near it."""
    extractor = Vgg19(str(real_weights))
    layers = Vgg19.architecture.calibrated_layers
    pixels = [load_image(real_images / f"{n}.jpg", size=256).pixels for n in ("tubingen", "hoovertowernight")]
    rms = tap_rms(extractor.build(layers), layers, pixels)
    assert all(0.6 < value < 1.6 for value in rms.values()), rms


@pytest.mark.once
def test_weights_without_a_scale_are_measured_and_give_the_same_features(real_weights, tmp_path, image):
    """Every layer multiplied by some number and the file silent about it: the taps stay what they were.

    The estimate is near what was measured over photographs, and exact for the weights that its ratios come from.
    """
    known = find(str(real_weights), Vgg19.architecture)
    tensors, before, expected = known.tensors(), 1.0, {}
    for i, layer in enumerate(Vgg19.architecture.calibrated_layers):
        factor = 50.0 if i % 2 else 7.0
        key = [k for k in Vgg19.architecture.shapes if k.endswith("weight")][i]
        tensors[key] *= factor / before
        tensors[key.replace("weight", "bias")] *= factor
        before, expected[layer] = factor, factor * known.layer_rms[layer]
    save_file(tensors, tmp_path / "scaled.safetensors", {"architecture": "vgg19", "input": str(known.preprocessing)})
    import_file(tmp_path / "scaled.safetensors", Vgg19.architecture)
    assert find("scaled", Vgg19.architecture).layer_rms == pytest.approx(expected, rel=0.01)
    layers = ["conv1_2", "conv3_4", "conv5_4"]
    exact, measured = (Vgg19(name).build(layers)(image) for name in (str(real_weights), "scaled"))
    for a, b in zip(exact, measured, strict=True):
        assert (a - b).norm() / a.norm() < 0.01
