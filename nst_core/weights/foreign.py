"""Files that hold weights, or seem to, in forms that cannot be imported: what they are, and what to do."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

__all__ = ["HEAD", "describe_foreign"]

HEAD = 512
"""Bytes at the beginning of a file that are enough to tell what it is."""

_READ = (
    "Read it with the program that it is for and save its tensors by key with torch.save({key: tensor, …}, FILE.pth)"
)
_CONVERT = f"{_READ}, or look for the same weights in one of these forms."
_UNPACK = "Unpack it, and import the file inside."
_AGAIN = "Download the file again."

_CONTENTS = (
    (rb"MATLAB", "a MATLAB file (.mat)", _CONVERT),
    (rb"\x89HDF\r\n", "an HDF5 file, as Keras (.h5) and MATLAB write them", _CONVERT),
    (rb"[\x03\x04]\0\0\0.{4}\x03\0\0\0V 1|[34]\n1\n3\nV 1\n", "a Torch7 file of Lua (.t7)", _CONVERT),
    (rb"\x08[\x01-\x1f][\x12:]", "an ONNX model (.onnx)", _CONVERT),
    (rb"\x0a.{1,40}[\x12\x1a\xa2]", "a Caffe or TensorFlow model in protobuf", _CONVERT),
    (rb"\x93NUMPY", "a NumPy array (.npy)", _CONVERT),
    (rb"GGUF", "a GGUF file", _CONVERT),
    (rb".{4}TFL3", "a TensorFlow Lite model (.tflite)", _CONVERT),
    (rb"\x1f\x8b|\xfd7zXZ|BZh|7z\xbc\xaf|Rar!|.{257}ustar", "a packed archive", _UNPACK),
    (rb"version https://git-lfs", "a Git LFS pointer, not the file itself", "Fetch the file with 'git lfs pull'."),
    (rb"\s*<", "a web page saved under that name", _AGAIN),
)
_SUFFIXES = {
    ".mat": "a MATLAB file (.mat)",
    ".h5": "a Keras file (.h5)",
    ".t7": "a Torch7 file of Lua (.t7)",
    ".onnx": "an ONNX model (.onnx)",
    ".caffemodel": "a Caffe model (.caffemodel)",
    ".pb": "a TensorFlow model (.pb)",
    ".ckpt": "no checkpoint of PyTorch; it may be one of TensorFlow",
    ".msgpack": "a Flax file (.msgpack)",
}


def describe_foreign(path: Path, head: bytes) -> str:
    """Say what a file is that is neither a safetensors file nor a PyTorch state dict, and what to do.

    Args:
        path: path of the file.
        head: its first :data:`HEAD` bytes.

    Returns:
        Sentences for a message, or "" for a ZIP archive that may be a PyTorch state dict.
    """
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    for pattern, name, advice in _CONTENTS:
        if re.match(pattern, head, re.DOTALL):
            return _sentences(path, name, advice)
    if path.suffix.lower() in _SUFFIXES:
        return _sentences(path, _SUFFIXES[path.suffix.lower()], _CONVERT)
    return f"{path} is not a weight file: neither safetensors nor a PyTorch state dict (.pth). {_AGAIN}"


def _archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return ""  # reading it says how it is damaged
    if any(name.endswith("constants.pkl") for name in names):
        advice = "Save its weights with torch.save(torch.jit.load(FILE).state_dict(), FILE.pth)."
        return _sentences(path, "a TorchScript program", advice)
    if any(name.endswith("data.pkl") for name in names):
        return ""
    if any(name.endswith(".npy") for name in names):
        return _sentences(path, "a NumPy archive (.npz)", _CONVERT)
    if any(name.endswith((".weights.h5", "serialized_exported_program.json")) or "/models/" in name for name in names):
        return _sentences(path, "a program of Keras or torch.export", _CONVERT)
    return _sentences(path, "a ZIP archive", _UNPACK)


def _sentences(path: Path, name: str, advice: str) -> str:
    return f"{path} is {name}; nst imports PyTorch state dicts (.pth) and safetensors files. {advice}"
