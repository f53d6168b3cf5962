"""Many jobs: what there is of each, what is missing, and how long and how much memory that will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nst_core.components import Progress
from nst_core.engine.session import Session
from nst_core.errors import NstError
from nst_core.experiments.store import CURVES, PICTURE, ResultStore
from nst_core.experiments.work import FAILURES
from nst_core.job.schema import Job
from nst_core.planning.cost_model import measured_costs
from nst_core.planning.memory_plan import MemoryPlan
from nst_core.planning.resources import Resources
from nst_core.plugins.attribution import naming_plugins
from nst_core.runtime.device import choose_device

__all__ = [
    "Batch",
    "BatchObserver",
    "JobOutcome",
    "Observers",
    "Status",
    "count",
    "estimate",
    "neediest",
    "opened",
    "prepare",
    "without_curves",
]

Status = Literal["done", "cached", "failed", "missing"]


@dataclass(frozen=True)
class JobOutcome:
    """What became of one job.

    Attributes:
        job: as it was given; pinned where images and weights could be read, so that it is the one the key is of.
        key: hash of everything that decides the pixels; "" where an image or the weights could not be read.
        status: computed now, kept from an earlier run, failed, or not come to.
        folder: where picture, recipe and figures are, once they are.
        record: the figures that ``result.json`` holds, but for the curves; empty without a picture.
        error: what went wrong.
    """

    job: Job
    key: str = ""
    status: Status = "missing"
    folder: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def curves(self) -> dict[str, Any]:
        """Read what is left out of :attr:`record`, since a thousand of them would fill the memory.

        Returns:
            ``history``, the loss of every evaluation, and ``contributions``, what each term adds to it; empty without a
            picture.
        """
        record = ResultStore.read_folder(self.folder) if self.finished and self.folder else None
        return {name: record[name] for name in CURVES} if record else {}

    @property
    def finished(self) -> bool:
        """Whether there is a picture."""
        return self.status in ("done", "cached")

    @property
    def picture(self) -> Path | None:
        """Path of the picture, ``None`` where there is none."""
        return self.folder / PICTURE if self.finished and self.folder else None


@dataclass(frozen=True)
class Batch:
    """What became of all jobs, in their order; ``interrupted`` by Ctrl-C or not."""

    results: tuple[JobOutcome, ...]
    interrupted: bool = False

    @property
    def failed(self) -> list[JobOutcome]:
        """The ones that failed."""
        return [result for result in self.results if result.status == "failed"]


class BatchObserver:
    """Watches a run of many jobs; every method may be overridden."""

    def started(self, number: int, result: JobOutcome) -> None:
        """A job begins, the ``number``-th of the list from 0; again, if the worker that had it died."""

    def progress(self, number: int, progress: Progress) -> None:
        """A job has made evaluations."""

    def ended(self, number: int, result: JobOutcome) -> None:
        """A job is done or has failed."""


class Observers(BatchObserver):
    """Several observers, each told of everything in their order."""

    def __init__(self, observers: Sequence[BatchObserver]) -> None:
        """Join observers."""
        self._observers = tuple(observers)

    def started(self, number: int, result: JobOutcome) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.started(number, result)

    def progress(self, number: int, progress: Progress) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.progress(number, progress)

    def ended(self, number: int, result: JobOutcome) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.ended(number, result)


def count(results: Sequence[JobOutcome], status: Status) -> int:
    """Return the number of different jobs with an outcome; jobs that could not be read are none."""
    return len({result.key for result in results if result.status == status and result.key})


def prepare(jobs: Sequence[Job], folder: Path, session: Session) -> list[JobOutcome]:
    """Look at what there is: finished cells are kept, jobs whose images cannot be read have failed already."""
    store = ResultStore(folder)
    return [_prepared(job, store, session) for job in jobs]


def _prepared(job: Job, store: ResultStore, session: Session) -> JobOutcome:
    try:
        pinned = session.pin(job)
    except NstError as error:
        return JobOutcome(job, status="failed", error=str(error))
    key = session.key(pinned)
    record = store.read(key)
    if record is None:
        return JobOutcome(pinned, key)
    return JobOutcome(pinned, key, "cached", store.folder(key), without_curves(record))


def without_curves(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return figures as an outcome keeps them, see :meth:`JobOutcome.curves`."""
    return {name: value for name, value in record.items() if name not in CURVES}


def opened(prepared: Sequence[JobOutcome], session: Session) -> list[JobOutcome]:
    """Look into the images of missing cells, too, which :func:`prepare` hashes alone: some will fail."""
    return [_opened(result, session) if result.status == "missing" else result for result in prepared]


def _opened(result: JobOutcome, session: Session) -> JobOutcome:
    try:
        session.schedule(result.job)
    except NstError as error:
        return replace(result, status="failed", error=str(error))
    return result


def estimate(prepared: Sequence[JobOutcome], session: Session, machines: int = 1) -> float:
    """Return the seconds that the missing cells will take, as the one with most layers takes on small images.

    The time of an evaluation is taken to be proportional to the number of pixels. Workers that share this machine are
    as fast together as one that has all of it.

    Args:
        prepared: what there is.
        session: that is measured in.
        machines: that share the work, each taken to be as fast as this one.
    """
    missing = list({result.key: result.job for result in prepared if result.status == "missing"}.values())
    for job in sorted(missing, key=lambda job: -sum(len(term.layers) for term in job.terms)):
        try:
            with naming_plugins(session.registry):
                costs = measured_costs(job, session.registry, session.cache, choose_device(job.device))
        except FAILURES:
            continue  # this one will fail; another tells the time
        return sum(costs.seconds * _work(other, session) + MEASURING for other in missing) / min(machines, len(missing))
    return 0.0


def neediest(prepared: Sequence[JobOutcome], session: Session, resources: Resources | None = None) -> MemoryPlan | None:
    """Return the plan of the missing cell that needs most memory; ``None`` where nothing is missing.

    Of cells that differ in images and seeds alone, the one with the largest picture is planned.
    """
    largest: dict[Any, tuple[float, Job]] = {}
    for result in prepared:
        job = result.job
        if result.status == "missing":
            method = (job.extractor, job.terms, job.optimizer, job.parametrization, job.precision, job.device)
            largest[method] = max(
                largest.get(method, (-1.0, job)), (_pixels(job, session), job), key=lambda pair: pair[0]
            )
    plans = []
    for _, job in largest.values():
        try:
            plans.append(session.plan(job, resources=resources))
        except FAILURES:
            continue  # this one will fail
    return max(plans, key=lambda plan: plan.bytes, default=None)


def _pixels(job: Job, session: Session) -> int:
    """Return the pixels of a job's picture; 0 where its images cannot be read."""
    try:
        _, (height, width) = session.schedule(job)
    except FAILURES:
        return 0
    return height * width


MEASURING = 0.5  # seconds: files and metrics of a cell


def _work(job: Job, session: Session) -> float:
    """Return how many pixels all evaluations of a job see; 0 where its images cannot be read."""
    try:
        levels, (height, width) = session.schedule(job)
    except FAILURES:
        return 0.0
    longest = max(height, width)
    return sum(level.steps * height * width * (level.size / longest) ** 2 for level in levels)
