"""Many jobs, one after the other: none computed twice, none stopped by another's failure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nst_core.components.registry import Registry
from nst_core.engine.checkpoint import Checkpoint
from nst_core.engine.prepare import pastiche_size, resolve
from nst_core.engine.result import Step
from nst_core.engine.run import optimize, run
from nst_core.errors import NstError
from nst_core.experiments.metrics import evaluate_image, layers_for
from nst_core.experiments.store import CellStore, cell_key, plain_number
from nst_core.job.schedule import Scale, job_at, scales_of
from nst_core.job.schema import Job
from nst_core.plugins.attribution import naming_plugins
from nst_core.runtime.cache import Shared

__all__ = ["Batch", "BatchObserver", "CellResult", "Status", "estimate", "prepare", "run_batch"]

# What a job may fail with, while the others go on.
FAILURES = (NstError, OSError, RuntimeError, ValueError, TypeError, ArithmeticError, LookupError)

Status = Literal["done", "kept", "failed", "missing"]


@dataclass(frozen=True)
class CellResult:
    """What became of one job.

    Attributes:
        job: as it was given.
        key: hash of everything that decides the pixels; "" where an image or the weights could not be read.
        status: computed now, kept from an earlier run, failed, or not come to.
        folder: where picture, recipe and figures are, once they are.
        record: the figures, as ``result.json`` holds them; empty without a picture.
        error: what went wrong.
    """

    job: Job
    key: str = ""
    status: Status = "missing"
    folder: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def finished(self) -> bool:
        """Whether there is a picture."""
        return self.status in ("done", "kept")


@dataclass(frozen=True)
class Batch:
    """What became of all jobs, in their order; ``interrupted`` by Ctrl-C or not."""

    results: tuple[CellResult, ...]
    interrupted: bool = False

    @property
    def failed(self) -> list[CellResult]:
        """The ones that failed."""
        return [result for result in self.results if result.status == "failed"]


class BatchObserver:
    """Watches a run of many jobs; every method may be overridden."""

    def started(self, number: int, result: CellResult) -> None:
        """A job begins, the ``number``-th of the list from 0."""

    def step(self, step: Step) -> None:
        """The current job has made an evaluation."""

    def ended(self, number: int, result: CellResult) -> None:
        """A job is done or has failed."""


def prepare(jobs: Sequence[Job], folder: Path, registry: Registry, shared: Shared) -> list[CellResult]:
    """Look at what there is: finished cells are kept, jobs whose images cannot be read have failed already."""
    store = CellStore(folder)
    return [_prepared(job, store, registry, shared) for job in jobs]


def _prepared(job: Job, store: CellStore, registry: Registry, shared: Shared) -> CellResult:
    try:
        key = cell_key(job, registry, shared)
    except NstError as error:
        return CellResult(job, status="failed", error=str(error))
    record = store.read(key)
    if record is None:
        return CellResult(job, key)
    return CellResult(job, key, "kept", store.folder(key), record)


def estimate(prepared: Sequence[CellResult], registry: Registry, shared: Shared) -> float:
    """Return the seconds that the missing cells will take, from a few evaluations of the one with most layers.

    The time of an evaluation is taken to be proportional to the number of pixels, and measured at a size that any
    machine has room for.
    """
    missing = list({result.key: result.job for result in prepared if result.status == "missing"}.values())
    sizes: dict[tuple[object, ...], tuple[int, int]] = {}
    for job in sorted(missing, key=lambda job: -sum(len(term.layers) for term in job.terms)):
        moments: list[float] = []
        try:
            height, width = _size(job, sizes)
            longest = max(height, width)
            # A narrow picture must have room for the network.
            size = min(longest, max(PROBE_SIZE, math.ceil(SHORTEST * longest / min(height, width))))
            probe = job_at(job, Scale(size, PROBE_STEPS), longest)
            with naming_plugins(registry):
                ready = resolve(probe, registry, shared=shared)
                optimize(ready, [lambda step, moments=moments: moments.append(step.seconds)])  # type: ignore[misc]
        except FAILURES:
            continue  # this one will fail; another tells the time
        pixel = (moments[-1] - moments[0]) / max(1, len(moments) - 1) / ready.initial[0, 0].numel()
        return sum(pixel * _work(other, sizes) + MEASURING for other in missing)
    return 0.0


PROBE_STEPS = 6
PROBE_SIZE = 512
SHORTEST = 64
MEASURING = 0.5  # seconds: files and metrics of a cell


def _work(job: Job, sizes: dict[tuple[object, ...], tuple[int, int]]) -> float:
    """Return how many pixels all evaluations of a job see; 0 where its images cannot be read."""
    try:
        height, width = _size(job, sizes)
    except FAILURES:
        return 0.0
    longest = max(height, width)
    return sum(scale.steps * height * width * (scale.size / longest) ** 2 for scale in scales_of(job, longest))


def _size(job: Job, known: dict[tuple[object, ...], tuple[int, int]]) -> tuple[int, int]:
    """Return height and width of the pastiche, reading every image once."""
    key = (job.content, job.style, job.shape, job.size, job.style_scale)
    if key not in known:
        known[key] = pastiche_size(job)
    return known[key]


def run_batch(
    prepared: Sequence[CellResult],
    folder: Path,
    registry: Registry,
    shared: Shared,
    observer: BatchObserver | None = None,
) -> Batch:
    """Carry out what :func:`prepare` found missing.

    Ctrl-C gives up the current job and ends the run; what is finished stays.
    """
    watcher = observer or BatchObserver()
    store = CellStore(folder)
    results = list(prepared)
    for number, result in enumerate(results):
        if result.status != "missing":
            continue
        twin = next((r for r in results[:number] if r.key == result.key), None)
        if twin is not None:  # the same job twice: its outcome is known
            results[number] = replace(twin, job=result.job)
            continue
        watcher.started(number, result)
        try:
            results[number] = _computed(result, store, registry, shared, watcher.step)
        except KeyboardInterrupt:
            return Batch(tuple(results), interrupted=True)
        watcher.ended(number, results[number])
    return Batch(tuple(results))


def _computed(
    cell: CellResult, store: CellStore, registry: Registry, shared: Shared, watch: Callable[[Step], None]
) -> CellResult:
    try:
        began = time.perf_counter()
        curves = _Curves()
        layers = layers_for(cell.job, registry, shared)
        kept = Checkpoint(store.checkpoint(cell.key), disposable=True)
        result = run(cell.job, registry=registry, shared=shared, observers=[curves, watch], checkpoint=kept)
        if result.stopped == "interrupted":
            raise KeyboardInterrupt
        folder = store.begin(cell.key)
        picture = store.write_picture(cell.key, result)
        metrics = evaluate_image(
            picture,
            registry,
            cell.job.extractor,
            content=cell.job.content.path if cell.job.content else None,
            style=cell.job.style.path if cell.job.style else None,
            style_size=cell.job.size,
            layers=layers,
            device=cell.job.device,
            shared=shared,
        )
        record = {
            **result.figures(),
            "contributions": curves.by_term,
            "metrics": metrics.to_dict(),
            "wall_seconds": time.perf_counter() - began,
        }
        record = store.finish(cell.key, record)
        kept.finished()
        return replace(cell, status="done", folder=folder, record=record)
    except FAILURES as error:
        said = str(error) if isinstance(error, NstError) else f"{type(error).__name__}: {error}"
        return replace(cell, status="failed", error=said)


class _Curves:
    """What each term adds to the total at every evaluation; ``None`` at those made before the run was interrupted."""

    def __init__(self) -> None:
        self.by_term: dict[str, list[float | None]] = {}

    def __call__(self, step: Step) -> None:
        for term, value in step.weighted.items():
            values = self.by_term.setdefault(term, [])
            values += [None] * (step.number - 1 - len(values))
            values.append(plain_number(value))
