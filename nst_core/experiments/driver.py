"""The driver of a batch: plans jobs, hands them to an executor, and takes back what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from nst_core.components import Executor, Finished, Progress, Task
from nst_core.engine.session import Session
from nst_core.errors import ExecutorError
from nst_core.experiments.batch import Batch, BatchObserver, JobOutcome, without_curves
from nst_core.experiments.store import ResultStore
from nst_core.experiments.work import FAILURES, CellWork, files_of, said
from nst_core.job.named_files import named_files
from nst_core.planning.memory_plan import available_share
from nst_core.planning.resources import Resources
from nst_core.plugins.attribution import naming_plugins
from nst_core.runtime.device import choose_device
from nst_core.runtime.threads import threads_to_use

__all__ = ["machines", "run_batch", "share_of"]


def run_batch(
    prepared: Sequence[JobOutcome],
    folder: Path,
    session: Session,
    executor: Executor,
    observer: BatchObserver | None = None,
    *,
    threads: int | None = None,
) -> Batch:
    """Carry out what :func:`nst_core.experiments.batch.prepare` found missing: none twice, none stopped by another.

    Ctrl-C stops the jobs that are being computed and ends the run; what is finished stays, and what was begun is
    continued by the next run.

    Args:
        prepared: what there is.
        folder: of the cells.
        session: that jobs are planned in, and carried out, where that is done in this process. Other processes know
            the plugins that are installed, and not those of a registry made by hand.
        executor: where jobs are computed, and how many at a time. It is not closed.
        observer: told of everything.
        threads: of all workers on this machine together; ``None`` for one per core.

    Raises:
        ExecutorError: there is nobody to do the work.
        PluginError: the executor of a third party failed.
    """
    driver = _Driver(prepared, folder, session, executor, observer or BatchObserver(), threads)
    interrupted = False
    try:
        if not driver.numbers:  # an executor may have to go far to find out that there is nothing to do
            return Batch(tuple(prepared))
        with naming_plugins(session.registry):
            driver.drive()
    except KeyboardInterrupt:
        interrupted = True
    return Batch(tuple(driver.outcomes(interrupted=interrupted)), interrupted)


def machines(executor: Executor) -> int:
    """Return how many times the work of this machine workers do together: they share it, or have cores of their own."""
    return executor.workers if executor.limits()[0] else 1


def share_of(
    executor: Executor,
    threads: int | None = None,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - frozen
) -> Resources:
    """Return what one worker may use.

    Args:
        executor: whose worker.
        threads: of all workers on this machine together; ``None`` for one per core that may be used.
        device: whose memory they share.
    """
    own, memory = executor.limits()
    if executor.workers == 1 and own is None and memory is None:
        return Resources(threads=threads)
    count = own or max(1, threads_to_use(threads) // executor.workers)
    return Resources(threads=count, memory_limit=memory or available_share(1 / executor.workers, device))


class _Driver:
    """What is known of every job of a batch while it is carried out."""

    def __init__(
        self,
        prepared: Sequence[JobOutcome],
        folder: Path,
        session: Session,
        executor: Executor,
        observer: BatchObserver,
        threads: int | None,
    ) -> None:
        self.results = list(prepared)
        self.folder, self.session, self.observer = folder, session, observer
        self.executor, self.threads = executor, threads
        self.numbers: dict[str, int] = {}  # of the job that is computed, of those that are the same
        for number, result in enumerate(self.results):
            if result.status == "missing":
                self.numbers.setdefault(result.key, number)

    def drive(self) -> None:
        """Hand out what is missing, and take back what comes.

        Raises:
            KeyboardInterrupt: Ctrl-C, here or in a worker.
            ExecutorError: there is nobody to do the work, or a result is of no task.
        """
        running = self.executor.run(self.tasks(), self.work(), self.progress)
        try:
            for finished in running:
                if finished.stopped:
                    raise KeyboardInterrupt
                number = self.numbers.get(finished.key)
                if number is None:
                    name = type(self.executor).__name__
                    raise ExecutorError(f"the executor {name} gave a result of a task that it was not given")
                self.end(number, self.outcome(number, finished))
        finally:
            getattr(running, "close", lambda: None)()

    def tasks(self) -> Iterator[Task]:
        """Plan one job after the other, as late as the executor takes them."""
        for number in self.numbers.values():
            outcome = self.results[number]
            try:
                resources = share_of(self.executor, self.threads, choose_device(outcome.job.device))
                allocation = self.session.allocate(outcome.job, resources)
            except FAILURES as error:
                hint = " Fewer --workers have more memory each." if self.executor.workers > 1 else ""
                self.end(number, replace(outcome, status="failed", error=f"{said(error)}{hint}"))
                continue
            yield Task(
                outcome.key,
                outcome.job,
                allocation.optimizer,
                allocation.max_pixels,
                allocation.remark,
                files_of(outcome.job),
            )

    def work(self) -> CellWork:
        """Return what workers do. Weights that are files are found by every task by itself."""
        jobs = [self.results[number].job for number in self.numbers.values()]
        networks = {
            (job.extractor, job.weights_sha256): None
            for job in jobs
            if not any(file.role == "weights" and file.is_path for file in named_files(job))
        }
        threads = share_of(self.executor, self.threads).threads
        return CellWork(self.folder.absolute(), threads=threads, extractors=tuple(networks), session=self.session)

    def progress(self, update: Progress) -> None:
        """Tell the observer how far a task is."""
        number = self.numbers[update.key]
        if update.number:
            self.observer.progress(number, update)
        else:
            self.observer.started(number, self.results[number])

    def end(self, number: int, outcome: JobOutcome) -> None:
        """Note what became of a job."""
        self.results[number] = outcome
        self.observer.ended(number, outcome)

    def outcome(self, number: int, finished: Finished) -> JobOutcome:
        """Return what became of a job, whose files are written if they came with it."""
        outcome, store = self.results[number], ResultStore(self.folder)
        if finished.error:
            return replace(outcome, status="failed", error=finished.error)
        if finished.files:
            try:
                store.take(outcome.key, finished.files)
            except OSError as error:
                return replace(outcome, status="failed", error=said(error))
        record = without_curves(finished.record)
        return replace(outcome, status="done", folder=store.folder(outcome.key), record=record)

    def outcomes(self, *, interrupted: bool) -> Iterator[JobOutcome]:
        """Give what became of all jobs in their order; of the same job twice, the same."""
        for result in self.results:
            if result.status != "missing":
                yield result
                continue
            found, store = self.results[self.numbers[result.key]], ResultStore(self.folder)
            record = store.read(result.key) if found.status == "missing" and interrupted else None
            if record:  # it was finished while the workers were told to stop
                found = replace(found, status="done", folder=store.folder(result.key), record=without_curves(record))
            if found.status == "missing" and not interrupted:
                found = replace(found, status="failed", error="the executor gave no result of it")
            yield replace(found, job=result.job)
