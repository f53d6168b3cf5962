"""Reading and writing weight files. Nothing here ever runs code that a file contains."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.files import atomic_write

__all__ = [
    "digest",
    "kind_of",
    "read_metadata",
    "read_shapes",
    "read_state_dict",
    "read_tensors",
    "sha256",
    "write",
]

_GLOBAL = re.compile(r"GLOBAL ([\w.]*\w)")


def kind_of(path: Path) -> Literal["safetensors", "pickle"]:
    """Tell the two formats of weight files apart by their first bytes.

    Raises:
        WeightsError: the file cannot be read, is empty, or is neither.
    """
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; name the weight file in it")
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise WeightsError(f"cannot read the weight file {path}: {error.strerror}") from error
    if not head:
        raise WeightsError(f"{path} is empty: not a weight file")
    # A safetensors file starts with the length of its header (64 bits, small) and the header's brace.
    if head[4:] == b"\0\0\0\0{":
        return "safetensors"
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return "pickle"
    raise WeightsError(
        f"{path} is not a weight file: neither safetensors nor a PyTorch state dict (.pth). "
        "A web page saved under that name, or a Git LFS pointer, looks like this; download the file again."
    )


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes in a safetensors file by key, without reading the tensors."""
    with _opened(path) as file:
        return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file on the CPU, by key, in their own dtypes."""
    with _opened(path) as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is truncated or damaged ({error}); get it again and import it with 'nst weights import'"
        ) from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a PyTorch state dict, also of one wrapped in ``{"state_dict": …}``.

    Returns:
        Tensors on the CPU by key, without the "module." that DataParallel puts in front.

    Raises:
        WeightsError: truncated, damaged, no state dict, or it would have to run code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a pickle is unusual shows in what comes of it
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise WeightsError(_refusal(path, str(error))) from error
    except Exception as error:  # a damaged pickle fails in any way it likes
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise WeightsError(f"{path} is truncated or damaged ({reason}); get the file again") from error
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    tensors = (
        {str(k).removeprefix("module."): v for k, v in loaded.items() if isinstance(v, Tensor)}
        if isinstance(loaded, Mapping)
        else {}
    )
    if not tensors:
        raise WeightsError(
            f"{path} holds no state dict (names and tensors) but a {type(loaded).__name__}; "
            "save one with torch.save(model.state_dict(), …)"
        )
    return tensors


def _refusal(path: Path, reason: str) -> str:
    if "truncated" in reason:
        return f"{path} is truncated; get the file again"
    named = _GLOBAL.search(reason)
    what = f"code or objects ({named[1]})" if named else "more than names and tensors"
    return (
        f"{path} contains {what}. Such a file can run anything when it is loaded, so nst does not load it; "
        "save the plain weights with torch.save(model.state_dict(), …), or get them as safetensors."
    )


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file so that it is there complete or not at all.

    Raises:
        WeightsError: the folder cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not named like a weight file, or the store would list it.
        with atomic_write(path, ".partial") as temporary:
            save_file(dict(tensors), temporary, dict(metadata))
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot write {path}: {error}. Set NST_HOME to a folder with space.") from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read the file {path}: {error.strerror}") from error


def digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return a SHA-256 over all that decides what a network computes: tensors, input convention and scale.

    Unlike the SHA-256 of the file it can stand in the file itself.
    """
    result = hashlib.sha256()
    for key in sorted(tensors):
        tensor = tensors[key].contiguous()
        result.update(json.dumps([key, str(tensor.dtype), list(tensor.shape)]).encode())
        result.update(tensor.flatten().view(torch.uint8).numpy().data)
    result.update(json.dumps([metadata.get("input"), metadata.get("layer_rms")]).encode())
    return result.hexdigest()
