"""The images of a session: every file is opened, hashed and decoded once."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from nst_core.images.decode import SAMPLE, read_bytes
from nst_core.images.picture import ImageInput
from nst_core.images.read import Decoded, decode, decode_bytes

__all__ = ["ImageStore"]

MAX_BYTES = 1 << 29
"""Memory of decoded images that a store keeps by default: half a gigabyte, some 180 megapixels."""


@dataclass
class _File:
    """What is known of a file: the state it had when it was read, its hash, and its bytes until they are decoded."""

    state: tuple[int, int]
    sha256: str
    data: bytes
    decoded: Decoded | None = None

    @property
    def nbytes(self) -> int:
        return len(self.data) + (self.decoded.nbytes if self.decoded else 0)


class ImageStore:
    """Reads image files and keeps the most recently used ones in memory. Safe to share between threads.

    A file that changed since it was read (its size or time of modification) is read again.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Make an empty store.

        Args:
            max_bytes: memory of file contents and decoded images together; the last image used is kept whatever
                its size.
        """
        self._max_bytes = max_bytes
        self._files: OrderedDict[str, _File] = OrderedDict()
        self._hashes: dict[str, tuple[tuple[int, int], str]] = {}
        self._lock = threading.RLock()

    def sha256(self, path: str | os.PathLike[str], role: str = "image") -> str:
        """Return the SHA-256 of an image file in hex, without decoding it.

        Args:
            path: a file, or ``sample:NAME`` for a bundled image.
            role: what to call it in messages.

        Raises:
            ImageError: the file cannot be read.
        """
        with self._lock:
            key = os.fspath(path)
            known = self._hashes.get(key)
            if known is not None and known[0] == _state(key):
                return known[1]
            return self._file(key, role).sha256

    def open(self, source: ImageInput, role: str = "image") -> Decoded:
        """Return an image at its own size; see :func:`nst_core.load_image` for what ``source`` may be.

        Raises:
            ImageError: the image cannot be read or is not usable.
        """
        if not isinstance(source, str | os.PathLike):
            return decode(source, role)
        with self._lock:
            file = self._file(os.fspath(source), role)
            if file.decoded is None:
                file.decoded, file.data = decode_bytes(file.data, file.sha256, os.fspath(source), role), b""
                self._make_room()
            return file.decoded

    def _file(self, path: str, role: str) -> _File:
        state = _state(path)
        file = self._files.get(path)
        if file is None or file.state != state:
            data = read_bytes(path, role)
            file = _File(state, hashlib.sha256(data).hexdigest(), data)
            self._files[path] = file
            self._hashes[path] = (state, file.sha256)
        self._files.move_to_end(path)
        self._make_room()
        return file

    def _make_room(self) -> None:
        while len(self._files) > 1 and sum(file.nbytes for file in self._files.values()) > self._max_bytes:
            self._files.popitem(last=False)


def _state(path: str) -> tuple[int, int]:
    """Return what changes when a file is written: its time of modification and its size."""
    if path.startswith(SAMPLE):
        return (0, 0)
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return (0, 0)  # reading it says what is wrong
    return (found.st_mtime_ns, found.st_size)
