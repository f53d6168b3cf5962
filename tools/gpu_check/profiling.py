"""The most expensive kernels of a step."""

from __future__ import annotations

import time

from gpu_check.jobs import pair_of, prepared, stepper, wait
from gpu_check.report import Report, short


def profile(report: Report) -> None:
    """The most expensive kernels of one step, in profile.txt."""
    import torch

    pair = pair_of(1024 if report.gpu else 96, report.weights)
    step = stepper(prepared(pair, "bf16", report.device, steps=1000).problem())
    for _ in range(6):
        step()
    wait(report.device)
    began = time.perf_counter()
    step()
    wait(report.device)
    plain = time.perf_counter() - began
    with torch.profiler.profile() as profiled:
        step()
        wait(report.device)
    averages = profiled.key_averages()
    table = averages.table(
        sort_by="self_device_time_total" if report.gpu else "self_cpu_time_total",
        row_limit=30,  # an operator and its kernel are a row each
        max_name_column_width=90,
    )
    (report.file.parent / "profile.txt").write_text(table, encoding="utf-8")
    report.add("table", "profile.txt")
    report.add("step in ms", short(plain * 1e3))
    kernels = [event for event in averages if event.device_type == torch.autograd.DeviceType.CUDA]
    report.add("kernels in ms", short(sum(event.self_device_time_total for event in kernels) / 1e3))
    for event in sorted(kernels, key=lambda event: -event.self_device_time_total)[:15]:
        report.row("kernels", kernel=event.key[:120], ms=short(event.self_device_time_total / 1e3), count=event.count)
