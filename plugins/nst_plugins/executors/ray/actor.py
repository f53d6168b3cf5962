"""What runs in a process of the cluster: a worker that does one task at a time, and answers meanwhile."""

from __future__ import annotations

import importlib
import platform
import threading
from collections.abc import Mapping
from typing import Any

from nst_core import Finished, Progress, Task, Work

__all__ = ["RayWorker"]


class RayWorker:
    """An actor with two threads: one for :meth:`perform`, and one for what the driver asks meanwhile."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._progress: Progress | None = None
        self._ending = threading.Event()

    def check(self, work: Work) -> tuple[str, str]:
        """Take the work for the tasks to come; return the name of this machine, and what makes it unfit."""
        self._work = work
        return platform.node(), work.check()

    def perform(self, task: Task, contents: Mapping[str, Any] | None) -> Finished:
        """Carry a task out.

        Args:
            task: what to do.
            contents: references to the contents of its files by SHA-256; ``None`` where this machine sees the files.
        """

        def watch(number: int, steps: int) -> bool:
            self._progress = Progress(task.key, number, steps)
            return not self._ending.is_set()

        if self._work is None:
            raise RuntimeError("a task came before the work")
        self._progress = None
        if contents is None:
            return self._work(task, watch)
        ray = importlib.import_module("ray")

        def read(sha256: str) -> bytes:
            found: bytes = ray.get(contents[sha256])
            return found

        return self._work(task, watch, read)

    def progress(self) -> Progress | None:
        """Return how far the task is; ``None`` before its first evaluation."""
        return self._progress

    def stop(self) -> None:
        """End the task after the evaluation that it is at."""
        self._ending.set()
