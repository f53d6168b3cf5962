"""The selection between VGG-19 and the embedded network."""

from __future__ import annotations

import pytest
import torch

from nst_core.plugins.discovery import default_registry
from nst_core.weights import import_file
from nst_plugins.extractors.auto import Auto
from nst_plugins.extractors.vgg import Vgg16, Vgg19, Vgg19Lite
from nst_plugins.extractors.vgg.layers import VGG19_LITE_WIDTHS
from nst_plugins.extractors.vgg.vgg19_lite import embedded_weights


def test_vgg19_is_selected_where_its_weights_are(random_vgg19):
    assert Auto().pinned().name == "vgg19-lite"
    assert "nst weights fetch vgg19" in Auto().remark()
    named = Auto(str(random_vgg19))
    assert (named.pinned().name, named.remark()) == ("vgg19", "")
    assert named.pinned().params == {"weights": str(random_vgg19)}
    lite = Auto(str(embedded_weights()))
    assert (lite.pinned().name, lite.remark()) == ("vgg19-lite", "")


def test_nothing_is_downloaded(monkeypatch):
    monkeypatch.setattr("torch.hub.urlopen", lambda *_, **__: pytest.fail("tried to download"))
    auto = Auto()
    (features,) = auto.build(["conv1_2"])(torch.rand(1, 3, 8, 8))
    assert features.shape == (1, VGG19_LITE_WIDTHS[0], 8, 8)
    assert auto.fingerprint() == Vgg19Lite().fingerprint()


def test_a_weight_set_in_the_store_is_found_without_being_named(random_vgg19):
    imported = import_file(random_vgg19, Vgg19.architecture)
    auto = Auto()
    assert (auto.pinned().name, auto.remark()) == ("vgg19", "")
    assert auto.fingerprint() == imported.sha256


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
