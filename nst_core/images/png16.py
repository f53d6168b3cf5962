"""PNG with 16 bits per channel, which Pillow cannot write (source: PNG specification, W3C, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

__all__ = ["write_png16"]


def write_png16(file: IO[bytes], array: np.ndarray[Any, Any], texts: Mapping[str, str]) -> None:
    """Write an array as an sRGB PNG, in colour, with an alpha channel if it has four.

    Args:
        file: an open file.
        array: ``(H, W, 3)`` or ``(H, W, 4)`` of uint16.
        texts: stored as international text chunks; keys in Latin-1.
    """
    height, width, channels = array.shape
    colour_type = 6 if channels == 4 else 2
    file.write(b"\x89PNG\r\n\x1a\n")
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))
    _chunk(file, b"sRGB", b"\0")
    for key, text in texts.items():
        _chunk(file, b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode())
    rows = array.astype(">u2").reshape(height, -1).view(np.uint8).reshape(height, -1)
    # Filter 2, "up": the difference from the row above, with which smooth pictures compress best.
    differences = np.concatenate([rows[:1], rows[1:] - rows[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), differences], axis=1)
    _chunk(file, b"IDAT", zlib.compress(filtered.tobytes(), 6))
    _chunk(file, b"IEND", b"")


def _chunk(file: IO[bytes], kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
