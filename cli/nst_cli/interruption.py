"""Signals that ask the command to end: Ctrl-C, SIGTERM and SIGHUP all do what Ctrl-C does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nst_cli import console

__all__ = ["exit_code", "hold", "listening", "received", "release"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class _State:
    """Which signal came last, 0 for none, and whether signals interrupt what is being done."""

    number = 0
    held = False


@contextmanager
def listening() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` in the main thread for each of the signals, until :func:`hold` is called.

    A signal that is ignored, as SIGHUP is under ``nohup``, stays ignored. In any other thread nothing changes.
    """
    before: dict[int, Any] = {}
    _State.number, _State.held = 0, False
    try:
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                with suppress(ValueError):  # not the main thread
                    before[number] = signal.signal(number, _handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def hold() -> None:
    """Let no signal interrupt what is done from here on, which is to be short; each is answered with a line."""
    _State.held = True


def release() -> None:
    """Let signals interrupt again, after :func:`hold`.

    Raises:
        KeyboardInterrupt: one came meanwhile.
    """
    _State.held = False
    if received():
        raise KeyboardInterrupt


def received() -> bool:
    """Say whether one of the signals came."""
    return _State.number != 0


def exit_code() -> int:
    """Return the exit code of a command that was interrupted: 128 and the number of the signal, 130 for Ctrl-C."""
    return 128 + (_State.number or signal.SIGINT)


def _handle(number: int, _frame: object) -> None:
    _State.number = number
    if not _State.held:
        raise KeyboardInterrupt
    with suppress(RuntimeError):  # the signal came in the middle of another line
        console.say("the result is being saved; nst ends after that")
