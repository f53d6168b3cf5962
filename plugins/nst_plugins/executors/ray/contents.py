"""Contents of files in an object store, for workers that do not see the files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Contents"]

MOST = 256_000_000
"""Bytes of files that are kept for tasks to come."""


class Contents:
    """Puts every file there once, and keeps those that were used last.

    A painting, which all tasks use, stays; photographs go when newer ones come. What a task that is being computed
    needs is there as long as somebody holds the references of :meth:`references`.
    """

    def __init__(self, put: Callable[[bytes], Any], most: int = MOST) -> None:
        """Put nothing yet.

        Args:
            put: stores bytes and returns a reference, with which they go.
            most: bytes that are kept for tasks to come.
        """
        self._put = put
        self._most = most
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def references(self, files: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Return references to the contents of files by SHA-256.

        Args:
            files: path and SHA-256 of each.

        Raises:
            OSError: one cannot be read.
        """
        found = {}
        for path, sha256 in files:
            if sha256 not in self._kept:
                content = Path(path).read_bytes()
                self._kept[sha256] = self._put(content), len(content)
            self._kept.move_to_end(sha256)
            found[sha256] = self._kept[sha256][0]
        total = sum(size for _, size in self._kept.values())
        while total > self._most:
            _, (_, size) = self._kept.popitem(last=False)
            total -= size
        return found
