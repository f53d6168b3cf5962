"""A process of its own that makes three steps of one variant and prints its peak resident memory in MB.

The optimizer has its whole memory by then, as after a hundred steps of a real run.

    python -m nst_benchmarks.memory VARIANT WIDTH [WEIGHTS]
    python -m nst_benchmarks.memory --parts VARIANT WIDTH [WEIGHTS]     # and what the memory is for, as JSON
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path

__all__ = ["main", "parts", "peak"]

STEPS = 3
# Pairs of step and change of gradient that are remembered: torch's default.
TEXTBOOK_HISTORY = 100


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", help="textbook, or a precision of nst")
    parser.add_argument("width", type=int, help="in pixels; the height is three quarters of it")
    parser.add_argument("weights", nargs="?", default="", help="of VGG-19, as for nst run")
    parser.add_argument("--parts", action="store_true")
    chosen = parser.parse_args()
    found = parts(chosen.variant, chosen.width, chosen.weights)
    if chosen.parts:
        print(json.dumps({name: round(value) for name, value in found.items()}, indent=2))  # noqa: T201
    else:
        print(found["peak"])  # noqa: T201


def parts(variant: str, width: int, weights: str = "") -> dict[str, float]:
    """Run a variant, in a process that has imported nothing of ours, and return MB (2²⁰ bytes) by what they are for.

    Args:
        variant: "textbook", or a precision of nst.
        width: in pixels; the height is three quarters of it.
        weights: of VGG-19, as for ``nst run --weights``.

    Returns:
        The growth of the resident memory when torch and nst are imported and when the network and its targets are
        made; the optimizer's memory, which is counted; the rest, which an evaluation needs; and "peak", their sum.
    """
    import torch  # noqa: F401 - it is measured

    imported = _resident()
    from nst_benchmarks.pair import PRECISIONS, Pair
    from nst_benchmarks.textbook import Textbook
    from nst_core import Session, run
    from nst_core.runtime.memory import give_back

    pair = Pair.generated(width, weights)
    ours = _resident()
    history = TEXTBOOK_HISTORY
    if variant == "textbook":
        book = Textbook(pair)
        give_back()
        made = _resident()
        book.optimize(STEPS, lambda *_: None, fill=True)
    else:
        job = replace(pair.job(PRECISIONS[variant]), steps=STEPS)
        session = Session()
        problem = session.prepare(job, content=pair.content, styles=[pair.style]).problem()
        history = int(getattr(problem.optimizer, "history", 0))
        del problem
        give_back()
        made = _resident()
        run(job, content=pair.content, styles=pair.style, session=session)
    found = {
        "import of torch": imported,
        "import of nst": ours - imported,
        "network and targets": made - ours,
        "memory of the optimizer": 2 * history * pair.content.nbytes / 2**20,
    }
    return found | {"evaluation": peak() - sum(found.values()), "peak": peak()}


def peak() -> float:
    """Return the peak resident memory of this process in MB (2²⁰ bytes)."""
    if (found := _status("VmHWM")) is not None:  # not getrusage(): there the peak of the parent process counts too
        return found
    try:
        import resource
    except ImportError:  # on Windows
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # in bytes on macOS


def _resident() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


def _status(name: str) -> float | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return float(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
