"""An optimisation that makes so many evaluations at a time, so that two of them can take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Paced"]


class Paced:
    """Runs an optimisation in a thread, and holds it after as many evaluations as were asked for.

    Args:
        start: runs the optimisation; calls what it is given with the loss of every evaluation.
    """

    def __init__(self, start: Callable[[Callable[[float], None]], object]) -> None:
        self._go, self._held = threading.Semaphore(0), threading.Semaphore(0)
        self._left = 0
        self._losses: list[tuple[float, float]] = []
        self._seconds = 0.0
        self._since = 0.0
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(start,), daemon=True)
        self._thread.start()

    def __call__(self, evaluations: int) -> list[tuple[float, float]]:
        """Go on for some evaluations; return the loss of each, and the seconds that the run took up to it.

        Fewer come back from an optimisation that has ended. The time in which it was held does not count.
        """
        if self._ended:
            return []
        self._left = evaluations
        self._go.release()
        self._held.acquire()
        if self._error is not None:
            raise self._error
        losses, self._losses = self._losses, []
        return losses

    def _run(self, start: Callable[[Callable[[float], None]], object]) -> None:
        self._go.acquire()
        self._since = time.perf_counter()
        try:
            start(self._evaluated)
        except Exception as error:  # it is raised where the evaluations are asked for
            self._error = error
        self._ended = True
        self._held.release()

    def _evaluated(self, loss: float) -> None:
        now = time.perf_counter()
        self._seconds += now - self._since
        self._losses.append((loss, self._seconds))
        self._left -= 1
        if self._left == 0:
            self._held.release()
            self._go.acquire()
            now = time.perf_counter()
        self._since = now
