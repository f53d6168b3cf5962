"""Tries at a task, and the end of workers: what executors have in common whose workers may die."""

from __future__ import annotations

from dataclasses import dataclass

from nst_core import Task

__all__ = ["GRACE", "Attempt"]

GRACE = 30.0
"""Seconds that workers have to end the evaluation that they are at, and to save what they have."""


@dataclass(frozen=True)
class Attempt:
    """A task, and how often it was tried before."""

    task: Task
    number: int = 0

    def again(self) -> Attempt:
        """Return the attempt after this one."""
        return Attempt(self.task, self.number + 1)

    @property
    def times(self) -> str:
        """How often the task was tried with this attempt, in words."""
        return f"{self.number + 1} times" if self.number else "once"
