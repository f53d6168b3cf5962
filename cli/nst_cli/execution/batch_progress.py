"""Progress of many cells on standard error: cells done, the current one, time left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nst_core.experiments.batch import BatchObserver

if TYPE_CHECKING:
    from nst_core import Step
    from nst_core.experiments.batch import JobOutcome

__all__ = ["batch_progress", "minutes"]


def minutes(seconds: float) -> str:
    """Write a duration as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


@contextmanager
def batch_progress(labels: Sequence[str], total: int, quiet: bool) -> Iterator[BatchObserver]:
    """Show a bar on a terminal, a line for each cell elsewhere, nothing where it is to be quiet."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield BatchObserver()
    elif console.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("cells  {task.description}  {task.fields[within]}  {task.fields[left]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            yield _Bar(labels, total, bar)
    else:
        yield _Lines(labels, total)


class _Clock(BatchObserver):
    """Time left from the cells done so far; failed cells count, so that the end is reached."""

    def __init__(self, labels: Sequence[str], total: int) -> None:
        self.labels, self.total, self.done = labels, total, 0
        self.began = time.perf_counter()

    def left(self, share: float = 0.0) -> str:
        """Return the time left in words, "" before the first cell is done; ``share`` is done of the current one."""
        if not self.done:
            return ""
        done = self.done + share
        return f"about {minutes((time.perf_counter() - self.began) / done * (self.total - done))} left"

    def ended(self, number: int, result: JobOutcome) -> None:  # noqa: ARG002
        self.done += 1


class _Lines(_Clock):
    def ended(self, number: int, result: JobOutcome) -> None:
        from nst_cli.console import say

        super().ended(number, result)
        if result.finished:
            end = f"loss {result.record['total']:.4g}, {result.record['seconds']:.1f} s"
        else:
            end = f"FAILED: {result.error}"
        say(f"{self.done}/{self.total}  {self.labels[number]}  {end}  {self.left() if self.done < self.total else ''}")


class _Bar(_Clock):
    def __init__(self, labels: Sequence[str], total: int, bar: Any) -> None:
        super().__init__(labels, total)
        self.bar = bar
        self.task = bar.add_task("", total=total, within="", left="")

    def started(self, number: int, result: JobOutcome) -> None:  # noqa: ARG002
        self.bar.update(self.task, description=self.labels[number], within="")

    def step(self, step: Step) -> None:
        left = self.left(step.number / step.steps)
        self.bar.update(self.task, completed=self.done, within=f"{step.number}/{step.steps}", left=left)

    def ended(self, number: int, result: JobOutcome) -> None:
        super().ended(number, result)
        self.bar.update(self.task, completed=self.done, left=self.left())
        if result.error:
            self.bar.console.print(f"{self.labels[number]} failed: {result.error}", markup=False)
