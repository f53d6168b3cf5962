"""Results go to standard output, everything else to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

__all__ = ["discard", "out", "outlasting_listeners", "say"]


def out(text: str) -> None:
    """Print a result."""
    print(text, flush=True)  # noqa: T201


def say(text: str) -> None:
    """Tell the user something that is not a result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def outlasting_listeners() -> Iterator[None]:
    """Go on where nobody can be told anything any more: errors in writing to standard error are ignored.

    A terminal can be closed, and the reader of a pipe can end, in the middle of a run.
    """
    before = sys.stderr
    sys.stderr = cast(TextIO, _Outlasting(before)) if before is not None else before
    try:
        yield
    finally:
        sys.stderr = before


def discard(stream: Any) -> None:
    """Let everything that is written to a stream go nowhere, what it still holds included."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, stream.fileno())
    finally:
        os.close(null)


class _Outlasting:
    """A text stream that is written to as long as that works."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or do nothing."""
        try:
            return self._stream.write(text)
        except OSError:
            discard(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush, or do nothing."""
        try:
            self._stream.flush()
        except OSError:
            discard(self._stream)
