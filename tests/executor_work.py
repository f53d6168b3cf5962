"""Work for executors that makes no picture, and can be done in other processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nst_core import Component, Finished, Job, Task, Term, unwatched


def tasks(count: int) -> Iterator[Task]:
    one = Component("x")
    for seed in range(count):
        yield Task(f"{seed:064x}", Job((Term("x", 1.0),), one, one, one, one, seed=seed))


@dataclass(frozen=True)
class Dying:
    """Kills its process at a task, as often as is said; a file for each attempt is left in a folder."""

    folder: Path
    seed: int
    times: int = 1

    def __call__(self, task, watch=unwatched, read=None) -> Finished:
        attempts = len(list(self.folder.glob(f"{task.job.seed}-*")))
        (self.folder / f"{task.job.seed}-{attempts}").write_text(str(os.getpid()))
        if task.job.seed == self.seed and attempts < self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return Finished(task.key, {"process": os.getpid()})

    def check(self) -> str:
        return ""


@dataclass(frozen=True)
class Raising:
    """Does what work must not do."""

    def __call__(self, task, watch=unwatched, read=None) -> Finished:
        raise AttributeError("no such thing")

    def check(self) -> str:
        return ""


@dataclass(frozen=True)
class Endless:
    """Makes evaluations until it is stopped, and then writes a file; another one says that it has begun."""

    folder: Path

    def __call__(self, task, watch=unwatched, read=None) -> Finished:
        (self.folder / f"begun-{task.job.seed}").write_text(str(os.getpid()))
        number = 1
        while watch(number, 1_000_000) is not False:
            number += 1
            time.sleep(0.01)
        (self.folder / f"stopped-{task.job.seed}").touch()
        return Finished(task.key, stopped=True)

    def check(self) -> str:
        return ""
