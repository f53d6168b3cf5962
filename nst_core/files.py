"""Files that are there complete or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nst_core.errors import NstError

__all__ = ["atomic_write", "check_writable"]


@contextmanager
def atomic_write(target: Path, suffix: str = "", temporary: Path | None = None) -> Iterator[Path]:
    """Give the path of an empty file beside ``target`` that takes its place at the end.

    After an exception, Ctrl-C included, the new file is removed and the old one is as it was. The result has the
    permissions of any new file.

    Args:
        target: what is made or replaced.
        suffix: of the temporary file, for writers that look at it.
        temporary: its path, in the same folder, where nobody else writes ``target``: what a killed process left
            there is overwritten. By default it has a name that no other file has.

    Raises:
        OSError: the folder cannot be written to.
    """
    temporary = temporary or _new(target, suffix)
    try:
        temporary.write_bytes(b"")
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _new(target: Path, suffix: str) -> Path:
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", suffix=suffix, delete=False) as file:
        return Path(file.name)


def check_writable(target: Path, error: type[NstError]) -> None:
    """Check that a file could be written, before any work starts.

    Raises:
        NstError: of the type given; the target is a folder, or its folder is not there or cannot be written to.
    """
    if target.is_dir():
        raise error(f"'{target}' is a folder; name a file in it")
    if not target.parent.is_dir():
        raise error(f"the folder '{target.parent}' does not exist; make it first")
    if not os.access(target.parent, os.W_OK):
        raise error(f"the folder '{target.parent}' cannot be written to")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
