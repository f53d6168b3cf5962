"""The default extractor: VGG-19, or the network of the weights."""

from __future__ import annotations

import pytest
import torch

from nst_core import UnknownNameError
from nst_core.plugins.discovery import default_registry
from nst_core.weights import import_file
from nst_plugins.extractors.auto import Auto
from nst_plugins.extractors.vgg import Vgg16, Vgg19, Vgg19Lite


def test_it_is_vgg19_with_the_embedded_weights(monkeypatch):
    monkeypatch.setattr("torch.hub.urlopen", lambda *_, **__: pytest.fail("tried to download"))
    auto = Auto()
    assert (auto.pinned().name, auto.pinned().params, auto.remark()) == ("vgg19", {}, "")
    (features,) = auto.build(["conv1_2"])(torch.rand(1, 3, 8, 8))
    assert features.shape == (1, 64, 8, 8)
    assert auto.fingerprint() == Vgg19().fingerprint()


@pytest.mark.parametrize("network", [Vgg19, Vgg19Lite])
def test_it_is_the_network_of_the_weights(network):
    architecture = network.architecture
    for weights in (str(architecture.embedded), architecture.name, architecture.embedded_name):
        auto = Auto(weights)
        assert auto.pinned().name == architecture.name
        assert auto.pinned().params == {"weights": weights}
        assert (auto.fingerprint(), auto.remark()) == (network().fingerprint(), "")


def test_unknown_weights_list_the_near_ones():
    with pytest.raises(UnknownNameError, match="vgg19-lite-embedded"):
        Auto("vgg19-lite-embeded").pinned()


def test_a_weight_set_in_the_store_comes_before_the_embedded_one(random_vgg19):
    imported = import_file(random_vgg19, Vgg19.architecture)
    auto = Auto()
    assert (auto.pinned().name, auto.remark()) == ("vgg19", "")
    assert auto.fingerprint() == imported.sha256 != Auto("vgg19-embedded").fingerprint()


def test_which_of_several_sets_is_selected_is_said(random_vgg19):
    for name in ("one", "two"):
        import_file(random_vgg19, Vgg19.architecture, name)
    assert Auto().remark() == Vgg19().remark()
    assert "of vgg19 the store has one, two: choose one with --weights NAME" in Auto().remark()
    assert Auto("one").remark() == Vgg19Lite().remark() == ""


def test_the_built_in_extractors_are_registered():
    registry = default_registry()
    for name, cls in (("auto", Auto), ("vgg16", Vgg16), ("vgg19", Vgg19), ("vgg19-lite", Vgg19Lite)):
        assert registry.get("extractor", name).cls is cls
