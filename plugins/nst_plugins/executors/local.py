"""The executor that needs nothing: this process."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator

from nst_core import Executor, Finished, Progress, Task, Work

__all__ = ["Local"]


class Local(Executor):
    """Computes in this process, one job after the other, each with all threads."""

    def run(self, tasks: Iterable[Task], work: Work, progress: Callable[[Progress], object]) -> Iterator[Finished]:
        """Carry tasks out; see :meth:`nst_core.Executor.run`."""

        def watch(key: str, number: int, steps: int) -> None:
            progress(Progress(key, number, steps))

        for task in tasks:
            progress(Progress(task.key))
            yield work(task, functools.partial(watch, task.key))
