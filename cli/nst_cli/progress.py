"""Progress of a run on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nst_core import Observer, Step

__all__ = ["progress"]


@contextmanager
def progress(steps: int) -> Iterator[Observer]:
    """Show a bar with loss, speed and time left; on anything but a terminal, a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(steps)
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=steps, loss="", speed="")

        def watch(step: Step) -> None:
            speed = f"{step.seconds / step.number:.2f} s/step"
            bar.update(task, completed=step.number, loss=f"{step.total:.5g}", speed=speed)
            if step.note:
                bar.console.print(f"step {step.number}: {step.note}")

        yield watch


def _lines(steps: int) -> Observer:
    from nst_cli.console import say

    every = max(1, steps // 10)

    def watch(step: Step) -> None:
        if step.note:
            say(f"step {step.number}: {step.note}")
        if step.number % every == 0 or step.number == steps:
            say(f"step {step.number}/{steps}  loss {step.total:.5g}  {step.seconds:.0f} s")

    return watch
