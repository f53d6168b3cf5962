"""Whether compiling the network with torch would pay."""

from __future__ import annotations

import time
from typing import Any

from gpu_check.jobs import pair_of, prepared
from gpu_check.report import Report, short
from gpu_check.speed import ROUNDS


def compiled(report: Report) -> None:
    """An evaluation with the network compiled by torch, with and without CUDA graphs: whether that would pay."""
    import torch

    from nst_benchmarks.timing import alternating

    pair = pair_of(1024 if report.gpu else 64, report.weights)
    runs = {}
    for name, options in (
        ("as it is", None),
        ("torch.compile", {} if report.gpu else {"backend": "eager"}),
        ("torch.compile, reduce-overhead", {"mode": "reduce-overhead"} if report.gpu else {"backend": "eager"}),
    ):
        problem = prepared(pair, "bf16", report.device, steps=10).problem()
        looked_at = problem.objective._network
        if options is not None:
            looked_at._network = torch.compile(looked_at._network, **options)

        def evaluate(problem: Any = problem) -> float:
            return float(problem.evaluate()[0].total)

        began = time.perf_counter()
        try:
            total = evaluate()
            evaluate()
        except Exception as error:  # what is to be found out
            report.row("compiled", what=name, error=f"{type(error).__name__}: {error}"[:300])
            continue
        runs[name] = evaluate
        report.row("compiled", what=name, first_two_seconds=short(time.perf_counter() - began), total=short(total))
    for name, median in alternating(runs, ROUNDS if report.gpu else 2).items():
        report.row("evaluations of what was compiled", what=name, ms=short(median * 1e3))
