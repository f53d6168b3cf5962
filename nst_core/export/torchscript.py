"""Every call of TorchScript, which torch deprecates: to be replaced here, and nowhere else, when it goes.

TorchScript is what carries a network with image gradients into C++. ``torch.export`` succeeds it for inference only.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

__all__ = ["load", "save", "script"]


def script(module: nn.Module) -> nn.Module:
    """Compile a module from its source, branches and loops included.

    Raises:
        Exception: of many kinds, whose text names the construct that cannot be compiled and its place.
    """
    with _deprecation_known():
        compiled: nn.Module = torch.jit.script(module)
    return compiled


def save(module: nn.Module, path: Path, extra: dict[str, str]) -> None:
    """Write a compiled module, with texts by name beside it in the archive."""
    with _deprecation_known():
        torch.jit.save(module, str(path), _extra_files=extra)


def load(path: Path, names: tuple[str, ...] = ()) -> tuple[nn.Module, dict[str, str]]:
    """Read a compiled module onto the CPU, and the texts of these names; one that is not there is "".

    Raises:
        RuntimeError: not such a file.
    """
    extra: dict[str, Any] = dict.fromkeys(names, "")
    with _deprecation_known():
        module: nn.Module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)  # type: ignore[no-untyped-call]
    return module, {name: text.decode() if isinstance(text, bytes) else text for name, text in extra.items()}


@contextmanager
def _deprecation_known() -> Iterator[None]:
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", r".*`?torch\.jit\.", category)
        yield
