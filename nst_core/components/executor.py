"""Executors: where the jobs of a batch are computed, and how many at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nst_core.job.schema import Component, Job

__all__ = ["Executor", "Finished", "Progress", "Read", "Task", "Watch", "Work", "unwatched"]


@dataclass(frozen=True)
class Task:
    """One job that a worker is to carry out: small, and can be pickled.

    What decides its pixels was decided by the process that made it: a worker only obeys.

    Attributes:
        key: hash of the job, 64 hex digits; no two tasks of a run have the same.
        job: with everything pinned.
        optimizer: the job's, with parameters for which there is memory; ``None`` for the job's own.
        max_pixels: of a tile; ``None`` computes images as a whole.
        remark: what the user should know about the two, or "".
        files: path and SHA-256 of every file that the job names.
    """

    key: str
    job: Job
    optimizer: Component | None = None
    max_pixels: int | None = None
    remark: str = ""
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far a task is.

    Attributes:
        key: of the task.
        number: of evaluations made; 0 says that a worker begins with it.
        steps: evaluations there will be, 0 where that is not known yet.
    """

    key: str
    number: int = 0
    steps: int = 0


@dataclass(frozen=True)
class Finished:
    """What became of a task.

    Attributes:
        key: of the task.
        record: figures of the picture; empty without one.
        error: what went wrong, "" where there is a picture.
        stopped: whether the work was stopped before there was one; what was done is kept for the next attempt.
        files: contents of the cell's files by name, where the work was given ``read``.
    """

    key: str
    record: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    stopped: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


Watch = Callable[[int, int], object]
"""Called after every evaluation with its number and how many there will be; returning ``False`` stops the work."""

Read = Callable[[str], bytes]
"""Returns the content of a file by its SHA-256."""


def unwatched(number: int, steps: int) -> None:
    """Watch nothing."""


class Work(Protocol):
    """What workers do with a task. Can be pickled, once and for many tasks: what it loads stays in the process."""

    def __call__(self, task: Task, watch: Watch = unwatched, read: Read | None = None) -> Finished:
        """Carry a task out. Raises nothing: what goes wrong is in the result.

        ``KeyboardInterrupt`` has the effect of a ``watch`` that returns ``False``.

        Args:
            task: what to do.
            watch: told how far it is.
            read: given where this process does not see the driver's files. It gives the contents of
                :attr:`Task.files`, and what is made comes back in :attr:`Finished.files`.
        """

    def check(self) -> str:
        """Return what makes this process unfit for the tasks, in a sentence; "" if nothing does."""


class Executor(ABC):
    """Carries the tasks of a batch out.

    The process that calls it is the driver, those that compute are workers. They see the same files by the same
    paths, or the executor brings files to the work (``read``) and back.

    Attributes:
        workers: how many tasks are computed at a time, at least 1. They share processor and memory of this machine
            evenly, unless :meth:`limits` says otherwise. A parameter of this name is what ``--workers`` sets.
    """

    workers: int = 1

    @abstractmethod
    def run(self, tasks: Iterable[Task], work: Work, progress: Callable[[Progress], object]) -> Iterator[Finished]:
        """Carry tasks out, in any order, and give one :class:`Finished` for each, as soon as there is one.

        Called from one thread, again after the end for more tasks with the same work: what workers have loaded is
        theirs to keep until :meth:`close`.

        Args:
            tasks: to be taken in the thread that iterates, as late as possible, since making one takes time.
            work: what to do with each; every worker has a copy of its own.
            progress: told, in the thread that iterates, of what begins and how far it is; may be left out.

        Returns:
            An iterator. If it is closed early, or Ctrl-C interrupts it, no further task begins; those that are being
            worked on are asked to stop, where that is possible, and save what they have.

        Raises:
            ExecutorError: there is nobody to do the work.
        """

    def limits(self) -> tuple[int | None, int | None]:
        """Return threads and bytes of memory of a worker; ``None`` for an even share of this machine."""
        return None, None

    def close(self) -> None:  # noqa: B027 - most have nothing to give back
        """Give back what workers hold. Called once, at the end, whatever happened."""
