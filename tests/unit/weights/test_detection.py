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
    torch.save({"stem.weight": torch.zeros(2)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"ambiguous weight file .*w\.pth; pass --architecture NAME \(toy, wide\)"):
        detect_architecture(tmp_path / "w.pth", KNOWN)
