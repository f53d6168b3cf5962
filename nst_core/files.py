"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE

from nst_core.errors import NstError

__all__ = ["atomic_write", "check_writable"]


@contextmanager
def atomic_write(target: Path, suffix: str = "", temporary: Path | None = None) -> Iterator[Path]:
    """Yield the path of an empty temporary file that replaces ``target`` when the block ends.

    If the block raises, Ctrl-C included, the temporary file is removed and ``target`` stays as it was. The new file
    has the permissions that the umask gives to any new file, whatever the writer did. Safe in several threads and
    processes at once: the last to finish wins.

    Args:
        target: the file to create or replace.
        suffix: the suffix of the temporary file, for writers that depend on it.
        temporary: the temporary file, in the folder of ``target``. Name it only if nobody else writes ``target`` at
            the same time; a leftover of a killed process is overwritten. By default its name is unique and short,
            however long the name of ``target`` is.

    Raises:
        OSError: the folder cannot be written to.
    """
    if temporary is None:
        temporary = target.parent / f".nst-{secrets.token_hex(8)}{suffix}"
    else:
        temporary.unlink(missing_ok=True)
    mode = _create(temporary)
    try:
        yield temporary
        if S_IMODE(temporary.stat().st_mode) != mode:  # safetensors puts a file of its own there, private to the user
            temporary.chmod(mode)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _create(path: Path) -> int:
    """Create an empty file and return the permissions that it got.

    The system applies the umask. Asking for the umask would mean setting it, for every thread of the process.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        return S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def check_writable(target: Path, error: type[NstError]) -> None:
    """Check that a file could be written, before any work starts.

    Raises:
        NstError: of the type given; ``target`` is a folder, or its folder does not exist or cannot be written to.
    """
    if target.is_dir():
        raise error(f"'{target}' is a folder; give the path of a file")
    if not target.parent.is_dir():
        raise error(f"the folder '{target.parent}' does not exist; create it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise error(f"the folder '{target.parent}' is not writable; change its permissions or choose another folder")
