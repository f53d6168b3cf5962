"""Compare the time of an evaluation in C++ with that of the Python engine, in both precisions.

    python tools/measure_embedding.py NST_EMBED WEIGHTS CONTENT STYLE [SIZE]

NST_EMBED is the program, `build/cpp/nst/embed/nst_embed` after `python tools/cpp_tests.py`. The runs alternate, each
is a process of its own, and of several the fastest counts, since other programs only ever make them slower.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import nst_core as nst
from nst_core import Component, default_registry, export_extractor

ROUNDS, STEPS = 5, 12
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
        for precision in ("fp32", "bf16"):
            file = str(Path(folder) / f"{precision}.ts")
            export_extractor("vgg19", extractor, file, dtype=precision)
            native, python = [], []
            for _ in range(ROUNDS):
                said = output(program, content, style, file, f"{folder}/out.png", "--size", size, "--steps", str(STEPS))
                native.append(float(re.search(r"([\d.]+) s per evaluation", said)[1]))
                python.append(
                    float(output(sys.executable, "-c", PYTHON, content, style, weights, size, str(STEPS), precision))
                )
            a, b = min(native), min(python)
            print(f"{precision}: C++ {a:.3f} s, Python {b:.3f} s per evaluation, ratio {a / b:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
