"""The networks of torchvision, with random weights."""

from __future__ import annotations

import pytest
import torch

import nst_core as nst
from nst_core import JobError, Session, UnknownNameError
from nst_core.testing import conformance, run_checks
from nst_core.weights import TORCHVISION, list_weight_sets
from nst_plugins.extractors.torchvision import Torchvision

pytestmark = pytest.mark.once  # its networks have no kernels


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


def test_a_state_dict_file_is_imported_once(resnet):
    first, second = (Torchvision("resnet18", str(resnet)).weight_set for _ in range(2))
    assert first.sha256 == second.sha256
    assert [s.name for s in list_weight_sets()] == [first.name]


def test_a_picture_with_a_torchvision_network(registry, resnet):
    images = [torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    options = {"session": Session(registry), "device": "cpu", "steps": 15, "precision": "fp32"}
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
            torch.rand(1, 3, 40, 48),
            torch.rand(1, 3, 40, 48),
            extractor="torchvision:resnet18",
            session=Session(registry),
        )
