"""Large tensors in memory-mapped files, so that a picture may be larger than the memory that there is.

The native module stands before torch's allocator. While a thread is inside :meth:`Scratch.active`, every block from
some size on that it asks for is a file without a name in a folder, whatever code makes the tensor. The mathematics is
the same, and so are the pixels.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from nst_core.errors import JobError, ScratchError
from nst_core.ops import native

__all__ = ["RESIDENT", "Scratch", "check_scratch", "room_in", "smallest_for", "using"]

RESIDENT = 750_000_000
"""Bytes of all scratch files that may be in the memory of the process; what is beyond leaves it for the file."""

SMALLEST = 1 << 20
_IN_MEMORY = ("tmpfs", "ramfs")
_MOUNTS = Path("/proc/self/mounts")


class Scratch:
    """Large tensors in files of a folder. Threads may share it."""

    def __init__(self, folder: str | os.PathLike[str], smallest: int = SMALLEST) -> None:
        """Name the folder, which is there; nothing is written yet.

        Args:
            folder: where the files are. They have no names, and are gone when the tensors or the process are.
            smallest: bytes from which on a tensor is in a file.

        Raises:
            JobError: this is not Linux, or there are no native kernels.
        """
        self.folder = Path(folder)
        self._module = _module()
        self._files = self._module.Scratch(os.fspath(self.folder), smallest)

    @property
    def bytes(self) -> int:
        """Bytes that are in files now."""
        return int(self._files.bytes)

    @property
    def peak(self) -> int:
        """Most bytes that were in files at once."""
        return int(self._files.peak)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Put the large tensors that this thread makes inside the block into files.

        Raises:
            ScratchError: the folder has no room for one.
        """
        self._module.Scratch.limit_resident(RESIDENT)
        before = self._module.Scratch.exchange(self._files)
        try:
            yield
        except Exception as error:
            mark: str = self._module.SCRATCH_ERROR
            if isinstance(error, ScratchError) or mark not in str(error):
                raise
            text = str(error).partition(mark)[2].partition("\n")[0]
            raise ScratchError(
                f"the scratch folder has {text}; free some space there, name a folder on another disk, or let the "
                "optimizer remember less"
            ) from error
        finally:
            self._module.Scratch.exchange(before)


def using(scratch: Scratch | None) -> AbstractContextManager[None]:
    """Return :meth:`Scratch.active`, or a block that does nothing without scratch files."""
    return scratch.active() if scratch else nullcontext()


def smallest_for(size: tuple[int, int]) -> int:
    """Return from how many bytes on tensors are in files, for a picture of a height and width.

    That of a picture in bytes: masks and pictures are in files, and what a tile needs is in memory.
    """
    return max(SMALLEST, 3 * size[0] * size[1])


def room_in(folder: Path) -> int:
    """Return how many bytes can still be written in a folder, which need not be there yet."""
    return shutil.disk_usage(_nearest(folder)).free


def check_scratch(folder: Path, device: torch.device, *, make: bool = True) -> str:
    """Check that a scratch folder can be used, before any work.

    Args:
        folder: the folder.
        device: where the job is computed.
        make: whether it is made where there is none, and written to; without that only what can be seen is checked.

    Returns:
        What the user should know, or "".

    Raises:
        JobError: the job is computed on a GPU, this is not Linux, there are no native kernels, or the folder cannot be
            made or written to.
    """
    if device.type != "cpu":
        raise JobError(
            f"scratch files are for jobs on the processor, and this one is computed on '{device}', whose memory is "
            "not in files; add --device cpu, or omit --scratch"
        )
    _module()
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        else:
            _check_writable(_nearest(folder))
    except OSError as error:
        raise JobError(
            f"the scratch folder '{folder}' cannot be written to: {error.strerror or error}; name another one"
        ) from None
    kind = _file_system(folder)
    if kind in _IN_MEMORY:
        return f"the scratch folder '{folder}' is on a {kind}, which is memory itself; name a folder on a disk"
    return ""


def _nearest(folder: Path) -> Path:
    """Return a folder, or if it is not there, the nearest one above that is: it would be made on the same disk."""
    return next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))


def _check_writable(path: Path) -> None:
    """Raise the error that writing into a folder would, as far as that can be known without writing."""
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def _module() -> Any:
    if sys.platform != "linux":
        raise JobError("scratch files need Linux; omit --scratch, and use --memory-limit or a smaller --size")
    found = native()
    if found.module is None:
        raise JobError(f"scratch files need the native kernels, but there are none: {found.reason}; omit --scratch")
    return found.module


def _file_system(folder: Path) -> str:
    """Return the kind of file system that a folder is on, "" if that cannot be found out."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        path = folder.resolve()
    except OSError:
        return ""
    kinds = {}
    for line in lines:
        _, place, kind, *_ = line.split()
        plain = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place)  # a space is written as \040
        kinds[Path(plain)] = kind  # the last one covers the others
    return next((kinds[place] for place in (path, *path.parents) if place in kinds), "")
