"""A computation in a process of its own, so that what another one does to the memory allocator does not slow it."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from nst_core.errors import NstError

__all__ = ["Worker"]


class Worker:
    """Makes something callable in a new process, and calls it there whenever it is asked to.

    Args:
        make: a function of a module; returns what is to be called.
        arguments: of ``make``; they, and what is called with and returns, must be picklable.
    """

    def __init__(self, make: Callable[..., Callable[..., object]], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, make, arguments), daemon=True)
        self._process.start()
        there.close()
        self._ready = False  # several can be made at the same time

    def __call__(self, *arguments: Any) -> Any:
        """Call it once, wait for its end, and return what it returned.

        Raises:
            NstError: it failed with this error.
            RuntimeError: it failed with another one; with its traceback.
        """
        if not self._ready:
            self._receive()
            self._ready = True
        self._here.send(arguments)
        return self._receive()

    def _receive(self) -> Any:
        try:
            problem, value = self._here.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"the process ended with code {self._process.exitcode}") from None
        if problem is not None:
            raise problem
        return value

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._here.close()
        self._process.join(5)
        self._process.terminate()


def _serve(there: Connection, make: Callable[..., Callable[..., object]], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the process that asked ends this one
    try:
        run = make(*arguments)
        there.send((None, None))
        while True:
            there.send((None, run(*there.recv())))
    except (EOFError, ConnectionError):  # nobody asks any more
        return
    except NstError as error:
        there.send((error, None))
    except Exception:  # it is told to the other process
        there.send((RuntimeError(traceback.format_exc()), None))
