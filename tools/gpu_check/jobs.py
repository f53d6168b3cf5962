"""The jobs that are measured, and the textbook's settings."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gpu_check.report import Report

MODES = ("fp32", "tf32", "bf16")
EMBEDDED = "vgg19-embedded"


def precisions(report: Report) -> tuple[str, ...]:
    """Return the precisions that the device computes in."""
    return MODES if report.gpu else ("fp32", "bf16")


def wait(device: str) -> None:
    """Wait until the GPU has done what it was told to."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def free() -> None:
    """Give back what nothing refers to any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def allow_tf32(allowed: bool) -> None:
    """Say whether the textbook may compute float32 in TF32, which keeps ten bits of the mantissa, products of matrices
    too. nst has a precision for it.
    """
    import torch

    torch.backends.cudnn.conv.fp32_precision = "tf32" if allowed else "ieee"
    torch.backends.cuda.matmul.fp32_precision = "tf32" if allowed else "ieee"


def pair_of(width: int, weights: str = EMBEDDED) -> Any:
    """Return generated images of a width; large ones are enlarged, as painting them takes many seconds."""
    from torch.nn.functional import interpolate

    from nst_benchmarks.pair import Pair

    small = Pair.generated(min(width, 512), weights)
    if width <= 512:
        return small
    size = (width * 3 // 4, width)
    enlarged = (interpolate(x, size=size, mode="bilinear").clamp(0, 1) for x in (small.content, small.style))
    return Pair(*enlarged, weights)


def prepared(pair: Any, precision: str, device: str, lite: bool = False, tile: Any = "off", **changes: Any) -> Any:
    """Return the default job on a pair of images, prepared: with VGG-19, or with the small network."""
    from nst_core import Resources, Session

    job, session = job_of(pair, precision, device, lite, **changes), Session()
    return session.prepare(job, content=pair.content, styles=[pair.style], resources=Resources(tile=tile))


def job_of(pair: Any, precision: str, device: str, lite: bool = False, **changes: Any) -> Any:
    """Return the default job on a pair of images."""
    from nst_core import make_job

    if not lite:
        return replace(pair.job(precision), device=device, **changes)
    options = {"preset": "content", "extractor": "vgg19-lite", "precision": precision, "device": device}
    return replace(make_job(pair.content, pair.style, size=max(pair.content.shape), **options), **changes)


def stepper(problem: Any) -> Callable[[], None]:
    """Return what makes one evaluation and one step of the engine; it begins again where the optimizer ends."""
    from nst_core import default_registry
    from nst_core.engine.loop import Loop

    def begin() -> Loop:
        return Loop(problem, lambda component: default_registry().create("optimizer", component))

    loop = begin()

    def step() -> None:
        nonlocal loop
        if loop.complete:
            loop = begin()
        loop.measure()
        if not loop.complete:
            loop.advance()

    return step


def under_autocast(run: Callable[[], object], device: str, wanted: bool) -> Callable[[], object]:
    """Return ``run``, in torch's automatic bfloat16 where wanted: how a textbook is made faster in one line."""
    import torch

    def autocast() -> object:
        with torch.autocast(device, torch.bfloat16, enabled=wanted):
            return run()

    return autocast
