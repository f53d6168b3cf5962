"""Detecting the architecture of a file."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import save_file
from toy_weights import SHAPES, TOY, tensors

from nst_core import WeightsError
from nst_core.weights import detect_architecture

WIDE = dataclasses.replace(TOY, name="wide", shapes={key: (2 * shape[0], *shape[1:]) for key, shape in SHAPES.items()})
KNOWN = {"toy": TOY, "wide": WIDE}


def test_metadata_comes_first(tmp_path):
    save_file(tensors(), tmp_path / "w.safetensors", {"architecture": "wide"})
    assert detect_architecture(tmp_path / "w.safetensors", KNOWN) is WIDE


@pytest.mark.parametrize("prefix", ["features.", ""])
@pytest.mark.parametrize("architecture", [TOY, WIDE], ids=lambda a: a.name)
def test_tensors_decide_where_metadata_states_nothing(tmp_path, architecture, prefix):
    content = {key.replace("features.", prefix): torch.zeros(shape) for key, shape in architecture.shapes.items()}
    torch.save(content, tmp_path / "w.pth")
    save_file(content, tmp_path / "w.safetensors")
    for path in tmp_path.iterdir():
        assert detect_architecture(path, KNOWN) is architecture


def test_the_only_architecture_needs_no_detection(tmp_path):
    assert detect_architecture(tmp_path / "absent.pth", {"toy": TOY}) is TOY


def test_an_ambiguous_file_says_what_to_pass(tmp_path):
    known = {"toy": TOY, "twin": dataclasses.replace(TOY, name="twin")}
    torch.save(tensors(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"ambiguous weight file .*w\.pth; pass --architecture NAME \(toy, twin\)"):
        detect_architecture(tmp_path / "w.pth", known)


def test_a_file_of_no_known_network_shows_its_keys_and_those_that_are_known(tmp_path):
    torch.save({"stem.weight": torch.zeros(2)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"no network that nst knows: its tensors are stem.weight, and") as caught:
        detect_architecture(tmp_path / "w.pth", KNOWN)
    assert "those of toy, wide are features.0.weight, features.0.bias, …" in str(caught.value)


def test_of_two_networks_one_within_the_other_the_larger_is_meant(tmp_path):
    """As VGG-16 is within VGG-19, where the names of layers are the keys."""
    within = {key: shape for key, shape in SHAPES.items() if key.startswith("features.0")}
    known = {"small": dataclasses.replace(TOY, name="small", shapes=within), "toy": TOY}
    torch.save(tensors(), tmp_path / "w.pth")
    assert detect_architecture(tmp_path / "w.pth", known).name == "toy"
    torch.save({key: tensors()[key] for key in within}, tmp_path / "w.pth")
    assert detect_architecture(tmp_path / "w.pth", known).name == "small"
