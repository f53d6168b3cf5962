"""What a worker does with what the driver asks; here it is called as any object, without Ray."""

from __future__ import annotations

import platform

import pytest

from nst_core import Finished, Progress, Task
from nst_plugins.executors.ray.actor import RayWorker

TASK = Task("a" * 64, None)


class _Counts:
    """Makes three evaluations, as long as it is wanted, and calls ``during`` at each."""

    def __init__(self, during=lambda _: None, problem="") -> None:
        self.during, self.problem = during, problem

    def __call__(self, task, watch=None, read=None):
        for number in (1, 2, 3):
            self.during(number)
            if watch(number, 3) is False:
                return Finished(task.key, stopped=True)
        return Finished(task.key, {"read": read is not None})

    def check(self):
        return self.problem


def test_it_says_where_it_is_and_what_makes_it_unfit():
    assert RayWorker().check(_Counts(problem="it is old")) == (platform.node(), "it is old")
    assert RayWorker().check(_Counts())[1] == ""


def test_it_tells_how_far_it_is():
    worker = RayWorker()
    seen = []
    worker.check(_Counts(lambda _: seen.append(worker.progress())))
    assert worker.perform(TASK, None) == Finished(TASK.key, {"read": False})
    assert seen == [None, Progress(TASK.key, 1, 3), Progress(TASK.key, 2, 3)]
    worker.perform(Task("b" * 64, None), None)
    assert seen[3] is None


def test_it_stops_after_the_evaluation_that_it_is_at():
    worker = RayWorker()
    worker.check(_Counts(lambda number: worker.stop() if number == 2 else None))
    assert worker.perform(TASK, None).stopped
    assert worker.progress() == Progress(TASK.key, 2, 3)


def test_without_work_it_does_nothing():
    with pytest.raises(RuntimeError, match="before the work"):
        RayWorker().perform(TASK, None)
