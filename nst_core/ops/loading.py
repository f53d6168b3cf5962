"""The compiled module: whether it is there, whether it is wanted, and why not."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
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


# Characters of an error that are shown: symbols of C++ are long.
LONGEST = 200
# What stands before the version of torch in the compiled module, see cpp/core/build_info.cpp.
_MARK = b"nst was compiled for torch "
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
    """Load the module and decide whether it may be used with this torch.

    torch keeps its C++ ABI from one patch release to the next, and not from one minor release to the next. Where the
    versions differ, the kernels prove themselves on small tensors first. Kernels that are there and are refused are
    worth a warning, once.
    """
    try:
        module = importlib.import_module("nst_core._C")
        info = module.build_info()
    except ModuleNotFoundError:
        return Native(None, f"they were not compiled when nst was installed; {_compile_again()}")
    except (ImportError, OSError, RuntimeError) as error:
        why = str(error) if len(str(error)) <= LONGEST else f"{str(error)[:LONGEST]}…"
        built = _compiled_for()
        if built and _minor(built) != _minor(torch.__version__):
            return _another_minor(built)
        return _refused(f"they were compiled for another torch or machine ({why})", _compile_again())
    built, here = info["torch"], torch.__version__
    if _minor(built) != _minor(here):
        return _another_minor(built)
    if built != here.partition("+")[0]:
        wrong = _fault(module)
        if wrong:
            reason = f"they were compiled for torch {built} and do not work with {here} ({wrong})"
            return _refused(reason, _compile_again())
    return Native(module)


def _refused(reason: str, repair: str) -> Native:
    text = f"{reason}; {repair}"
    warnings.warn(f"nst runs without its native kernels and is slower: {text}", RuntimeWarning, stacklevel=2)
    return Native(None, text)


def _compiled_for() -> str:
    """Return the torch that the kernels were compiled for, from their file, which cannot be loaded; "" if unknown."""
    spec = importlib.util.find_spec("nst_core._C")
    if spec is None or spec.origin is None:
        return ""
    found = re.search(_MARK + rb"([\w.]+)", Path(spec.origin).read_bytes())
    return found[1].decode("ascii") if found else ""


def _another_minor(built: str) -> Native:
    pip = f'"{sys.executable}" -m pip install "torch=={_minor(built)}.*" torchvision'
    repair = f"to install a torch that they fit: {pip}; {_compile_again()}"
    return _refused(f"they were compiled for torch {built}, and this is {torch.__version__}", repair)


def _minor(version: str) -> str:
    """Return "2.14" of "2.14.1+cu130"."""
    found = re.match(r"\d+\.\d+", version)
    return found[0] if found else version


def _fault(module: Any) -> str:
    """Return what the kernels compute wrongly, "" where they are right."""
    from nst_core.ops.parity import convolutions_fault, gram_fault  # they need this module
    from nst_core.ops.stack import NativeStack

    try:
        with torch.inference_mode(False), torch.device("cpu"):
            return gram_fault(module.gram) or convolutions_fault(lambda stack: NativeStack(stack, module))
    except Exception as error:  # what does not work is not used
        return f"{type(error).__name__}: {error}"


def _compile_again() -> str:
    """Say how to compile the kernels for the torch that is here, from where nst was installed from."""
    checkout = Path(__file__).resolve().parents[2]
    here = f'-e "{checkout}"' if (checkout / "setup.py").is_file() else ""
    source = here or _installed_from() or "nst-VERSION.tar.gz, the source archive of this release"
    pip = f'"{sys.executable}" -m pip install --no-build-isolation --no-deps --force-reinstall'
    return f"to compile them for this torch, with a C++20 compiler: {pip} {source}"


def _installed_from() -> str:
    """Return the folder, archive or repository that pip installed nst from, "" where that was an index or a wheel."""
    try:
        record = json.loads(importlib.metadata.distribution("nst").read_text("direct_url.json") or "{}")
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
    url = str(record.get("url", ""))
    if not url or url.endswith(".whl"):
        return ""
    repository = record.get("vcs_info")
    return f'"{repository["vcs"]}+{url}@{repository["commit_id"]}"' if repository else f'"{url}"'
