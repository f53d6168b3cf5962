"""The executor for the machines of a Ray cluster: Ray Core's actors, one for each worker."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nst_core import Executor, ExecutorError, Finished, Progress, Task, Work, parse_memory
from nst_plugins.executors.attempts import Attempt
from nst_plugins.executors.ray.connection import Connection
from nst_plugins.executors.ray.contents import Contents
from nst_plugins.executors.ray.crew import Crew, Lost

__all__ = ["RayCluster"]


class RayCluster(Executor):
    """Computes on the machines of a Ray cluster.

    A worker that dies, because memory ran out or its machine is gone, is replaced as soon as there is room, and its
    job is tried again by whoever is free: ``retries`` times. It continues from its checkpoint, if the folder of the
    results is shared.
    """

    def __init__(
        self,
        address: str = "",
        workers: int = 0,
        cpus: float = 1.0,
        gpus: float = 0.0,
        memory: str = "",
        gather: bool = False,
        retries: int = 2,
        patience: float = 120.0,
    ) -> None:
        """Remember everything; nothing is imported or connected yet.

        Args:
            address: of the cluster: "auto" for the one that this machine belongs to, or HOST:PORT of its head. By
                default that in RAY_ADDRESS; without that, a cluster is started on this machine.
            workers: how many jobs are computed at a time; 0 for as many as the cluster has room for.
            cpus: of a worker, each a thread; a part of one, or a whole number.
            gpus: of a worker; a part of one, or a whole number.
            memory: of a worker, such as "4GB", which Ray then keeps for it; by default its share of its machine, as
                its CPUs are.
            gather: whether to bring files to the workers and results back, where they do not see this machine's files.
            retries: how often a job is tried again whose worker died.
            patience: seconds that may pass without a worker.
        """
        if workers < 0:
            raise ValueError(f"workers must be at least 1, or 0 for as many as there is room for, not {workers}")
        if cpus <= 0:
            raise ValueError(f"cpus must be positive, not {cpus:g}")
        for name, value in (("cpus", cpus), ("gpus", gpus)):
            if value < 0 or (value > 1 and value != int(value)):
                raise ValueError(f"{name} must be a part of one, or a whole number, not {value:g}")
        if retries < 0:
            raise ValueError(f"retries must not be negative, but is {retries}")
        if patience <= 0:
            raise ValueError(f"patience must be positive, not {patience:g}")
        self.address = address
        self.cpus = cpus
        self.gpus = gpus
        self.memory = parse_memory(memory) if memory else 0
        self.gather = gather
        self.retries = retries
        self.patience = patience
        self._size = workers
        self._connection: Connection | None = None
        self._crew: Crew | None = None

    @property
    def workers(self) -> int:  # type: ignore[override]
        """How many tasks are computed at a time; looks at the cluster where that was left to it.

        Raises:
            ExecutorError: the cluster cannot be reached or used.
        """
        if not self._size:
            nodes = self._connected().nodes()
            self._size = max(1, sum(node.room(self.cpus, self.gpus, self.memory) for node in nodes))
        return self._size

    def limits(self) -> tuple[int | None, int | None]:
        """Return threads and bytes of memory of a worker: its share of the smallest machine where none are given.

        Raises:
            ExecutorError: the cluster cannot be reached or used.
        """
        threads = max(1, int(self.cpus))
        if self.memory:
            return threads, self.memory
        nodes = self._connected().nodes()
        shares = [node.memory * self.cpus / node.cpus for node in nodes if node.room(self.cpus, self.gpus, 0)]
        return threads, int(min(shares, default=0)) or None

    def run(self, tasks: Iterable[Task], work: Work, progress: Callable[[Progress], object]) -> Iterator[Finished]:
        """Carry tasks out; see :meth:`nst_core.Executor.run`."""
        waiting, again = iter(tasks), deque[Attempt]()
        first = next(waiting, None)
        if first is None:
            return
        attempts = map(Attempt, itertools.chain([first], waiting))
        try:
            crew = self._prepared(work)
            contents = Contents(self._connected().ray.put)
            more, seen = True, time.monotonic()
            while True:
                while crew.idle and (again or more):
                    attempt = again.popleft() if again else next(attempts, None)
                    if attempt is None:
                        more = False
                        break
                    try:
                        files = contents.references(attempt.task.files) if self.gather else None
                    except OSError as error:
                        yield Finished(attempt.task.key, error=f"{type(error).__name__}: {error}")
                        continue
                    progress(Progress(attempt.task.key))
                    crew.begin(attempt, files)
                if not (more or again or crew.busy):
                    return
                for message in crew.news():
                    if isinstance(message, Progress):
                        progress(message)
                    elif isinstance(message, Finished):
                        yield message
                    elif message.attempt.number < self.retries:
                        again.append(message.attempt.again())
                    else:
                        yield _failed(message)
                seen = time.monotonic() if crew.alive else seen
                if time.monotonic() - seen > self.patience:
                    raise ExecutorError(self._nobody())
        except KeyboardInterrupt:
            yield from self._stopped()
            raise
        except BaseException:
            self._stopped()
            raise

    def close(self) -> None:
        """End the workers, disconnect from the cluster, and end it if it was started here."""
        connection, self._connection = self._connection, None
        try:
            if connection:
                self._stopped()
        finally:
            if connection:
                connection.close()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection.opened(self.address)
        return self._connection

    def _prepared(self, work: Work) -> Crew:
        """Return the workers, started or asked again whether they are fit."""
        if self._crew is None:
            options: dict[str, Any] = {"num_cpus": self.cpus, "num_gpus": self.gpus}
            if self.memory:
                options["memory"] = self.memory
            self._crew = Crew(self._connected().ray, work, self.workers, options)
        else:
            self._crew.prepare(work)
        return self._crew

    def _stopped(self) -> list[Finished]:
        """End the workers; return what they had finished before that."""
        crew, self._crew = self._crew, None
        return crew.stop() if crew else []

    def _nobody(self) -> str:
        nodes = self._connected().nodes()
        needed = [f"{self.cpus:g} CPUs" if self.cpus != 1 else "1 CPU"]
        needed += [f"{self.gpus:g} GPUs"] if self.gpus else []
        needed += [f"{self.memory / 1e9:g} GB"] if self.memory else []
        most = max((node.cpus for node in nodes), default=0)
        return (
            f"no worker could be started within {self.patience:g} seconds: each needs {', '.join(needed)}, and the "
            f"cluster has {len(nodes)} machines with up to {most:g} CPUs, which others may be using. 'ray status' "
            "shows them; ask for less with --executor ray:cpus=…, or wait longer with patience=…"
        )


def _failed(lost: Lost) -> Finished:
    return Finished(
        lost.attempt.task.key,
        error=f"the worker that had it died {lost.attempt.times}, the last time {lost.how}; if memory was "
        "short, give workers more with memory=… or cpus=…, or use a smaller --size",
    )
