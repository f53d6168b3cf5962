"""Threads of the processor that torch computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["processor_threads"]


@contextmanager
def processor_threads(count: int | None) -> Iterator[None]:
    """Compute with ``count`` threads inside the block; ``None`` leaves things as they are.

    The number is that of the calling thread, and what threads begin with that are started meanwhile.
    """
    if count is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
