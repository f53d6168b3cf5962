"""What shell and container let a process have. Imports no torch, which cannot be loaded where that is too little."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Processors", "address_space_limit", "control_groups", "processors"]

ROOT = Path("/")


def address_space_limit() -> int | None:
    """Return the bytes of address space that this process may have, as ``ulimit -v`` sets it; ``None`` for any."""
    if sys.platform == "win32":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


@dataclass(frozen=True)
class Processors:
    """How many processors a process may keep busy.

    Attributes:
        present: in the machine.
        affinity: that the process may run on, as ``taskset`` sets it.
        quota: that its control groups let it use on average, as ``docker run --cpus`` sets it; ``None`` for any number.
    """

    present: int
    affinity: int
    quota: float | None

    @property
    def usable(self) -> int:
        """Threads that can run at the same time: whole processors, at least one. A part of one counts as one."""
        return max(1, self.affinity if self.quota is None else min(self.affinity, math.ceil(self.quota)))


def processors(root: Path = ROOT) -> Processors:
    """Return the processors that this process may use, by its affinity now and its quota at the first call.

    Args:
        root: of the file system in which Linux describes control groups.
    """
    present = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else present
    return Processors(present, affinity, _least_quota(root))


def control_groups(controller: str, root: Path = ROOT) -> Iterator[tuple[Path, int]]:
    """Find the control groups with a controller that this process is in, innermost first, on Linux.

    Args:
        controller: "cpu" or "memory".
        root: of the file system that describes them.

    Yields:
        The folder of a group, and the version of its interface: 2 or 1. There are none elsewhere.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    mounted = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, inside = line.split(":", 2)
        if controllers == "":
            top, version = mounted, 2
        elif controller in controllers.split(","):
            top, version = mounted / controller, 1
        else:
            continue
        folder = top / inside.lstrip("/")
        for place in (folder, *folder.parents):
            if place.is_relative_to(top):
                yield place, version


@functools.cache  # every step of a run asks for it
def _least_quota(root: Path) -> float | None:
    quotas = [quota for folder, version in control_groups("cpu", root) if (quota := _quota(folder, version))]
    return min(quotas, default=None)


def _quota(folder: Path, version: int) -> float | None:
    with suppress(OSError, ValueError):  # no such file, or "max"
        if version == 2:
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
            )
        return int(quota) / int(period) if int(quota) > 0 else None  # -1 for any number
    return None
