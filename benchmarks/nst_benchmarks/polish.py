"""Does it pay to begin with the embedded extractor and finish with VGG-19? Time to VGG-19's own losses.

    python -m nst_benchmarks.polish --content PHOTO… --style PAINTING… [--weights VGG19]

Every photograph goes with every painting. VGG-19 alone sets the marks: its lowest total after 25, 50, 100 and 150
evaluations, and the seconds to them. Then the stand-in makes some evaluations first and VGG-19 goes on from its saved
picture. Ratios above 1 say that the detour is the shorter way. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from nst_core import stylize

MARKS = (25, 50, 100, 150)
FIRST = (40, 100)


def run(content: str, style: str, options: dict[str, Any], picture: Path) -> list[tuple[float, float]]:
    """Carry a job out and save its picture; return seconds and lowest total after every evaluation."""
    found: list[tuple[float, float]] = []
    stylize(content, style, observers=[lambda step: found.append((step.seconds, step.best))], **options).save(picture)
    return found


def seconds_to(mark: float, found: list[tuple[float, float]]) -> float:
    """Return how long it took to a total; infinite where it was not reached."""
    return next((seconds for seconds, best in found if best <= mark), float("inf"))


def main(arguments: list[str] | None = None) -> None:
    """Print the ratios, and their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", nargs="+", required=True)
    parser.add_argument("--style", nargs="+", required=True)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--weights", default="", help="of VGG-19")
    asked = parser.parse_args(arguments)
    full: dict[str, Any] = {"extractor": "vgg19", "size": asked.size, "levels": "off", "steps": MARKS[-1]}
    if asked.weights:
        full["weights"] = asked.weights
    lite: dict[str, Any] = {"extractor": "vgg19-lite", "size": asked.size, "levels": "off"}
    ratios: dict[tuple[int, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        for content, style in product(asked.content, asked.style):
            run(content, style, {**full, "steps": 2}, picture)  # warm
            alone = run(content, style, full, picture)
            for first in FIRST:
                before = run(content, style, {**lite, "steps": first}, picture)[-1][0]
                after = run(content, style, {**full, "init": f"image:path={picture}"}, picture)
                for mark in MARKS:
                    seconds, total = alone[mark - 1]
                    ratio = seconds / (before + seconds_to(total, after))
                    ratios.setdefault((first, mark), []).append(ratio)
                    sys.stdout.write(f"{content}\t{style}\tafter {first}\tto {mark}\t{ratio:.2f}\n")
                    sys.stdout.flush()
    for (first, mark), found in ratios.items():
        sys.stdout.write(f"median\tafter {first}\tto {mark}\t{statistics.median(found):.2f}\n")


if __name__ == "__main__":
    main()
