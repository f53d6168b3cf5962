"""Files of other programs are called what they are."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import torch
from toy_weights import TOY, tensors

from nst_core import WeightsError
from nst_core.weights import import_file


def _archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return stream.getvalue()


def _saved(save) -> bytes:
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


ONNX = b"\x08\x07\x12\x07pytorch\x1a\x052.4.0:\xd1\x05"
CASES = [
    ("vgg.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64", r"a MATLAB file \(\.mat\)"),
    ("vgg.h5", b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
    ("vgg.t7", b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1\x0d\0\0\0nn.Sequential", "a Torch7 file of Lua"),
    ("ascii.t7", b"4\n1\n3\nV 1\n13\nnn.Sequential\n", "a Torch7 file of Lua"),
    ("other.t7", b"something", "a Torch7 file of Lua"),
    ("vgg.onnx", ONNX, "an ONNX model"),
    ("vgg.caffemodel", b"\x0a\x12VGG_ILSVRC_19_layer\x12\x04data", "Caffe or TensorFlow model"),
    ("w.npy", _saved(lambda stream: np.save(stream, np.ones(3))), r"a NumPy array \(\.npy\)"),
    ("w.npz", _saved(lambda stream: np.savez(stream, a=np.ones(3))), r"a NumPy archive \(\.npz\)"),
    ("w.zip", _archive("vgg19.pth"), "a ZIP archive.*Unpack it"),
    ("w.keras", _archive("config.json", "model.weights.h5"), "a program of Keras"),
    ("w.tar.gz", b"\x1f\x8b\x08\0", "a packed archive.*Unpack it"),
    ("w.pth", b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer.*git lfs pull"),
    ("w.safetensors", b"\n<!DOCTYPE html>", "a web page.*Download the file again"),
    ("w.pth", b"nothing known", "neither safetensors nor a PyTorch state dict.*Download"),
]


@pytest.mark.parametrize(("name", "content", "message"), CASES)
@pytest.mark.parametrize("renamed", [False, True], ids=["by its name", "under another name"])
def test_files_of_other_programs(tmp_path, name, content, message, renamed):
    if renamed and content == b"something":
        pytest.skip("only the name tells")
    path = tmp_path / ("renamed.pth" if renamed else name)
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        import_file(path, TOY)
    assert str(path) in str(caught.value)


def test_a_program_of_torch_says_how_to_get_its_weights(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(_archive("net/constants.pkl", "net/data.pkl", "net/code/net.py"))
    with pytest.raises(WeightsError, match=r"a TorchScript program; .*torch.jit.load\(FILE\).state_dict\(\)"):
        import_file(path, TOY)


@pytest.mark.parametrize("zipped", [True, False])
def test_state_dicts_are_none_of_them(tmp_path, zipped):
    torch.save(tensors(), tmp_path / "w.mat", _use_new_zipfile_serialization=zipped)
    assert import_file(tmp_path / "w.mat", TOY).architecture == "toy"
