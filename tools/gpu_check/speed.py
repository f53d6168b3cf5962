"""Time and memory against the textbook."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gpu_check.jobs import allow_tf32, free, pair_of, precisions, prepared, stepper, under_autocast, wait
from gpu_check.report import Report, short

ROUNDS = 10
WARM = 3


def speed(report: Report) -> None:
    """Seconds and peak memory of the framework and of the textbook, in turns."""
    from nst_core.errors import is_out_of_memory

    widths = (512, 1024, 2048) if report.gpu else (64, 96)
    runs = [(width, mode) for width in widths for mode in precisions(report)]
    pairs = {width: pair_of(width, report.weights) for width in widths}
    for number, (width, mode) in enumerate(runs):
        if report.left < 5:
            report.row("left out", width=width, mode=mode, why="no time left")
            continue
        try:
            _speed_of(report, pairs[width], mode, seconds=report.left / (len(runs) - number))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            report.row("left out", width=width, mode=mode, why="out of memory")
        free()


def _speed_of(report: Report, pair: Any, precision: str, seconds: float) -> None:
    import torch

    from nst_benchmarks.textbook import Textbook
    from nst_benchmarks.timing import alternating
    from nst_core.runtime.memory import PeakMemory

    device = report.device
    end = time.monotonic() + seconds
    allow_tf32(precision == "tf32")

    def ours() -> tuple[Callable[[], object], Callable[[], object]]:
        problem = prepared(pair, precision, device, steps=100_000).problem()
        return stepper(problem), problem.evaluate

    def textbook() -> tuple[Callable[[], object], Callable[[], object]]:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            book = Textbook(pair, device)
        wanted = precision == "bf16"
        return under_autocast(book.stepper(), device, wanted), under_autocast(book.evaluate, device, wanted)

    peaks = {}
    for variant, make in (("nst", ours), ("textbook", textbook)):
        free()
        with PeakMemory(torch.device(device)) as peak:
            run = make()[0]
            for _ in range(WARM):
                run()
            wait(device)
        peaks[variant] = peak.bytes
        del run
    runs = {}
    for variant, make in (("nst", ours), ("textbook", textbook)):
        for what, run in zip(("step", "evaluation"), make(), strict=True):
            runs[f"{variant} {what}"] = _waiting(run, device)
            runs[f"{variant} {what}"]()
    began = time.perf_counter()
    for run in runs.values():
        run()
    once = time.perf_counter() - began
    rounds = max(1, min(ROUNDS, int((end - time.monotonic()) / (2 * once))))
    medians = alternating(runs, rounds)
    report.row(
        "speed",
        width=pair.content.shape[-1],
        mode=precision,
        rounds=rounds,
        nst_ms=short(medians["nst step"] * 1e3),
        textbook_ms=short(medians["textbook step"] * 1e3),
        speedup=short(medians["textbook step"] / medians["nst step"]),
        nst_evaluation_ms=short(medians["nst evaluation"] * 1e3),
        textbook_evaluation_ms=short(medians["textbook evaluation"] * 1e3),
        nst_peak_mb=round(peaks["nst"] / 1e6),
        textbook_peak_mb=round(peaks["textbook"] / 1e6),
    )


def _waiting(run: Callable[[], object], device: str) -> Callable[[], None]:
    """Return ``run``, with its end waited for."""

    def waited() -> None:
        run()
        wait(device)

    return waited
