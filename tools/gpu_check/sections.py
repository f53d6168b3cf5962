"""The sections, and the time of each."""

from __future__ import annotations

from collections.abc import Callable

from gpu_check.batch import batch
from gpu_check.compiled import compiled
from gpu_check.correctness import correctness
from gpu_check.install import install
from gpu_check.machine import machine
from gpu_check.out_of_memory import out_of_memory
from gpu_check.profiling import profile
from gpu_check.report import Report
from gpu_check.speed import speed
from gpu_check.suite import tests
from gpu_check.synchronisations import synchronisations

# Sections in order, with the most seconds each may take of 300.
SECTIONS: dict[str, tuple[Callable[[Report], None], int]] = {
    "machine": (machine, 30),
    "correctness": (correctness, 60),
    "speed": (speed, 75),
    "synchronisations": (synchronisations, 30),
    "out_of_memory": (out_of_memory, 40),
    "batch": (batch, 40),
    "compiled": (compiled, 45),
    "profile": (profile, 30),
    "install": (install, 45),
    "tests": (tests, 300),
}

LEAST = 8  # seconds that a section needs to begin
