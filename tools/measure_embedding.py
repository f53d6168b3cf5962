"""Compare the time of an evaluation in C++ with that of the Python engine, in both precisions.

    python tools/measure_embedding.py NST_EMBED WEIGHTS CONTENT STYLE [SIZE]

NST_EMBED is the program, `build/cpp/nst/embed/nst_embed` after `python tools/cpp_tests.py`. The runs alternate, each
is a process of its own; they are compared pair by pair, either one first in turn, and the median ratio counts.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import nst_core as nst
from nst_core import Component, default_registry, export_extractor

ROUNDS, STEPS = 10, 12
PYTHON = """
import sys
import nst_core as nst
content, style, weights, size, steps, precision = sys.argv[1:]
result = nst.stylize(
    content, style, weights=weights, size=int(size), steps=int(steps), precision=precision, device="cpu"
)
print(result.seconds / result.evaluations)
"""


def output(*command: str) -> str:
    """Run a command and return all it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def main(program: str, weights: str, content: str, style: str, size: str = "512") -> None:
    """Print a line for each precision."""
    extractor = default_registry().create("extractor", Component("vgg19", {"weights": weights}))
    height, width = nst.load_image(content, size=int(size)).pixels.shape[-2:]
    print(f"{width}×{height} pixels, torch {torch.__version__}, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder:
        for precision in ("bf16", "fp32"):
            file = str(Path(folder) / f"{precision}.ts")
            export_extractor("vgg19", extractor, file, dtype=precision)

            def native(file: str = file) -> float:
                said = output(program, content, style, file, f"{folder}/out.png", "--size", size, "--steps", str(STEPS))
                return float(re.search(r"([\d.]+) s per evaluation", said)[1])

            def python(precision: str = precision) -> float:
                said = output(sys.executable, "-c", PYTHON, content, style, weights, size, str(STEPS), precision)
                return float(said)

            pairs = []
            for number in range(ROUNDS):
                if number % 2:
                    b, a = python(), native()
                else:
                    a, b = native(), python()
                pairs.append((a, b))
            ratios = sorted(a / b for a, b in pairs)
            a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
            print(
                f"{precision}: C++ {a:.3f} s, Python {b:.3f} s per evaluation (medians); ratio of a pair: median "
                f"{statistics.median(ratios):.3f}, {ratios[0]:.3f} to {ratios[-1]:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
