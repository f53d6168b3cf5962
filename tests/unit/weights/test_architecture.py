"""Architectures of extractor classes."""

from __future__ import annotations

import dataclasses

import pytest
from toy_weights import TOY

from nst_core import PluginError
from nst_core.weights import architectures


class Toy:
    architecture = TOY


class SameToy(Toy):
    pass


class WithoutWeights:
    pass


def test_they_are_collected_by_name():
    assert architectures([Toy, WithoutWeights, SameToy]) == {"toy": TOY}


def test_one_name_for_two_architectures_is_refused():
    class Other:
        architecture = dataclasses.replace(TOY, key_naming="other")

    with pytest.raises(PluginError, match=r"Other calls its architecture 'toy'.*NST_DISABLE_PLUGINS"):
        architectures([Toy, Other])


def test_calibrated_layers_need_a_measurement():
    with pytest.raises(PluginError, match="no measure_rms; provide both"):
        dataclasses.replace(TOY, measure_rms=None)
