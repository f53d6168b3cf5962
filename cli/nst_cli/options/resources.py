"""What a run may use and where it is kept: options that do not decide the pixels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import JobError

if TYPE_CHECKING:
    from nst_core.engine.checkpoint import Checkpoint
    from nst_core.engine.destination import Destination

__all__ = ["KeptIn", "Means", "checked_tile", "parse_duration"]

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Means:
    """Tiles and memory, as :func:`nst_core.run` takes them."""

    tile: str | int = "auto"
    memory_limit: int | None = None


@dataclass(frozen=True)
class KeptIn:
    """A file that a run is kept in, and how many seconds apart."""

    path: Path
    every: float = 30.0

    def checkpoint(self, destination: Destination, say: Callable[[str], None]) -> Checkpoint:
        """Return the checkpoint; see :class:`nst_core.engine.checkpoint.Checkpoint`."""
        from nst_core.engine.checkpoint import Checkpoint

        return Checkpoint(self.path, every=self.every, destination=destination, say=say)


def checked_tile(text: str) -> str | int:
    """Read "auto", "off" or a number of pixels."""
    if text in ("auto", "off"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise JobError(f"--tile must be auto, off, or the side of a tile in pixels, not '{text}'")
    return int(text)


def parse_duration(text: str) -> float:
    """Read ``30s``, ``5m``, ``1h`` or a number of seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None:
        raise JobError(f"a time is written 30s, 5m or 1h, not '{text}'")
    return float(match[1]) * _SECONDS[match[2]]
