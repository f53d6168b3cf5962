"""Tensors to a safetensors file and back, piece by piece: neither way needs memory for more than a piece."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

__all__ = ["bytes_of", "load_file", "save_file"]

PIECE = 1 << 24
"""Bytes that are read or written at a time."""

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}


def bytes_of(tensor: Tensor) -> memoryview:
    """Return the bytes of a contiguous tensor on the CPU, which are not a copy."""
    view: memoryview = tensor.detach().reshape(-1).view(torch.uint8).numpy().data
    return view


def save_file(tensors: Mapping[str, Tensor], path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file.

    Args:
        tensors: contiguous, on the CPU, by name.
        path: the file.
        metadata: texts by key.

    Raises:
        OSError: it cannot be written.
        SafetensorError: the format has no such dtype.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    # Wide numbers first, so that all of them are aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    end = 0
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in _NAMES:
            raise SafetensorError(f"a safetensors file cannot hold tensors of {tensor.dtype}")
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with Path(path).open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            data = bytes_of(tensors[name]) if tensors[name].numel() else memoryview(b"")
            for first in range(0, len(data), PIECE):
                file.write(data[first : first + PIECE])


def load_file(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file.

    Returns:
        The tensors, each in memory of its own, and the metadata.

    Raises:
        OSError: it cannot be read.
        SafetensorError: it is no such file, or it has been cut short.
        ValueError: it has tensors of a dtype that is not written here.
    """
    with safe_open(path, framework="pt") as checked:  # maps the file and looks at the header, not at the data
        metadata = checked.metadata() or {}
    tensors = {}
    with Path(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            if entry["dtype"] not in _DTYPES:
                raise ValueError(f"it has tensors of the dtype {entry['dtype']}")
            tensors[name] = torch.empty(entry["shape"], dtype=_DTYPES[entry["dtype"]])
            file.seek(8 + length + entry["data_offsets"][0])
            if tensors[name].numel():
                _fill(bytes_of(tensors[name]), file)
    return tensors, metadata


def _fill(data: memoryview, file: IO[bytes]) -> None:
    for first in range(0, len(data), PIECE):
        piece = data[first : first + PIECE]
        if file.readinto(piece) != len(piece):  # type: ignore[attr-defined]
            raise SafetensorError("it has been cut short while it was read")
