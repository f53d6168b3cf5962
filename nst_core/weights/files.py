"""Reading and writing weight files, without ever running code that a file contains."""

from __future__ import annotations

import functools
import hashlib
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.files import atomic_write, is_folder, sha256_of
from nst_core.weights.foreign import HEAD, describe_foreign

__all__ = [
    "content_digest",
    "detect_format",
    "read_metadata",
    "read_shapes",
    "read_state_dict",
    "read_tensors",
    "sha256",
    "write_safetensors",
]

_GLOBAL = re.compile(r"GLOBAL ([\w.]*\w)")


def detect_format(path: Path) -> Literal["safetensors", "pickle"]:
    """Detect the format of a weight file from its first bytes.

    Raises:
        WeightsError: the file cannot be read, is empty, or has neither format; says which it has, if that is known.
    """
    if is_folder(path):
        raise WeightsError(f"{path} is a folder; give the path of the weight file in it")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise WeightsError(f"cannot read the weight file {path}: {error.strerror}") from error
    if not head:
        raise WeightsError(f"{path} is empty; it is not a weight file")
    # A safetensors file starts with the length of its header (64 bits, small) and the header's brace.
    if head[4:9] == b"\0\0\0\0{":
        return "safetensors"
    problem = "" if head.startswith(b"\x80") else describe_foreign(path, head)
    if problem:
        raise WeightsError(problem)
    return "pickle"


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file.

    Raises:
        WeightsError: the file is truncated or damaged.
    """
    with _open(path) as file:
        return dict(file.metadata() or {})


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a safetensors file, by key, without reading the tensors.

    Raises:
        WeightsError: the file is truncated or damaged.
    """
    with _open(path) as file:
        return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, by key, on the CPU and in their own dtypes.

    Raises:
        WeightsError: the file is truncated or damaged.
    """
    with _open(path) as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def _open(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is truncated or damaged ({error}); download it again and import it with 'nst weights import'"
        ) from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a PyTorch state dict, plain or within other dicts, as in ``{"state_dict": …}``.

    Returns:
        The tensors by key, on the CPU; those within other dicts have their keys before theirs, ``state_dict.KEY``.

    Raises:
        WeightsError: the file is truncated or damaged, holds no state dict, or could only be read by running code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unusual pickle is judged by its content, below
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise WeightsError(_unpickling_message(path, str(error))) from error
    except Exception as error:  # a damaged pickle can raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise WeightsError(f"{path} is truncated or damaged ({reason}); download it again") from error
    tensors = dict(_flattened(loaded)) if isinstance(loaded, Mapping) else {}
    if not tensors:
        raise WeightsError(
            f"{path} holds a {type(loaded).__name__} instead of a state dict (tensors by key); "
            "save one with torch.save(model.state_dict(), …)"
        )
    return tensors


def _flattened(loaded: Mapping[Any, Any], prefix: str = "", depth: int = 8) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in nested dicts by joined keys; ``depth`` ends dicts that contain themselves."""
    for key, value in loaded.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping) and depth:
            yield from _flattened(value, f"{prefix}{key}.", depth - 1)


def _unpickling_message(path: Path, reason: str) -> str:
    if "truncated" in reason:
        return f"{path} is truncated; download it again"
    found = _GLOBAL.search(reason)
    content = f"code or objects ({found[1]})" if found else "more than tensors"
    return (
        f"{path} contains {content}. Loading such a file can run arbitrary code, so nst does not load it; "
        "save only the weights with torch.save(model.state_dict(), …), or use a safetensors file."
    )


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file atomically; the same content always gives the same bytes.

    Args:
        path: path of the file; its folder is created, an existing file is replaced.
        tensors: tensors by key.
        metadata: texts by key.

    Raises:
        WeightsError: the folder cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix keeps the store from listing the unfinished file.
        with atomic_write(path, ".partial") as temporary:
            temporary.write_bytes(_with_sorted_header(save(dict(tensors), dict(metadata))))
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"cannot write {path}: {error}. Set NST_HOME to a writable folder with enough space."
        ) from error


def _with_sorted_header(data: bytes) -> bytes:
    """Sort the metadata in the header of a safetensors file, which come in any order."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format aligns the tensors
    return len(text).to_bytes(8, "little") + text + data[end:]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits; a file that has not changed is read once in a process.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        state = path.stat()
        return _sha256_of_state(path.absolute(), state.st_ino, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise WeightsError(f"cannot read the file {path}: {error.strerror}") from error


@functools.lru_cache(maxsize=256)
def _sha256_of_state(path: Path, *_state: int) -> str:
    """Return the SHA-256 of a file in a state, which is that of the file when it is called."""
    return sha256_of(path)


def content_digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return a SHA-256 of everything that determines what a network computes: tensors, preprocessing and layer RMS.

    Unlike the SHA-256 of the file, it can be stored in the file itself.

    Args:
        tensors: tensors by key, on the CPU.
        metadata: metadata of the file; ``input`` and ``layer_rms`` are included in the digest.

    Returns:
        64 hex digits.
    """
    result = hashlib.sha256()
    for key in sorted(tensors):
        tensor = tensors[key].contiguous()
        result.update(json.dumps([key, str(tensor.dtype), list(tensor.shape)]).encode())
        result.update(tensor.flatten().view(torch.uint8).numpy().data)
    result.update(json.dumps([metadata.get("input"), metadata.get("layer_rms")]).encode())
    return result.hexdigest()
