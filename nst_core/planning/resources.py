"""What a run may use. Decides how a picture is computed and, apart from rounding, not which one. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nst_core.errors import JobError

__all__ = ["MOST_THREADS", "Resources"]

MOST_THREADS = 1024
"""More than any processor that torch computes on has use for; a system may refuse to start more."""


@dataclass(frozen=True)
class Resources:
    """Memory, tiles and threads of a run.

    Attributes:
        tile: "auto" cuts images into tiles where they do not fit into memory, "off" never does; a number is the side
            of a square tile in pixels, its margin included.
        memory_limit: bytes of memory that the process may use; ``None`` for most of what is available.
        threads: of the processor, 1 to :data:`MOST_THREADS`; ``None`` for one per core that the process may use.
            Another number adds sums up in another order: pictures differ as they do between processors.
        scratch: folder for files that hold large tensors in place of memory: the picture, the optimizer's memory, the
            targets; ``None`` for none. It is made if it is not there. Linux with native kernels, jobs on the CPU.
    """

    tile: Literal["auto", "off"] | int = "auto"
    memory_limit: int | None = None
    threads: int | None = None
    scratch: Path | None = None

    def __post_init__(self) -> None:
        if self.tile not in ("auto", "off") and not (type(self.tile) is int and self.tile >= 1):
            raise JobError(f"tile must be auto, off, or the side of a tile in pixels, not {self.tile!r}")
        if self.memory_limit is not None and self.memory_limit < 1:
            raise JobError(f"the memory limit must be at least one byte, not {self.memory_limit}")
        if self.threads is not None and not (type(self.threads) is int and 1 <= self.threads <= MOST_THREADS):
            raise JobError(f"threads must be a whole number from 1 to {MOST_THREADS}, not {self.threads!r}")
        if self.scratch is not None:
            if not isinstance(self.scratch, str | os.PathLike) or not os.fspath(self.scratch):
                raise JobError(f"scratch must be the path of a folder, not {self.scratch!r}")
            object.__setattr__(self, "scratch", Path(self.scratch))
