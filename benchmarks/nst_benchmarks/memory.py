"""A process of its own that makes three steps of one variant and prints its peak resident memory in MB.

The optimizer has its whole memory by then, as after a hundred steps of a real run.

python -m nst_benchmarks.memory VARIANT WIDTH [WEIGHTS]
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

from nst_benchmarks.pair import PRECISIONS, Pair
from nst_benchmarks.textbook import Textbook
from nst_core import run

__all__ = ["main", "peak"]

STEPS = 3


def main() -> None:
    """Run and print."""
    variant, width, *rest = sys.argv[1:]
    pair = Pair.generated(int(width), *rest)
    if variant == "textbook":
        Textbook(pair).optimize(STEPS, lambda *_: None, fill=True)
    else:
        job = replace(pair.job(PRECISIONS[variant]), steps=STEPS)
        run(job, content=pair.content, styles=pair.style)
    print(peak())  # noqa: T201


def peak() -> float:
    """Return the peak resident memory of this process in MB (2²⁰ bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage(): there the peak of the process that started this one counts too.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:  # on Windows
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # in bytes on macOS


if __name__ == "__main__":
    main()
