"""Time to the loss that the textbook reaches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from nst_benchmarks.problem import Problem
from nst_benchmarks.textbook import Textbook
from nst_core.engine import optimize
from nst_core.result import Step

__all__ = ["Race", "race"]


@dataclass(frozen=True)
class Race:
    """How the framework and the textbook compare on one pair.

    Attributes:
        evaluations: of the textbook.
        textbook_loss: lowest loss it reached, of the clamped image.
        textbook_seconds: what that took.
        seconds: what the framework took to that loss; infinite where twice as many evaluations did not get there.
        evaluations_needed: likewise.
        speedup: ratio of the seconds.
    """

    evaluations: int
    textbook_loss: float
    textbook_seconds: float
    seconds: float
    evaluations_needed: int
    speedup: float

    def plain(self) -> dict[str, Any]:
        """Return the result as a dict."""
        return asdict(self)


def race(problem: Problem, evaluations: int = 200, tell: Callable[[str], None] = lambda _: None) -> Race:
    """Run both from the content image.

    The textbook's L-BFGS steps outside [0, 1] and is clamped at the next evaluation, so every loss it reports is that
    of an image that could be saved.
    """
    losses: list[tuple[float, float]] = []

    def watch(number: int, loss: float, seconds: float) -> None:
        losses.append((loss, seconds))
        if number % 20 == 0:
            tell(f"textbook: evaluation {number}, loss {loss:.5g}, {seconds:.0f} s")

    Textbook(problem).optimize(evaluations, watch)
    goal = min(loss for loss, _ in losses if math.isfinite(loss))
    textbook_seconds = next(seconds for loss, seconds in losses if loss == goal)

    ready = problem.ready("auto")
    reached: list[Step] = []

    def reach(step: Step) -> None:
        if step.number % 20 == 0:
            tell(f"nst: evaluation {step.number}, loss {step.total:.5g}, {step.seconds:.0f} s")
        if not reached and step.total <= goal:
            reached.append(step)
            raise KeyboardInterrupt

    with torch.no_grad():
        ready.objective(ready.initial)  # warm
    optimize(replace(ready, job=replace(ready.job, steps=2 * evaluations)), [reach])
    step = reached[0] if reached else None
    seconds = step.seconds if step else math.inf
    return Race(evaluations, goal, textbook_seconds, seconds, step.number if step else 0, textbook_seconds / seconds)
