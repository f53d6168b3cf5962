"""Medians of alternating runs: what slows the machine down for a while slows down all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

__all__ = ["alternating"]


def alternating(
    runs: Mapping[str, Callable[[], object]], rounds: int, tell: Callable[[str], None] = lambda _: None
) -> dict[str, float]:
    """Return the median of seconds of each run.

    Every turn is two runs, of which the second counts: the first finds in the caches what the others left there.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(1, rounds + 1):
        tell(f"round {number} of {rounds}")
        for name, run in runs.items():
            run()
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}
