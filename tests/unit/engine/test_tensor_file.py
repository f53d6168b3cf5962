"""Files of tensors: what is written is read, by safetensors too, and damage is found."""

from __future__ import annotations

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file as load_theirs
from safetensors.torch import save_file as save_theirs

from nst_core.engine import tensor_file
from nst_core.engine.tensor_file import load_file, save_file

TENSORS = {
    "flags": torch.tensor([True, False, True]),
    "a": torch.arange(7, dtype=torch.float32).reshape(1, 7),
    "scalar": torch.tensor(2.5, dtype=torch.float64),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "none": torch.empty(0, 4),
    "whole": torch.arange(5),
}


def same(found, expected) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


@pytest.mark.parametrize("piece", [4, 1 << 24])
def test_there_and_back(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(tensor_file, "PIECE", piece)
    path = tmp_path / "it"
    save_file(TENSORS, path, {"text": "ä"})
    found, metadata = load_file(path)
    same(found, TENSORS)
    assert metadata == {"text": "ä"}


def test_safetensors_reads_and_writes_the_same_format(tmp_path):
    save_file(TENSORS, tmp_path / "ours", {})
    same(load_theirs(tmp_path / "ours"), TENSORS)
    save_theirs(TENSORS, tmp_path / "theirs")
    same(load_file(tmp_path / "theirs")[0], TENSORS)


def test_views_are_written_as_they_look(tmp_path):
    whole = torch.arange(10.0)
    save_file({"part": whole[3:6], "whole": whole}, tmp_path / "it", {})
    same(load_file(tmp_path / "it")[0], {"part": whole[3:6], "whole": whole})


def test_what_cannot_be_read_or_written(tmp_path):
    path = tmp_path / "it"
    save_file(TENSORS, path, {})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SafetensorError):
        load_file(path)
    with pytest.raises(SafetensorError, match="complex64"):
        save_file({"a": torch.ones(2, dtype=torch.complex64)}, path, {})
    save_theirs({"a": torch.ones(2, dtype=torch.complex64)}, path)
    with pytest.raises(ValueError, match="C64"):
        load_file(path)
