"""Time to the loss that the textbook reaches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from nst_benchmarks.pacing import Paced
from nst_benchmarks.pair import Pair, have_weights
from nst_benchmarks.textbook import Textbook
from nst_benchmarks.worker import Worker
from nst_core import Session

__all__ = ["Race", "race"]

TURN = 10


@dataclass(frozen=True)
class Race:
    """How the framework and the textbook compare on one pair.

    Attributes:
        evaluations: of the textbook.
        textbook_loss: lowest loss it reached, of the clamped image.
        textbook_seconds: what that took.
        seconds: what the framework took to that loss; infinite where twice as many evaluations did not get there.
        evaluations_needed: evaluations that the framework took to that loss; 0 where it did not get there.
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


def race(pair: Pair, evaluations: int = 200, tell: Callable[[str], None] = lambda _: None) -> Race:
    """Run both from the content image, each in a process of its own, ten evaluations in turn.

    The textbook's L-BFGS steps outside [0, 1] and is clamped at the next evaluation, so every loss it reports is that
    of an image that could be saved.

    Raises:
        WeightsError: there are no weights of VGG-19, and they cannot be downloaded.
    """
    have_weights(pair.weights)
    with Worker(_textbook, pair, evaluations) as textbook, Worker(_framework, pair, 2 * evaluations) as framework:
        theirs: list[tuple[float, float]] = []
        ours: list[tuple[float, float]] = []
        while len(theirs) < evaluations and _go_on("textbook", textbook, theirs, evaluations, tell):
            _go_on("nst", framework, ours, evaluations, tell)
        goal = min(loss for loss, _ in theirs if math.isfinite(loss))
        while not any(loss <= goal for loss, _ in ours) and _go_on("nst", framework, ours, 2 * evaluations, tell):
            pass
    textbook_seconds = next(seconds for loss, seconds in theirs if loss == goal)
    reached = next((i for i, (loss, _) in enumerate(ours) if loss <= goal), None)
    seconds, needed = (math.inf, 0) if reached is None else (ours[reached][1], reached + 1)
    return Race(evaluations, goal, textbook_seconds, seconds, needed, textbook_seconds / seconds)


def _go_on(name: str, worker: Worker, done: list[tuple[float, float]], most: int, tell: Callable[[str], None]) -> bool:
    """Have a runner make its next evaluations; ``False`` where it has ended."""
    found = worker(min(TURN, most - len(done))) if len(done) < most else []
    done += found
    if found:
        loss, seconds = done[-1]
        tell(f"{name}: evaluation {len(done)}, loss {loss:.5g}, {seconds:.0f} s")
    return bool(found)


def _textbook(pair: Pair, evaluations: int) -> Paced:
    book = Textbook(pair)
    return Paced(lambda tell: book.optimize(evaluations, lambda _, loss, __: tell(loss)))


def _framework(pair: Pair, evaluations: int) -> Paced:
    session = Session()
    job = replace(pair.job("auto"), steps=evaluations)
    session.prepare(job, content=pair.content, styles=[pair.style]).problem().evaluate()  # warm
    return Paced(
        lambda tell: session.run(job, content=pair.content, styles=[pair.style]).exhaust(
            [lambda step: tell(step.total)]
        )
    )
