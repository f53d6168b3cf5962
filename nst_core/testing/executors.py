"""Laws of an :class:`nst_core.Executor`: every task done once, whatever becomes of the others."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nst_core.components import Executor, Finished, Progress, Read, Task, Watch, unwatched
from nst_core.job.schema import Component, Job, Term
from nst_core.testing.check import require

__all__ = ["LAWS"]

MANY = 40
"""Tasks of which most are never begun."""
MOMENT = 0.05
"""Seconds that each of them takes."""


@dataclass(frozen=True)
class _Counting:
    """Work that makes no picture: it says what it was given, and fails for the keys in ``failing``."""

    failing: tuple[str, ...] = ()

    def __call__(self, task: Task, watch: Watch = unwatched, read: Read | None = None) -> Finished:  # noqa: ARG002
        if watch(1, 2) is False or watch(2, 2) is False:
            return Finished(task.key, stopped=True)
        if task.key in self.failing:
            return Finished(task.key, error="it cannot be done")
        return Finished(task.key, {"seed": task.job.seed, "max_pixels": task.max_pixels, "remark": task.remark})

    def check(self) -> str:
        return ""


@dataclass(frozen=True)
class _Marking:
    """Work that takes a while, and leaves a file for every task that it begins."""

    folder: Path

    def __call__(self, task: Task, watch: Watch = unwatched, read: Read | None = None) -> Finished:  # noqa: ARG002
        (self.folder / task.key).touch()
        time.sleep(MOMENT)
        return Finished(task.key, stopped=watch(1, 1) is False)

    def check(self) -> str:
        return ""


def _tasks(start: int, stop: int) -> Iterator[Task]:
    any_one = Component("x")
    for number in range(start, stop):
        job = Job((Term("x", 1.0),), any_one, any_one, any_one, any_one, seed=number)
        yield Task(f"{number:064x}", job, max_pixels=number + 1, remark=f"remark {number}")


def does_every_task_once(executor: Executor) -> None:
    """Every task is done once, as it is, in one run or the next, and one that fails stops no other."""
    told: list[Progress] = []
    for start, stop in ((0, 5), (5, 7)):
        tasks = {task.key: task for task in _tasks(start, stop)}
        failing = f"{1:064x}"
        found = list(executor.run(iter(tasks.values()), _Counting((failing,)), told.append))
        require(sorted(result.key for result in found) == sorted(tasks), "not every task was done exactly once")
        for result in found:
            task = tasks[result.key]
            require(not result.stopped, "a task was stopped, and nobody had asked for that")
            expected = {"seed": task.job.seed, "max_pixels": task.max_pixels, "remark": task.remark}
            if result.key == failing:
                require(result.error == "it cannot be done", f"an error became '{result.error}'")
            else:
                require(not result.error, f"a task failed: {result.error}")
                require(dict(result.record) == expected, f"a record became {dict(result.record)}")
    known = {task.key for task in _tasks(0, 7)}
    require({update.key for update in told} <= known, "there is progress of a task that was not given")
    require(all(0 <= update.number <= 2 for update in told), "there is progress that the work did not make")
    executor.close()


def does_nothing_without_tasks(executor: Executor) -> None:
    """Where there are no tasks there are no results, and it can be closed."""
    require(not list(executor.run(iter(()), _Counting(), lambda _: None)), "there were results of no tasks")
    executor.close()


def ends_early(executor: Executor) -> None:
    """When the iterator is closed after its first result, few further tasks begin, and none after its end."""
    with tempfile.TemporaryDirectory() as folder:
        running = executor.run(_tasks(0, MANY), _Marking(Path(folder)), lambda _: None)
        require(next(running).key in {task.key for task in _tasks(0, MANY)}, "the first result is of no task")
        getattr(running, "close", lambda: None)()
        executor.close()
        begun = len(list(Path(folder).iterdir()))
        require(begun <= MANY // 2, f"{begun} of {MANY} tasks were begun, though nobody waited for more than one")
        time.sleep(2 * MOMENT)
        require(len(list(Path(folder).iterdir())) == begun, "tasks began after the executor was closed")


def says_what_a_worker_may_use(executor: Executor) -> None:
    """There is at least one worker, and what one may use is nothing or positive."""
    require(type(executor.workers) is int and executor.workers >= 1, f"workers is {executor.workers!r}")
    for what, limit in zip(("threads", "bytes of memory"), executor.limits(), strict=True):
        require(limit is None or (type(limit) is int and limit >= 1), f"a worker may use {limit!r} {what}")
    executor.close()


LAWS = (does_every_task_once, does_nothing_without_tasks, ends_early, says_what_a_worker_may_use)
"""All that is demanded of an executor."""
