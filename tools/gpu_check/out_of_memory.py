"""What happens where memory is short."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpu_check.jobs import free, job_of, pair_of, prepared
from gpu_check.report import Report, short


def out_of_memory(report: Report) -> None:
    """What happens where an image does not fit: the engine cuts it into tiles and ends with a picture."""
    import torch

    from nst_core import Resources, Session, save_image
    from nst_core.runtime.memory import PeakMemory

    width = 2048 if report.gpu else 96
    pair = pair_of(width, report.weights)
    device = torch.device(report.device)
    with PeakMemory(device) as targets:
        problem = prepared(pair, "fp32", report.device, steps=4).problem()
    with PeakMemory(device) as whole:
        problem.evaluate()
    del problem
    free()
    report.add("peak of the targets in MB", round(targets.bytes / 1e6))
    report.add("peak of a whole evaluation in MB", round(whole.bytes / 1e6))
    between = (targets.bytes + whole.bytes) / 2
    trials = (
        ("limit between targets and evaluation", between, Resources(tile="off")),
        ("limit below the targets", targets.bytes * 0.75, Resources(tile="off")),
        ("limit that the plan sees", between, Resources()),
        ("told to use no more", between, Resources(memory_limit=int(between))),
    )
    for number, (name, limit, resources) in enumerate(trials, 1):
        found: dict[str, Any] = {"what": name, "limit_mb": round(limit / 1e6)}
        try:
            with limited(report.gpu and resources.memory_limit is None, limit), PeakMemory(device) as peak:
                job = job_of(pair, "fp32", report.device, steps=4)
                run = Session().run(job, content=pair.content, styles=[pair.style], resources=resources)
                notes = [step.note for step in run if step.note]
                result = run.result()
            found |= {"peak_mb": round(peak.bytes / 1e6), "total": short(result.total)}
            found |= {"evaluations": len(result.history), "finite": bool(torch.isfinite(result.image).all())}
            found |= {"notes": notes, "remarks": list(result.remarks)}
            small = torch.nn.functional.interpolate(result.image, scale_factor=0.125)
            save_image(small, report.file.parent / f"out-of-memory-{number}.png")
        except Exception as error:  # what is to be found out
            found["error"] = f"{type(error).__name__}: {error}"[:400]
            where = traceback.extract_tb(error.__traceback__)
            found["at"] = [f"{Path(f.filename).name}:{f.lineno}" for f in where if "nst_" in f.filename][-4:]
        report.row("runs with less memory", **found)
        run = result = None
        free()


@contextlib.contextmanager
def limited(gpu: bool, amount: float) -> Iterator[None]:
    """Let torch allocate so many bytes of the GPU in its block, where ``gpu`` says so."""
    import torch

    if not gpu:
        yield
        return
    torch.cuda.set_per_process_memory_fraction(amount / torch.cuda.get_device_properties(0).total_memory)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
