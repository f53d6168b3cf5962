"""This process: one task after the other, with everything that happens in order."""

from __future__ import annotations

from executor_work import tasks

from nst_core import Finished, Progress
from nst_plugins.executors.local import Local


class Told:
    """Makes two evaluations of each task, and notes what it is given."""

    def __init__(self) -> None:
        self.answers: list[object] = []

    def __call__(self, task, watch, read=None) -> Finished:
        self.answers += [watch(1, 2), watch(2, 2)]
        return Finished(task.key, {"seed": task.job.seed})

    def check(self) -> str:
        return ""


def test_tasks_come_one_after_the_other_and_are_made_no_sooner():
    noted: list = []

    def made():
        for task in tasks(2):
            noted.append("made")
            yield task

    for finished in Local().run(made(), Told(), noted.append):
        noted.append(finished.record["seed"])
    keys = [task.key for task in tasks(2)]
    begun = [["made", Progress(key), Progress(key, 1, 2), Progress(key, 2, 2), seed] for seed, key in enumerate(keys)]
    assert noted == [*begun[0], *begun[1]]


def test_who_watches_the_progress_stops_nothing():
    work = Told()
    assert [found.stopped for found in Local().run(tasks(1), work, lambda _: False)] == [False]
    assert work.answers == [None, None]


def test_it_may_use_all_there_is():
    assert (Local().workers, Local().limits()) == (1, (None, None))
