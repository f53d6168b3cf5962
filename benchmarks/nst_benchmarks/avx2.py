"""An evaluation in float32 as processors with AVX2 and without AVX-512 compute it, emulated on any that has AVX2.

``python -m nst_benchmarks.avx2`` holds the textbook and the framework to AVX2 by settings of their libraries. It says
which instructions are used, not what an older processor would take: caches and clock are those of this one.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable

from nst_benchmarks.pair import Pair, have_weights
from nst_benchmarks.speed import runner
from nst_benchmarks.timing import alternating
from nst_benchmarks.worker import Worker
from nst_core.ops import native

__all__ = ["EMULATED", "measure"]

# For our kernels, oneDNN, torch's own loops and MKL: set before a process loads them.
EMULATED = {
    "NST_ISA": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


def measure(width: int, weights: str = "", rounds: int = 4) -> dict[str, float]:
    """Return the median seconds of an evaluation of "textbook" and "fp32", which take turns in processes of their own.

    The environment of this process is changed for good.

    Args:
        width: of the images in pixels; the height is three quarters of it.
        weights: of VGG-19, as for ``nst run --weights``.
        rounds: of two evaluations each, of which the second counts.

    Raises:
        WeightsError: there are no weights of VGG-19, and they cannot be downloaded.
        RuntimeError: the native kernels cannot use AVX2.
    """
    have_weights(weights)
    os.environ.update(EMULATED)  # of the new processes, too
    with Worker(_run, width, weights, "textbook") as textbook, Worker(_run, width, weights, "fp32") as fp32:
        return alternating({"textbook": textbook, "fp32": fp32}, rounds)


def _run(width: int, weights: str, variant: str) -> Callable[[], object]:
    module = native().module
    found = module.build_info()["isa"] if module else "no native code"
    if found != EMULATED["NST_ISA"]:
        raise RuntimeError(f"AVX2 was to be used, not {found}")
    return runner(Pair.generated(width, weights), variant)[0]


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="width in pixels")
    parser.add_argument("--weights", default="", help="of VGG-19, as for nst run")
    parser.add_argument("--rounds", type=int, default=4)
    chosen = parser.parse_args()
    seconds = measure(chosen.size, chosen.weights, chosen.rounds)
    found = seconds | {"ratio": seconds["textbook"] / seconds["fp32"]}
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
