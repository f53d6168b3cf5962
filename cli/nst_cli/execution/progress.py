"""Progress of a run on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nst_core import Observer, Step

__all__ = ["progress"]


@contextmanager
def progress() -> Iterator[Observer]:
    """Show a bar with loss, speed and time left; on anything but a terminal, a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[size]}"),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, loss="", speed="", size="")

        def watch(step: Step) -> None:
            speed = f"{step.seconds / step.number:.2f} s/step"
            loss, size = f"{step.total:.5g}", f"{max(step.image.shape)} px"
            bar.update(task, total=step.steps, completed=step.number, loss=loss, speed=speed, size=size)
            if step.note:
                bar.console.print(f"step {step.number}: {step.note}")

        yield watch


def _lines() -> Observer:
    from nst_cli.console import say

    def watch(step: Step) -> None:
        if step.note:
            say(f"step {step.number}: {step.note}")
        if step.number % max(1, step.steps // 10) == 0 or step.number == step.steps:
            size = f"{max(step.image.shape)} px"
            say(f"step {step.number}/{step.steps}  {size}  loss {step.total:.5g}  {step.seconds:.0f} s")

    return watch
