"""The compiled module: whether it is there, whether it is wanted, and why not."""

from __future__ import annotations

import functools
import importlib
import os
from dataclasses import dataclass
from typing import Any

import torch

from nst_core.errors import JobError

__all__ = ["Native", "native"]


@dataclass(frozen=True)
class Native:
    """The native kernels.

    Attributes:
        module: the compiled module, or ``None`` where the Python references are used.
        reason: why there is no module, "" where there is one.
    """

    module: Any
    reason: str = ""

    @property
    def missing(self) -> bool:
        """Whether there is no module although nobody turned it off."""
        return self.module is None and self.reason != _TURNED_OFF


_TURNED_OFF = "turned off by NST_NATIVE=0"


def native() -> Native:
    """Return the native kernels, unless ``NST_NATIVE=0`` turns them off or they are missing.

    Raises:
        JobError: ``NST_NATIVE=1`` insists on them and they cannot be loaded, or it has another value.
    """
    wanted = os.environ.get("NST_NATIVE", "auto")
    if wanted not in ("auto", "0", "1"):
        raise JobError(f"NST_NATIVE must be auto, 0 or 1, not '{wanted}'")
    if wanted == "0":
        return Native(None, _TURNED_OFF)
    found = _load()
    if found.module is None and wanted == "1":
        raise JobError(f"NST_NATIVE=1, but the native kernels cannot be used: {found.reason}")
    return found


@functools.cache
def _load() -> Native:
    try:
        module = importlib.import_module("nst_core._C")
        info = module.build_info()
    except ModuleNotFoundError:
        return Native(None, "they were not compiled when nst was installed")
    except (ImportError, OSError, RuntimeError) as error:
        return Native(None, f"they were compiled for another torch or machine ({error})")
    if info["torch"] != torch.__version__.partition("+")[0]:
        return Native(None, f"they were compiled for torch {info['torch']}, and this is {torch.__version__}")
    return Native(module)
