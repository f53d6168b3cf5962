"""Files that appear complete or not at all, under names that the file system allows, from one writer at a time."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISREG

from nst_core.errors import NstError

__all__ = [
    "Lock",
    "atomic_write",
    "check_writable",
    "companion",
    "exists",
    "fitting",
    "is_file",
    "is_folder",
    "sha256_of",
]

_LONGEST_NAME, _LONGEST_PATH = 255, 4095
"""Bytes of a name and of a path where the system does not say how many it allows."""
_TEMPORARY_NAME = 40
"""Bytes that are enough for the name of any temporary file and of any :func:`companion`."""


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


class Lock:
    """Something that one process, and in it one lock, has at a time; the system takes it from a process that ended.

    Where the file system knows no locks, or the file of the lock cannot be made, everybody has it.
    """

    def __init__(self, path: Path) -> None:
        """Name the file of the lock, which is there while somebody has it, as is its folder; nothing is written yet."""
        from filelock import FileLock  # takes longer to import than many commands do

        self._path = path
        self._lock = FileLock(path, thread_local=False)

    @contextmanager
    def held(self, busy: NstError, waiting: Callable[[], None] | None = None, patience: float = 0.0) -> Iterator[None]:
        """Have the lock for the length of a block; blocks of one ``Lock`` may be nested.

        Args:
            busy: raised where somebody else has it.
            waiting: called before the wait for somebody else, which has no end; by default there is none.
            patience: seconds to wait for somebody else who is about to end.

        Raises:
            NstError: ``busy``.
        """
        taken = self._take(busy, waiting, patience)
        try:
            yield
        finally:
            if taken:
                if self._lock.lock_counter == 1:
                    with suppress(OSError):  # as long as it is ours; Windows removes no file that is open
                        self._path.unlink()
                self._lock.release()

    def _take(self, busy: NstError, waiting: Callable[[], None] | None, patience: float) -> bool:
        from filelock import Timeout

        try:
            try:
                self._lock.acquire(timeout=patience)
            except Timeout:
                if waiting is None:
                    raise busy from None
                waiting()
                self._lock.acquire()
        except (OSError, NotImplementedError):
            return False
        return True


def companion(path: Path, role: str) -> Path:
    """Return the path of a hidden file that belongs to another: always the same one, and short whatever its name.

    Args:
        path: the file that it belongs to, in the same folder.
        role: what it is, the suffix of its name: ``.nst-0123456789abcdef.ROLE``.
    """
    return path.parent / f".nst-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.{role}"


def fitting(folder: Path, stem: str, ending: str) -> Path:
    """Return the path of a file called ``stem`` and ``ending``, with the stem cut where the name would be too long.

    Args:
        folder: that the file is in.
        stem: the beginning of its name; whole characters are cut from its end.
        ending: what the name must end with, at most some 40 bytes.
    """
    room = _longest_name(folder) - len(os.fsencode(ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return folder / f"{stem}{ending}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads to a file; a text that no file system takes for a path leads nowhere."""
    return S_ISREG(_mode(path))


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads to a folder; a text that no file system takes for a path leads nowhere."""
    return S_ISDIR(_mode(path))


def exists(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads anywhere; a text that no file system takes for a path does not."""
    return _mode(path) != 0


def _mode(path: str | os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - pathlib may raise an error for what is too long
    except (OSError, ValueError):
        return 0


def check_writable(target: Path, error: type[NstError]) -> None:
    """Check that a file could be written, before any work starts.

    Raises:
        NstError: of the type given; the name or the path has too many bytes, ``target`` is a folder, or its folder
            does not exist or cannot be written to.
    """
    _check_length(target, error)
    if is_folder(target):
        raise error(f"'{target}' is a folder; give the path of a file")
    if not is_folder(target.parent):
        raise error(f"the folder '{target.parent}' does not exist; create it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise error(f"the folder '{target.parent}' is not writable; change its permissions or choose another folder")


def _check_length(target: Path, error: type[NstError]) -> None:
    most = _longest_name(target.parent)
    for name in target.parts:
        size = len(os.fsencode(name))
        if size > most:
            begin = name[:40]
            raise error(f"the name '{begin}…' has {size} bytes, and at most {most} are allowed; choose a shorter one")
    most = _limit(target.parent, "PC_PATH_MAX", _LONGEST_PATH + 1) - 1  # the system counts the zero at the end, too
    size = max(len(os.fsencode(target)), len(os.fsencode(target.parent)) + 1 + _TEMPORARY_NAME)
    if size > most:
        raise error(
            f"the path '{str(target)[:40]}…' has {len(os.fsencode(target))} bytes, and at most {most} are allowed, "
            f"{_TEMPORARY_NAME} of them for the name; choose a folder with a shorter path"
        )


def _longest_name(folder: Path) -> int:
    """Return how many bytes a name may have in a folder."""
    return _limit(folder, "PC_NAME_MAX", _LONGEST_NAME)


def _limit(folder: Path, name: str, default: int) -> int:
    """Return a limit of the file system that a folder is on, or will be on if it does not exist yet."""
    ask = getattr(os, "pathconf", lambda *_: 0)  # Windows has none
    for place in (folder, *folder.parents):
        try:
            found = int(ask(place, name))
        except (OSError, ValueError):
            continue
        return found if found > 0 else default
    return default
