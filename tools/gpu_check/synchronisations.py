"""Where a step waits for the GPU."""

from __future__ import annotations

import contextlib
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpu_check.jobs import job_of, pair_of
from gpu_check.report import Report

# Calls after which the processor may wait, beside those with "ynchronize" or "emcpy" in their names.
COUNTED = ("aten::item", "aten::_local_scalar_dense", "aten::copy_")


def synchronisations(report: Report) -> None:
    """Where one step of the engine makes the processor wait for the GPU."""
    import torch

    from nst_core import Resources, Session

    pair = pair_of(512 if report.gpu else 64, report.weights)
    job = job_of(pair, "bf16" if report.gpu else "fp32", report.device, steps=100)
    run = Session().run(job, content=pair.content, styles=[pair.style], resources=Resources(tile="off"))
    for _ in range(6):
        next(run)
    with torch.profiler.profile() as profile:
        next(run)
    for event in profile.key_averages():
        if event.key in COUNTED or "ynchronize" in event.key or "emcpy" in event.key:
            report.row("calls in one step", call=event.key, count=event.count)
    with waits(report.gpu) as places:
        next(run)
    report.add("synchronisations in one step", sum(places.values()))
    for place, count in places.most_common():
        report.row("places", place=place, count=count)
    busy = [e for e in profile.events() if e.device_type == torch.autograd.DeviceType.CUDA]
    report.add("kernels in one step", len(busy))


@contextlib.contextmanager
def waits(gpu: bool) -> Iterator[Counter[str]]:
    """Count, in its block, where the processor waits for the GPU: by the innermost line of nst and its callers."""
    import torch

    places: Counter[str] = Counter()

    def note(message: Warning | str, *_: Any) -> None:
        if "synchronizing" not in str(message):
            return
        own = [f for f in traceback.extract_stack() if "nst_core" in f.filename or "nst_plugins" in f.filename]
        chain = [f"{Path(f.filename).name}:{f.lineno} {f.line}" for f in own[-2:]]
        places[" → ".join(chain) or "outside nst"] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        if gpu:
            torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            if gpu:
                torch.cuda.set_sync_debug_mode("default")
