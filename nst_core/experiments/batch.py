"""Many jobs, wherever they are computed: none twice, and none stopped by another's failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from nst_core.components import Executor, Finished, Progress, Task
from nst_core.engine.session import Session
from nst_core.errors import NstError
from nst_core.experiments.store import CURVES, PICTURE, ResultStore
from nst_core.experiments.work import FAILURES, CellWork, files_of, said
from nst_core.job.named_files import named_files
from nst_core.job.schema import Component, Job
from nst_core.planning.cost_model import CostModel
from nst_core.planning.memory_plan import MemoryPlan, available_share
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
    "run_batch",
    "share_of",
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
    return JobOutcome(pinned, key, "cached", store.folder(key), _without_curves(record))


def _without_curves(record: Mapping[str, Any]) -> dict[str, Any]:
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


def estimate(prepared: Sequence[JobOutcome], session: Session) -> float:
    """Return the seconds that the missing cells will take, as the one with most layers takes on small images.

    The time of an evaluation is taken to be proportional to the number of pixels.
    """
    missing = list({result.key: result.job for result in prepared if result.status == "missing"}.values())
    for job in sorted(missing, key=lambda job: -sum(len(term.layers) for term in job.terms)):
        try:
            with naming_plugins(session.registry):
                costs = CostModel(job, session.registry, session.cache, choose_device(job.device))
        except FAILURES:
            continue  # this one will fail; another tells the time
        return sum(costs.seconds * _work(other, session) + MEASURING for other in missing)
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


def run_batch(
    prepared: Sequence[JobOutcome],
    folder: Path,
    session: Session,
    observer: BatchObserver | None = None,
    *,
    executor: Executor | None = None,
    threads: int | None = None,
) -> Batch:
    """Carry out what :func:`prepare` found missing.

    Ctrl-C stops the jobs that are being computed and ends the run; what is finished stays, and what was begun is
    continued by the next run.

    Args:
        prepared: what there is.
        folder: of the cells.
        session: that jobs are planned in, and carried out, where that is done in this process.
        observer: told of everything.
        executor: where jobs are computed, and how many at a time; this process, one at a time, by default. It is not
            closed.
        threads: of all workers on this machine together; ``None`` for torch's choice.

    Raises:
        ExecutorError: there is nobody to do the work.
    """
    watcher = observer or BatchObserver()
    chosen: Executor = executor or session.registry.create("executor", Component("local"))
    results = list(prepared)
    numbers: dict[str, int] = {}  # of the job that is computed, of those that are the same
    for number, result in enumerate(results):
        if result.status == "missing":
            numbers.setdefault(result.key, number)
    resources = share_of(chosen, threads)
    store = ResultStore(folder)

    def ended(number: int, outcome: JobOutcome) -> None:
        results[number] = outcome
        watcher.ended(number, outcome)

    def tasks() -> Iterator[Task]:
        for number in numbers.values():
            outcome = results[number]
            try:
                allocation = session.allocate(outcome.job, resources)
            except FAILURES as error:
                ended(number, replace(outcome, status="failed", error=said(error)))
                continue
            job = replace(outcome.job, optimizer=allocation.optimizer)
            yield Task(outcome.key, job, allocation.max_pixels, allocation.remark, files_of(job))

    def progress(update: Progress) -> None:
        number = numbers[update.key]
        if update.number:
            watcher.progress(number, update)
        else:
            watcher.started(number, results[number])

    networks = {
        (job.extractor, job.weights_sha256): None
        for job in (results[number].job for number in numbers.values())
        if not any(file.role == "weights" and file.is_path for file in named_files(job))
    }
    work = CellWork(folder.absolute(), threads=resources.threads, extractors=tuple(networks), session=session)
    interrupted = False
    try:
        with _running(chosen.run(tasks(), work, progress)) as running:
            for finished in running:
                if finished.stopped:
                    raise KeyboardInterrupt
                ended(numbers[finished.key], _outcome(results[numbers[finished.key]], finished, store))
    except KeyboardInterrupt:
        interrupted = True
    for number, result in enumerate(results):
        if result.status == "missing" and numbers[result.key] != number:  # the same job twice
            results[number] = replace(results[numbers[result.key]], job=result.job)
    return Batch(tuple(results), interrupted)


@contextmanager
def _running(running: Iterator[Finished]) -> Iterator[Iterator[Finished]]:
    """Close an iterator at the end, whatever happens, if it can be closed."""
    try:
        yield running
    finally:
        getattr(running, "close", lambda: None)()


def share_of(executor: Executor, threads: int | None = None) -> Resources:
    """Return what one worker may use.

    Args:
        executor: whose worker.
        threads: of all workers on this machine together; ``None`` for torch's choice.
    """
    own, memory = executor.limits()
    if executor.workers == 1 and own is None and memory is None:
        return Resources(threads=threads)
    count = own or max(1, (threads or torch.get_num_threads()) // executor.workers)
    return Resources(threads=count, memory_limit=memory or available_share(1 / executor.workers))


def _outcome(outcome: JobOutcome, finished: Finished, store: ResultStore) -> JobOutcome:
    if finished.error:
        return replace(outcome, status="failed", error=finished.error)
    if finished.files:
        try:
            store.take(outcome.key, finished.files)
        except OSError as error:
            return replace(outcome, status="failed", error=said(error))
    return replace(outcome, status="done", folder=store.folder(outcome.key), record=_without_curves(finished.record))
