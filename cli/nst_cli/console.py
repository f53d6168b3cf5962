"""Results go to standard output, everything else to standard error."""

from __future__ import annotations

import sys

__all__ = ["out", "say"]


def out(text: str) -> None:
    """Print a result."""
    print(text, flush=True)  # noqa: T201


def say(text: str) -> None:
    """Tell the user something that is not a result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
