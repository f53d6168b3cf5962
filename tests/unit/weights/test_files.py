"""Reading and writing weight files."""

from __future__ import annotations

import hashlib
import os

import pytest
import torch
from toy_weights import SHAPES, same_tensors, tensors

from nst_core import WeightsError
from nst_core.files import sha256_of
from nst_core.weights import files


def test_a_written_file_is_read_back(tmp_path):
    path = tmp_path / "folder" / "w.safetensors"
    files.write_safetensors(path, tensors(), {"source": "dice"})
    assert files.detect_format(path) == "safetensors"
    assert files.read_metadata(path) == {"source": "dice"}
    assert files.read_shapes(path) == SHAPES
    assert same_tensors(files.read_tensors(path), tensors())
    assert files.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_the_same_content_gives_the_same_bytes(tmp_path):
    metadata = {letter: f"{letter} ü" for letter in "qwertzuiop"}
    for name in "abc":
        files.write_safetensors(tmp_path / name, tensors(), metadata)
    assert len({(tmp_path / name).read_bytes() for name in "abc"}) == 1
    assert files.read_metadata(tmp_path / "a") == metadata


def test_a_file_is_hashed_again_once_it_has_changed(tmp_path, monkeypatch):
    """Weights have hundreds of megabytes, and every job of a batch asks for their hash."""
    read = []
    monkeypatch.setattr(files, "sha256_of", lambda path: read.append(path) or sha256_of(path))
    path = tmp_path / "w.bin"
    path.write_bytes(b"weights")
    for content in (b"weights", b"WEIGHTS"):  # of one size
        path.write_bytes(content)
        os.utime(path, ns=(1, int(content.isupper())))
        assert {files.sha256(path) for _ in range(3)} == {hashlib.sha256(content).hexdigest()}
    assert read == [path, path]


def test_both_forms_of_pytorch_files_are_recognised(tmp_path):
    for zipped in (True, False):
        torch.save(tensors(), tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
        assert files.detect_format(tmp_path / "w.pth") == "pickle"
        assert same_tensors(files.read_state_dict(tmp_path / "w.pth"), tensors())


@pytest.mark.parametrize("value", [torch.ones(2), [1, 2], {"epoch": 3}])
def test_what_is_no_state_dict_is_refused(tmp_path, value):
    torch.save(value, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"instead of a state dict.*torch\.save\(model\.state_dict\(\)"):
        files.read_state_dict(tmp_path / "w.pth")


def test_a_folder_that_cannot_be_written_to_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=r"cannot write .*Set NST_HOME"):
        files.write_safetensors(tmp_path / "file" / "w.safetensors", tensors(), {})


def test_the_digest_depends_on_everything_that_a_network_computes_with():
    metadata = {"input": "RGB", "layer_rms": "{}", "source": "dice"}
    digest = files.content_digest(tensors(), metadata)
    assert digest == files.content_digest(dict(reversed(tensors().items())), {**metadata, "source": "a friend"})
    for changed in ({**metadata, "input": "BGR"}, {**metadata, "layer_rms": "{1}"}):
        assert files.content_digest(tensors(), changed) != digest
    assert files.content_digest(tensors(1), metadata) != digest
    assert files.content_digest({k: t.double() for k, t in tensors().items()}, metadata) != digest
