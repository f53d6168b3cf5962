"""The executor for one machine with several cores: processes that share them."""

from __future__ import annotations

import atexit
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from nst_core import Executor, ExecutorError, Finished, Progress, Task, Work
from nst_plugins.executors.attempts import GRACE, Attempt

__all__ = ["Processes"]

CPU_WORKERS = 2
"""Workers where no number is given: with one thread each on two cores, both are always at work."""
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""A terminal sends them to all processes; it is for the driver to decide what they mean."""
EVERY = 0.2
"""Seconds between two messages of a worker on how far it is, at least."""


class Processes(Executor):
    """Computes in processes of this machine, which share its cores and memory.

    A worker that dies, because memory ran out for instance, is replaced, and its job is tried again: ``retries``
    times. It continues from its checkpoint.
    """

    def __init__(self, workers: int = CPU_WORKERS, retries: int = 2) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        if retries < 0:
            raise ValueError(f"retries must not be negative, but is {retries}")
        self.workers = workers
        self.retries = retries
        self._pool: list[_Worker] = []

    def run(self, tasks: Iterable[Task], work: Work, progress: Callable[[Progress], object]) -> Iterator[Finished]:
        """Carry tasks out; see :meth:`nst_core.Executor.run`."""
        waiting, again = iter(tasks), deque[Attempt]()
        try:
            while True:
                self._feed(waiting, again, work, progress)
                busy = {worker.connection: worker for worker in self._pool if worker.attempt}
                if not busy:
                    return
                for ready in wait([*busy]):
                    worker = busy[ready]  # type: ignore[index]
                    message = worker.message()
                    if isinstance(message, Progress):
                        progress(message)
                    if isinstance(message, Progress | _Ready):
                        continue
                    attempt, worker.attempt = worker.attempt, None
                    if message is None and attempt is not None:  # it died
                        self._pool.remove(worker)
                        message = self._lost(worker, attempt, again)
                    if message is not None:
                        yield message
        except BaseException:
            self._stop()
            raise

    def close(self) -> None:
        """End the processes."""
        atexit.unregister(self.close)
        self._stop()

    def _feed(
        self, waiting: Iterator[Task], again: deque[Attempt], work: Work, progress: Callable[[Progress], object]
    ) -> None:
        """Give every idle worker a task, and start workers as long as there are tasks for them."""
        for place in range(self.workers):
            if place < len(self._pool) and self._pool[place].attempt:
                continue
            attempt = again.popleft() if again else None
            if attempt is None:
                task = next(waiting, None)
                if task is None:
                    return
                attempt = Attempt(task)
            if place >= len(self._pool):
                if not self._pool:  # at exit, multiprocessing would wait for workers that wait for tasks
                    atexit.register(self.close)
                with _unheard_signals():  # Ctrl-C comes when the worker is known, and can be told
                    self._pool.append(_Worker.started(work))
            progress(Progress(attempt.task.key))
            self._pool[place].begin(attempt)

    def _lost(self, worker: _Worker, attempt: Attempt, again: deque[Attempt]) -> Finished | None:
        """Return what became of the task of a worker that died; ``None`` if it is to be tried again.

        Raises:
            ExecutorError: it died before it could begin with anything, as all others would.
        """
        how = worker.end()
        if not worker.ready:
            raise ExecutorError(
                f"a worker process ended {how} before it could begin. In a program of your own, put the call under "
                "'if __name__ == \"__main__\":', since every worker imports the program"
            )
        if attempt.number < self.retries:
            again.append(attempt.again())
            return None
        return Finished(
            attempt.task.key,
            error=f"the process that worked on it died {attempt.times}, the last time {how}; if memory was short, use "
            "fewer --workers or a smaller --size",
        )

    def _stop(self) -> None:
        """Ask all workers to end, wait a while, and end those that do not."""
        pool, self._pool = self._pool, []
        try:
            for worker in pool:
                worker.ask_to_stop()
            until = time.monotonic() + GRACE
            for worker in pool:
                worker.wait_for_end(until)
        finally:  # Ctrl-C once more ends the wait
            for worker in pool:
                worker.kill()


@dataclass(frozen=True)
class _Ready:
    """What a worker says first."""


@dataclass
class _Worker:
    """A process, and what it is at."""

    process: BaseProcess
    connection: Connection
    attempt: Attempt | None = None
    ready: bool = False

    @classmethod
    def started(cls, work: Work) -> _Worker:
        context = multiprocessing.get_context("spawn")  # threads of torch do not survive a fork
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, work), daemon=True, name="nst-worker")
        try:
            process.start()
        except OSError as error:
            raise ExecutorError(f"a worker process cannot be started: {error}; use fewer --workers") from error
        finally:
            there.close()
        return cls(process, here)

    def begin(self, attempt: Attempt) -> None:
        self.attempt = attempt
        with suppress(OSError):  # it died: reading says so
            self.connection.send(attempt.task)

    def message(self) -> Progress | Finished | _Ready | None:
        """Return what the worker says; ``None`` if it died."""
        try:
            said: Progress | Finished | _Ready = self.connection.recv()
        except (EOFError, OSError):
            return None
        self.ready = True
        return said

    def wait_for_end(self, until: float) -> None:
        """Wait for the process, but not for ever, and read what it has to say, which it could not end without."""
        while self.process.is_alive() and time.monotonic() < until:
            if self.connection.poll(EVERY) and self.message() is None:
                self.process.join(max(0.0, until - time.monotonic()))

    def ask_to_stop(self) -> None:
        with suppress(OSError):
            self.connection.send(None)

    def end(self) -> str:
        """Return how the process ended, in words."""
        self.process.join(GRACE)
        code = self.process.exitcode
        self.kill()
        return f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"

    def kill(self) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()


def _serve(connection: Connection, work: Work) -> None:
    """Carry out what comes, until the driver says that it is enough, or is gone."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        connection.send(_Ready())
        while (task := connection.recv()) is not None:
            connection.send(_carried_out(task, work, _Reporter(connection, task.key)))


def _carried_out(task: Task, work: Work, watch: _Reporter) -> Finished:
    try:
        return work(task, watch)
    except Exception as error:  # work raises nothing; what does is a bug, and no reason to start anew
        return Finished(task.key, error=f"{type(error).__name__}: {error}")


@contextmanager
def _unheard_signals() -> Iterator[None]:
    """Start a process inside the block that hears no signals; they come to this one afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # whose start would let signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Reporter:
    """Tells the driver how far a task is, and whether it still wants it."""

    def __init__(self, connection: Connection, key: str) -> None:
        self.connection, self.key = connection, key
        self.last = time.monotonic()

    def __call__(self, number: int, steps: int) -> bool:
        try:
            if self.connection.poll():  # to stop, or the driver is gone
                return False
            if time.monotonic() - self.last >= EVERY or number == steps:
                self.last = time.monotonic()
                self.connection.send(Progress(self.key, number, steps))
        except OSError:
            return False
        return True
