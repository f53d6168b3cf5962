"""JPEG files for the documentation, in the best quality that stays small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["save_small"]


def save_small(path: Path, most_bytes: int, save: Callable[[int], None]) -> None:
    """Save a picture in falling quality until its file is small enough.

    Args:
        path: of the file.
        most_bytes: its size is below this, if a quality of 24 or more allows it.
        save: writes the file in a quality.
    """
    for quality in range(92, 20, -4):
        save(quality)
        if path.stat().st_size < most_bytes:
            break
