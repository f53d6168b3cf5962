"""Amounts of memory: what is there, what is used, what a computation needs at its peak."""

from __future__ import annotations

import ctypes
import dataclasses
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import torch
from torch import Tensor

from nst_core.errors import JobError
from nst_core.ops import native
from nst_core.runtime.limits import ROOT, address_space_limit, control_groups

__all__ = [
    "PeakMemory",
    "children_memory",
    "format_memory",
    "give_back",
    "memory_available",
    "memory_in_use",
    "parse_memory",
    "tensor_bytes",
]

_UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
_BINARY = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def parse_memory(text: str) -> int:
    """Read an amount such as ``4GB``, ``1.5 GiB`` or ``800MB`` as bytes; K, M and G are thousands unless followed by i.

    Raises:
        JobError: it is not one.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?\s*", text.upper())
    if match is None or not float(match[1]):
        raise JobError(f"invalid amount of memory '{text}': write 4GB, 1.5GiB or 800MB")
    amount = float(match[1]) * (_BINARY if match[3] else _UNITS)[match[2]]
    if amount > sys.maxsize:
        raise JobError(f"invalid amount of memory '{text[:60]}': no machine has so much")
    return int(amount)


def format_memory(amount: float) -> str:
    """Write an amount for people."""
    return f"{amount / 1e9:.2f} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"


def tensor_bytes(value: Any) -> int:
    """Return the bytes of all tensors in nested mappings, lists, tuples and dataclasses, each once."""
    found: dict[int, int] = {}

    def visit(inner: Any) -> None:
        if isinstance(inner, Tensor):
            found[inner.data_ptr()] = inner.nbytes
        elif isinstance(inner, Mapping):
            for each in inner.values():
                visit(each)
        elif isinstance(inner, list | tuple):
            for each in inner:
                visit(each)
        elif dataclasses.is_dataclass(inner):
            for field in dataclasses.fields(inner):
                visit(getattr(inner, field.name))

    visit(value)
    return sum(found.values())


def memory_in_use(device: torch.device) -> int:
    """Return the bytes that this process uses on a device: resident memory, or what torch has allocated on a GPU."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def children_memory() -> int:
    """Return the bytes of memory that the child processes of this one use."""
    found = 0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ended meanwhile
            found += int(child.memory_info().rss)
    return found


def memory_available(device: torch.device, root: Path = ROOT) -> int:
    """Return the bytes that can still be had.

    Of the GPU as far as ``torch.cuda.set_per_process_memory_fraction`` allows, or of the machine as far as container
    and shell do.

    Args:
        device: whose memory.
        root: of the file system in which Linux describes containers.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        allocated = torch.cuda.memory_allocated(device)
        allowed = int(torch.cuda.get_per_process_memory_fraction(device) * total)
        return min(free + torch.cuda.memory_reserved(device) - allocated, max(0, allowed - allocated))
    free = int(psutil.virtual_memory().available)
    return min([free, *_left_in_container(root), *_left_in_address_space()])


def _left_in_address_space() -> list[int]:
    limit = address_space_limit()
    return [] if limit is None else [max(0, limit - int(psutil.Process().memory_info().vms))]


# Of a control group, by the version of its interface: limit, usage, and what of it is only cached files.
_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def _left_in_container(root: Path) -> list[int]:
    """Return what the control groups that this process is in leave, on Linux."""
    return [left for place, version in control_groups("memory", root) for left in _left(place, *_FILES[version])]


def _left(place: Path, limit: str, usage: str, cache: str) -> list[int]:
    try:
        most = (place / limit).read_text(encoding="ascii").strip()
        if most == "max":
            return []
        now = int((place / usage).read_text(encoding="ascii"))
        statistics = dict(line.split() for line in (place / "memory.stat").read_text(encoding="ascii").splitlines())
        return [max(0, int(most) - now + int(statistics.get(cache, 0)))]
    except (OSError, ValueError):
        return []


def give_back() -> None:
    """Return to the system what is kept for the next evaluation, and what glibc keeps of freed memory.

    What is used of these again would not be seen.
    """
    module = native().module
    if module is not None:
        module.release_workspace()
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


class PeakMemory:
    """Watches how much memory is used while its block runs.

    Attributes:
        bytes: the most that was seen; on a CPU it is looked at every two milliseconds.
    """

    def __init__(self, device: torch.device) -> None:
        self.bytes = 0
        self._device = device
        self._ended = threading.Event()

    def __enter__(self) -> PeakMemory:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            give_back()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.bytes = max(self.bytes, process.memory_info().rss)
            if self._ended.wait(0.002):
                return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self._device)
        else:
            self._ended.set()
            self._thread.join()
