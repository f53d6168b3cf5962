"""A computation in a process of its own, so that what another one does to the memory allocator does not slow it."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

__all__ = ["Worker"]


class Worker:
    """Makes something callable in a new process, and calls it there whenever it is asked to.

    Args:
        make: a function of a module; returns what is to be called.
        arguments: of ``make``; they must be picklable.
    """

    def __init__(self, make: Callable[..., Callable[[], object]], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, make, arguments), daemon=True)
        self._process.start()
        there.close()
        self._ready = False  # several can be made at the same time

    def __call__(self) -> None:
        """Call it once and wait for its end.

        Raises:
            RuntimeError: it failed; with its traceback.
        """
        if not self._ready:
            self._receive()
            self._ready = True
        self._here.send("run")
        self._receive()

    def _receive(self) -> None:
        try:
            problem = self._here.recv()
        except EOFError:
            problem = f"the process ended with code {self._process.exitcode}"
        if problem:
            raise RuntimeError(problem)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._here.close()
        self._process.join(5)
        self._process.terminate()


def _serve(there: Connection, make: Callable[..., Callable[[], object]], arguments: tuple[Any, ...]) -> None:
    try:
        run = make(*arguments)
        there.send("")
        while there.recv():
            run()
            there.send("")
    except EOFError:
        return
    except Exception:  # it is told to the other process
        there.send(traceback.format_exc())
