"""Many pictures in one session."""

from __future__ import annotations

import time

from gpu_check.jobs import job_of, pair_of
from gpu_check.report import Report, short

BATCH = 16


def batch(report: Report) -> None:
    """Sixteen photographs in one style, as `nst batch` paints them: one session, one after the other."""
    import torch

    from nst_core import Resources, Session
    from nst_core.runtime.memory import PeakMemory

    width, steps = (512, 100) if report.gpu else (64, 4)
    pair, session = pair_of(width), Session()
    for network, lite, count in (("vgg19-lite", True, BATCH), ("vgg19", False, BATCH if report.gpu else 3)):
        seconds, totals = [], []
        with PeakMemory(torch.device(report.device)) as peak:
            for number in range(count):
                if report.left < 3:
                    break
                content = pair.content.roll((17 * number, 29 * number), dims=(2, 3))
                began = time.perf_counter()
                job = job_of(pair, "auto", report.device, lite=lite, steps=steps)
                run = session.run(job, content=content, styles=[pair.style], resources=Resources(tile="off"))
                totals.append(run.exhaust().total)
                seconds.append(time.perf_counter() - began)
        report.row(
            "a batch",
            network=network,
            width=width,
            evaluations=steps,
            pictures=f"{len(totals)} of {count}",
            first_seconds=short(seconds[0]),
            mean_seconds_of_others=short(sum(seconds[1:]) / max(1, len(seconds) - 1)),
            peak_mb=round(peak.bytes / 1e6),
            totals=f"{short(min(totals))} to {short(max(totals))}",
        )
