"""Progress of many cells on standard error: cells done, the current ones, time left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nst_core.components import Progress
from nst_core.experiments.batch import BatchObserver

if TYPE_CHECKING:
    from nst_core.experiments.batch import JobOutcome

__all__ = ["batch_progress", "minutes"]

MOST_SHOWN = 3
"""Cells whose names are shown while they are computed."""


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
        from rich import progress as rich

        columns = (
            rich.BarColumn(),
            rich.MofNCompleteColumn(),
            rich.TextColumn("cells  {task.description}  {task.fields[left]}", markup=False),
            rich.TimeElapsedColumn(),
        )
        with rich.Progress(*columns, console=console, transient=True) as bar:
            yield _Bar(labels, total, bar)
    else:
        yield _Lines(labels, total)


class _Clock(BatchObserver):
    """Time left from the cells done so far; failed cells count, so that the end is reached."""

    def __init__(self, labels: Sequence[str], total: int) -> None:
        self.labels, self.total, self.done = labels, total, 0
        self.began = time.perf_counter()

    def left(self, share: float = 0.0) -> str:
        """Return the time left in words, "" before the first cell is done; ``share`` is done of the current ones."""
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
    """A bar over all cells; beside it, those that are being computed."""

    def __init__(self, labels: Sequence[str], total: int, bar: Any) -> None:
        super().__init__(labels, total)
        self.bar = bar
        self.task = bar.add_task("", total=total, left="")
        self.current: dict[int, Progress] = {}

    def started(self, number: int, result: JobOutcome) -> None:
        self.current[number] = Progress(result.key)
        self._show()

    def progress(self, number: int, progress: Progress) -> None:
        self.current[number] = progress
        self._show()

    def ended(self, number: int, result: JobOutcome) -> None:
        super().ended(number, result)
        self.current.pop(number, None)
        self._show()
        if result.error:
            self.bar.console.print(f"{self.labels[number]} failed: {result.error}", markup=False)

    def _show(self) -> None:
        shares = [progress.number / progress.steps for progress in self.current.values() if progress.steps]
        shown = [f"{self.labels[n]} {p.number}/{p.steps or '…'}" for n, p in self.current.items()][:MOST_SHOWN]
        if len(self.current) > MOST_SHOWN:
            shown.append(f"and {len(self.current) - MOST_SHOWN} more")
        text = ", ".join(shown)
        self.bar.update(self.task, completed=self.done, description=text, left=self.left(sum(shares)))
