"""The desk: who paints now, who waits, and in which place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["Desk"]


class Desk:
    """Does one piece of work at a time for each of its workers, in the order in which they were handed in."""

    def __init__(self, workers: int = 1) -> None:
        """Open a desk.

        Args:
            workers: how many pieces of work are done at once.
        """
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="nst-studio")
        self._changed = threading.Condition()
        self._waiting: dict[object, Future[None]] = {}  # in order
        self._doing = 0

    def submit(self, work: Callable[[], None]) -> Future[None]:
        """Hand in a piece of work. It is to report its own errors."""
        with self._changed:
            entry = object()
            future: Future[None] = self._pool.submit(self._do, work, entry)
            self._waiting[entry] = future
            self._changed.notify_all()
        future.add_done_callback(lambda _: self._forget(entry))  # where it was cancelled while it waited
        return future

    def place(self, future: Future[None]) -> int:
        """Return how many pieces of work are before one that waits, those that are being done among them; 0 if it is
        being done itself, or done."""
        with self._changed:
            waiting = [*self._waiting.values()]
            return waiting.index(future) + self._doing if future in waiting else 0

    @property
    def waiting(self) -> int:
        """How many pieces of work wait."""
        with self._changed:
            return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether anything is being done, or waits."""
        with self._changed:
            return bool(self._doing or self._waiting)

    def wait_until_free(self, seconds: float) -> bool:
        """Wait until nothing is being done and nothing waits; return whether that came within some seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._doing or self._waiting), seconds)

    def close(self) -> None:
        """Take in nothing more, drop what waits, and wait for what is being done."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _do(self, work: Callable[[], None], entry: object) -> None:
        with self._changed:
            self._waiting.pop(entry, None)
            self._doing += 1
        try:
            work()
        finally:
            with self._changed:
                self._doing -= 1
                self._changed.notify_all()

    def _forget(self, entry: object) -> None:
        with self._changed:
            if self._waiting.pop(entry, None) is not None:
                self._changed.notify_all()
