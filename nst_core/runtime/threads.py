"""Threads of the processor that torch and our kernels compute with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nst_core.runtime.limits import processors

__all__ = ["processor_threads", "threads_to_use"]


def threads_to_use(wanted: int | None = None) -> int:
    """Return with how many threads to compute: as many as are wanted, or as torch has, and no more than can run.

    torch takes one for each core, or what ``OMP_NUM_THREADS`` or ``torch.set_num_threads`` say, and knows nothing of
    the share of the processors that a container has. More threads than can run wait for each other.

    Args:
        wanted: number of threads; ``None`` leaves the choice.
    """
    return wanted or min(torch.get_num_threads(), processors().usable)


@contextmanager
def processor_threads(count: int | None) -> Iterator[None]:
    """Compute with ``count`` threads inside the block; ``None`` for :func:`threads_to_use`.

    The number is that of the calling thread, and what threads begin with that are started meanwhile.
    """
    before, wanted = torch.get_num_threads(), threads_to_use(count)
    if count is None and wanted == before:
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
