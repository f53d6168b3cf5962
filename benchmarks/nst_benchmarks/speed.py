"""Seconds per evaluation of loss and gradient, against the textbook and against the floor; peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import torch

from nst_benchmarks.floor import Floor
from nst_benchmarks.pair import PRECISIONS, Pair, have_weights
from nst_benchmarks.textbook import Textbook
from nst_benchmarks.timing import alternating
from nst_benchmarks.worker import Worker
from nst_core.runtime.device import choose_dtype

__all__ = ["Row", "measure", "peak_memory", "runner"]


@dataclass(frozen=True)
class Row:
    """One variant at one size.

    Attributes:
        width: of the image in pixels; the height is three quarters of it.
        variant: "textbook", or the framework in a precision.
        precision: of the network.
        seconds: median for one evaluation.
        speedup: how many times faster than the textbook.
        over_floor: how many times the time of torch's convolutions alone, in the same precision.
        peak_mb: largest resident memory of a process that makes three steps, in MB.
    """

    width: int
    variant: str
    precision: str
    seconds: float
    speedup: float
    over_floor: float
    peak_mb: float

    def plain(self) -> dict[str, Any]:
        """Return the row as a dict."""
        return asdict(self)


def runner(pair: Pair, variant: str) -> tuple[Callable[[], object], str]:
    """Return what evaluates a variant once, and its precision."""
    if variant == "textbook":
        return Textbook(pair).evaluate, "fp32"
    problem = pair.problem(PRECISIONS[variant])
    return problem.evaluate, "bf16" if problem.dtype == torch.bfloat16 else "fp32"


def measure(width: int, weights: str = "", rounds: int = 7, tell: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Measure every variant at one size, each in a process of its own.

    They take turns. In one process the framework's settings of the memory allocator would slow down the textbook.

    Raises:
        WeightsError: there are no weights of VGG-19, and they cannot be downloaded.
    """
    have_weights(weights)
    precisions = {
        "textbook": "fp32",
        "fp32": "fp32",
        "auto": "bf16" if choose_dtype("auto", torch.device("cpu")) == torch.bfloat16 else "fp32",
    }
    floors = [f"floor {precision}" for precision in sorted(set(precisions.values()))]
    with ExitStack() as stack:
        runs = {
            name: stack.enter_context(Worker(made, width, weights, name))
            for made, names in ((_variant, list(precisions)), (_floor, floors))
            for name in names
        }
        seconds = alternating(runs, rounds, lambda text: tell(f"{width} px: {text}"))
    return [
        Row(
            width,
            variant,
            precision,
            seconds[variant],
            seconds["textbook"] / seconds[variant],
            seconds[variant] / seconds[f"floor {precision}"],
            peak_memory(width, variant, weights),
        )
        for variant, precision in precisions.items()
    ]


def _variant(width: int, weights: str, variant: str) -> Callable[[], object]:
    return runner(Pair.generated(width, weights), variant)[0]


def _floor(width: int, weights: str, name: str) -> Callable[[], object]:
    dtype = {"floor fp32": torch.float32, "floor bf16": torch.bfloat16}[name]
    return Floor(Pair.generated(width, weights), dtype).evaluate


def peak_memory(width: int, variant: str, weights: str = "") -> float:
    """Return the peak resident memory of a process of its own, in MB; NaN where the system does not tell."""
    command = [sys.executable, "-m", "nst_benchmarks.memory", variant, str(width), weights]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ.copy())  # noqa: S603
    return float(done.stdout.split()[-1])
