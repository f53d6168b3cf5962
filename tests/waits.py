"""A device without values, on which a step can be made to see what it wants from the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nst_core import Problem
from nst_core.engine.prepare import PreparedJob
from nst_core.ops import transfer

__all__ = ["DEVICE", "Waits", "counting", "on_device"]

# Tensors there have shapes and no values: whatever wants one of their values raises, as nothing of it is there.
DEVICE = torch.device("meta")


def on_device(prepared: PreparedJob, monkeypatch: pytest.MonkeyPatch) -> Problem:
    """Return the problem of a job prepared for the CPU, on the device without values."""
    with monkeypatch.context() as patched:
        patched.setattr("nst_core.engine.prepare._checked", _unseen)
        return replace(prepared, device=DEVICE).problem()


def _unseen(kind: str, name: str, pixels: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Check nothing of what a component gave: that would take a look at the values."""
    return pixels


@dataclass
class Waits:
    """What was counted.

    Attributes:
        fetched: lengths of what was copied to the CPU, in order.
        uploads: how often something was copied from the CPU by ``to_device``.
        hidden: calls that copy from the CPU on their own, and wait: lists that become tensors or indices.
    """

    fetched: list[int] = field(default_factory=list)
    uploads: int = 0
    hidden: list[str] = field(default_factory=list)


class _Hidden(TorchFunctionMode):
    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self._waits = waits

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        found = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", str(function))
        there = isinstance(found, Tensor) and found.device.type == DEVICE.type
        made = name in ("new_tensor", "tensor", "as_tensor") and not any(isinstance(a, Tensor) for a in args[-1:])
        listed = name in ("__getitem__", "__setitem__") and any(isinstance(i, list | Tensor) for i in _indices(args[1]))
        moved = name in ("to", "cuda", "_to_copy", "copy_") and any(_elsewhere(a) for a in args)
        if (there and (made or moved)) or (listed and args[0].device.type == DEVICE.type):
            self._waits.hidden.append(name)
        return found


def _indices(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _elsewhere(value: Any) -> bool:
    return isinstance(value, Tensor) and value.device.type != DEVICE.type and value.dim() > 0


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch, answer: Callable[[int], Tensor]) -> Iterator[Waits]:
    """Count, in the block, the copies between the CPU and the device.

    Args:
        monkeypatch: of the test.
        answer: what a copy of so many numbers to the CPU is to give.
    """
    waits = Waits()
    upload = transfer.to_device

    def copied(packed: Tensor) -> Tensor:
        waits.fetched.append(packed.numel())
        return answer(packed.numel())

    def to_device(numbers: Tensor, device: torch.device) -> Tensor:
        waits.uploads += device.type == DEVICE.type
        with torch._C.DisableTorchFunction():
            return upload(numbers, device)

    with monkeypatch.context() as patched, _Hidden(waits):
        patched.setattr(transfer, "_copied", copied)
        for module in ("nst_core.ops.rows", "nst_core.objective.objective"):
            patched.setattr(f"{module}.to_device", to_device)
        yield waits
