"""What other programs on the same cores cost a run. The load is made here.

    python -m nst_benchmarks.busy --size 384 --rounds 5
    python -m nst_benchmarks.busy --set OMP_WAIT_POLICY=passive    # with this in the environment of the runs

Steps of a run (evaluation, optimizer, the loop around them) are timed alone, beside a program that keeps one core busy,
and beside a second run. The three take turns.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from nst_benchmarks.worker import Worker

__all__ = ["Busy", "measure"]


@dataclass(frozen=True)
class Busy:
    """Seconds of a step, medians.

    Attributes:
        alone: on an idle machine.
        beside_a_program: beside one busy thread.
        beside_a_run: each of two runs at once.
    """

    alone: float
    beside_a_program: float
    beside_a_run: float

    def plain(self) -> dict[str, float]:
        """Return seconds, and how many times those of the run alone they are."""
        return asdict(self) | {
            "program_ratio": self.beside_a_program / self.alone,
            "run_ratio": self.beside_a_run / self.alone,
        }


def measure(
    width: int = 384,
    weights: str = "",
    rounds: int = 5,
    steps: int = 10,
    tell: Callable[[str], None] = lambda _: None,
) -> Busy:
    """Time the steps of runs at one size, whose processes inherit the environment.

    Args:
        width: of the pictures in pixels; the height is three quarters of it.
        weights: of VGG-19, as for ``nst run --weights``.
        rounds: how often alone, beside a program and beside a run take turns.
        steps: that are timed at a time.
        tell: is told what goes on.

    Raises:
        WeightsError: there are no weights of VGG-19.
    """
    alone: list[float] = []
    program: list[float] = []
    run: list[float] = []
    with ExitStack() as stack:
        first, second = (stack.enter_context(Worker(_steps, width, weights)) for _ in range(2))
        pool = stack.enter_context(ThreadPoolExecutor(2))
        first(2), second(2)
        for number in range(1, rounds + 1):
            tell(f"round {number} of {rounds}")
            alone.extend(first(steps))
            busy = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
            busy.start()
            time.sleep(1)  # it has begun
            program.extend(first(steps))
            busy.kill()
            busy.join()
            both = [pool.submit(worker, steps) for worker in (first, second)]
            for seconds in both:
                run.extend(seconds.result())
    return Busy(statistics.median(alone), statistics.median(program), statistics.median(run))


def _steps(width: int, weights: str) -> Callable[[int], list[float]]:
    from nst_benchmarks.pair import Pair
    from nst_core import Session

    pair = Pair.generated(width, weights)
    job = replace(pair.job("auto"), steps=10**6)
    run = Session().run(job, content=pair.content, styles=[pair.style])

    def go_on(steps: int) -> list[float]:
        seconds = []
        for _ in range(steps):
            began = time.perf_counter()
            next(run)
            seconds.append(time.perf_counter() - began)
        return seconds

    return go_on


def _spin() -> None:
    while True:
        pass


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=384, help="width in pixels")
    parser.add_argument("--weights", default="", help="of VGG-19, as for nst run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="timed at a time")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="environment of the runs")
    chosen = parser.parse_args()
    for setting in chosen.set:
        name, _, value = setting.partition("=")
        os.environ[name] = value
    found: dict[str, Any] = measure(chosen.size, chosen.weights, chosen.rounds, chosen.steps).plain()
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
