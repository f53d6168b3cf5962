"""What the framework checks before an extractor builds its network."""

from __future__ import annotations

import pytest
import torch
from tiny import LAYERS, TinyExtractor
from torch import nn

import nst_core as nst
from nst_core import Extractor, JobError, UnknownNameError
from nst_core.components import check_layers


class Recorder(TinyExtractor):
    """Remembers what it was asked for; it checks nothing itself."""

    def __init__(self) -> None:
        self.requested: list[list[str]] = []

    def network(self, layers):
        self.requested.append(list(layers))
        return super().network(layers)


def test_existing_layers_reach_the_author_in_their_order():
    extractor = Recorder()
    features = extractor.build(["c", "a"])(torch.rand(1, 3, 16, 16))
    assert extractor.requested == [["c", "a"]]
    assert [feature.shape[1] for feature in features] == [LAYERS["c"].channels, LAYERS["a"].channels]


def test_an_unknown_layer_is_refused_before_anything_is_built():
    extractor = Recorder()
    with pytest.raises(UnknownNameError, match=r"unknown layer 'd'.*There are: a, b, c"):
        extractor.build(["a", "d"])
    assert extractor.requested == []


def test_no_layer_is_refused_before_anything_is_built():
    extractor = Recorder()
    with pytest.raises(JobError, match="name at least one of: a, b, c"):
        extractor.build([])
    assert extractor.requested == []


def test_the_nearest_layers_are_suggested():
    with pytest.raises(UnknownNameError, match="did you mean 'conv1_2'"):
        check_layers(["conv1_22"], ["conv1_2", "pool5"])


def test_a_run_refuses_an_unknown_layer_without_building_the_network(monkeypatch, registry):
    monkeypatch.setattr(TinyExtractor, "network", lambda *_: pytest.fail("built a network"))
    images = [torch.rand(1, 3, 16, 16) for _ in range(2)]
    with pytest.raises(UnknownNameError, match="unknown layer 'd'"):
        nst.stylize(
            *images, extractor="tiny", content_layers=["d"], session=nst.Session(registry), device="cpu", steps=1
        )


def test_the_layer_pixels_needs_no_network(monkeypatch, registry):
    monkeypatch.setattr(TinyExtractor, "network", lambda *_: pytest.fail("built a network"))
    images = [torch.rand(1, 3, 16, 16) for _ in range(2)]
    options = {"session": nst.Session(registry), "device": "cpu", "steps": 2, "precision": "fp32"}
    result = nst.stylize(*images, extractor="tiny", content_layers=["pixels"], style_layers=["pixels"], **options)
    assert result.image.shape[-2:] == (16, 16)


def test_an_extractor_without_weights_has_no_fingerprint():
    class Minimal(Extractor):
        def taps(self):
            return LAYERS

        def network(self, layers):
            return nn.Identity()

    extractor = Minimal()
    assert (extractor.fingerprint(), extractor.pinned(), extractor.remark()) == ("", None, "")
