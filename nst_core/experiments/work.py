"""What a worker does with one job: the picture, its recipe and its figures, in a cell of a folder."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from nst_core.components import Extractor, Finished, Read, Task, Watch, unwatched
from nst_core.engine.checkpoint import Checkpoint
from nst_core.engine.result import Step, versions
from nst_core.engine.session import Session
from nst_core.errors import ExecutorError, NstError
from nst_core.experiments.metrics import evaluate_image, layers_for
from nst_core.experiments.store import ResultStore, plain_number
from nst_core.files import atomic_write
from nst_core.job.named_files import NamedFile, named_files, with_paths
from nst_core.job.schema import Component, Job
from nst_core.planning.memory_plan import Allocation
from nst_core.planning.resources import Resources
from nst_core.runtime.threads import processor_threads

__all__ = ["FAILURES", "CellWork", "deciding_versions", "files_of", "said"]

FAILURES = (NstError, OSError, RuntimeError, ValueError, TypeError, ArithmeticError, LookupError, MemoryError)
"""What a job may fail with, while the others go on."""

PATIENCE = 60.0
"""Seconds to wait for a worker of a driver that is gone: it ends with the evaluation that it is at."""


def said(error: BaseException) -> str:
    """Return what to tell the user about a job that failed."""
    return str(error) if isinstance(error, NstError) else f"{type(error).__name__}: {error}"


def deciding_versions() -> dict[str, str]:
    """Return the versions that all workers of a batch must have in common."""
    return {name: number for name, number in versions().items() if name != "python"}


def files_of(job: Job) -> tuple[tuple[str, str], ...]:
    """Return path and SHA-256 of every file that a pinned job names."""
    return tuple((file.path, file.sha256) for file in named_files(job) if file.is_path and file.sha256)


@functools.cache
def _own_session() -> Session:
    """Return the session of a process that only works for a driver."""
    return Session()


@functools.cache
def _own_folder() -> Path:
    """Return a folder for files that were sent to this process; it goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="nst-worker-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(frozen=True)
class CellWork:
    """Carries tasks out, each into a cell of a folder. See :class:`nst_core.Work`.

    Attributes:
        folder: of all cells, as a path that workers see, too.
        place: folder that relative paths start from.
        threads: to compute with; ``None`` for one per core that may be used.
        versions: that workers must have, see :func:`deciding_versions`.
        extractors: networks of the tasks, as far as they are no files, with the SHA-256 of their weights.
        session: of this process; it does not travel.
    """

    folder: Path
    place: Path = field(default_factory=Path.cwd)
    threads: int | None = None
    versions: Mapping[str, str] = field(default_factory=deciding_versions)
    extractors: tuple[tuple[Component, str], ...] = ()
    session: Session | None = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "session": None}

    def __call__(self, task: Task, watch: Watch = unwatched, read: Read | None = None) -> Finished:
        """Carry a task out; see :class:`nst_core.Work`."""
        session = self.own_session()
        try:
            with processor_threads(self.threads):
                if read is None:
                    self.enter()
                    return self._computed(_Cell(task, task.job, ResultStore(self.folder), session, watch))
                return self._gathered(task, session, watch, read)
        except KeyboardInterrupt:
            return Finished(task.key, stopped=True)
        except Exception as error:  # a plugin's bug, too, is no reason to stop the others
            return Finished(task.key, error=said(error))

    def check(self) -> str:
        """Return what makes this process unfit for the tasks; see :class:`nst_core.Work`."""
        mine = versions()
        other = [
            f"{name} {mine[name]} instead of {number}"
            for name, number in self.versions.items()
            if mine.get(name) != number
        ]
        if other:
            return f"it has {', '.join(other)}; install the versions that this machine has"
        session = self.own_session()
        for component, sha256 in self.extractors:
            try:
                extractor: Extractor = session.cache.extractor(session.registry, component)
                found = extractor.fingerprint()
            except FAILURES as error:
                return f"it cannot load the network '{component.name}': {said(error)}"
            if found != sha256:
                return (
                    f"its weights of '{component.name}' are others (SHA-256 {found[:12]}… instead of {sha256[:12]}…); "
                    "import the same set there with 'nst weights import'"
                )
        return ""

    def own_session(self) -> Session:
        """Return the session that this process works in."""
        return self.session or _own_session()

    def enter(self) -> None:
        """Let relative paths lead where they lead for the driver."""
        if self.session is None:
            try:
                os.chdir(self.place)
            except OSError as error:
                raise ExecutorError(f"a worker does not see the folder '{self.place}': {error}") from error

    def _computed(self, cell: _Cell) -> Finished:
        """Make a cell, unless it is there, and let nobody else write it meanwhile."""
        key, store = cell.task.key, cell.store
        checkpoint = Checkpoint(store.checkpoint(key), disposable=True, patience=PATIENCE)
        store.folder(key).mkdir(parents=True, exist_ok=True)
        with checkpoint.claimed():
            known = store.read(key)
            if known is not None:  # a worker that died, or whose driver did, was done with it
                return Finished(key, known)
            return self._made(cell, checkpoint)

    def _made(self, cell: _Cell, checkpoint: Checkpoint) -> Finished:
        """Make picture, recipe and figures."""
        task, job, store, session = cell.task, cell.job, cell.store, cell.session
        began = time.perf_counter()
        curves = _Curves()
        layers = layers_for(job, session)
        run = session.run(
            job,
            resources=Resources(threads=self.threads),
            checkpoint=checkpoint,
            allocation=Allocation(task.optimizer or job.optimizer, task.max_pixels, task.remark),
        )
        result = run.exhaust([curves, lambda step: cell.watch(step.number, step.steps)])
        if result.stopped == "cancelled":
            return Finished(task.key, stopped=True)
        result = replace(result, job=cell.back(result.job))
        store.begin(task.key)
        picture = store.write_picture(task.key, result)
        metrics = evaluate_image(
            picture,
            job.extractor,
            session=session,
            content=job.content.path if job.content else None,
            style=job.styles[0].path if len(job.styles) == 1 else None,
            style_size=None if job.content else job.size,
            layers=layers,
            device=job.device,
        )
        record = {
            **result.figures(),
            "contributions": curves.by_term,
            "metrics": metrics.to_dict(),
            "wall_seconds": time.perf_counter() - began,
        }
        record = store.finish(task.key, record)
        checkpoint.finished()
        return Finished(task.key, record)

    def _gathered(self, task: Task, session: Session, watch: Watch, read: Read) -> Finished:
        """Make a cell where the driver's files are not: bring them here, and take the cell's files back."""
        inputs = _own_folder()
        places = {path: _placed(inputs, path, sha256, read) for path, sha256 in task.files}
        kept = {Path(place).parent.name for place in places.values()}
        for other in inputs.iterdir():  # the painting of the next task is that of this one more often than not
            if other.name not in kept:
                shutil.rmtree(other, ignore_errors=True)
        origins = {place: path for path, place in places.items()}

        def here(file: NamedFile) -> str:
            return places.get(file.path, file.path)

        def there(file: NamedFile) -> str:
            return origins.get(file.path, file.path)

        # Not in a folder that goes with the process: the checkpoint is for the process that comes after it.
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        store = ResultStore(user_cache_path("nst") / "workers" / name)
        job = with_paths(task.job, here)
        found = self._computed(_Cell(task, job, store, session, watch, lambda job: with_paths(job, there)))
        if found.stopped:
            return found
        files = store.files(task.key)
        store.forget(task.key)
        return replace(found, files=files)


@dataclass(frozen=True)
class _Cell:
    """A cell to be made.

    Attributes:
        task: what to do.
        job: the task's, with the paths that files have here.
        store: where to.
        session: of this process.
        watch: told how far it is.
        back: gives a job the paths that the driver knows.
    """

    task: Task
    job: Job
    store: ResultStore
    session: Session
    watch: Watch
    back: Callable[[Job], Job] = lambda job: job


def _placed(folder: Path, path: str, sha256: str, read: Read) -> str:
    """Write a file that was sent here under its own name, unless it is there; return its path."""
    target = folder / sha256[:16] / Path(path).name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        with atomic_write(target) as temporary:
            temporary.write_bytes(read(sha256))
    return str(target)


class _Curves:
    """What each term adds to the total at every evaluation; ``None`` at those made before the run was interrupted."""

    def __init__(self) -> None:
        self.by_term: dict[str, list[float | None]] = {}

    def __call__(self, step: Step) -> None:
        for term, value in step.weighted.items():
            values = self.by_term.setdefault(term, [])
            values += [None] * (step.number - 1 - len(values))
            values.append(plain_number(value))
