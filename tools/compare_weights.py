"""Compare the default run with VGG-19's embedded weights and with others, both judged by the others in float32.

    python tools/compare_weights.py IMAGES WEIGHTS [--size 256]

IMAGES is a folder with tubingen.jpg, hoovertowernight.jpg, starry_night.jpg and shipwreck.jpg; WEIGHTS is a weight file
of VGG-19. Prints the loss of both pictures at the last level, and how far the first is above the second.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import nst_core as nst

PAIRS = (
    ("tubingen", "starry_night"),
    ("tubingen", "shipwreck"),
    ("hoovertowernight", "starry_night"),
    ("hoovertowernight", "shipwreck"),
    ("tubingen", "hoovertowernight"),
    ("shipwreck", "starry_night"),
)


def main() -> None:
    """Print a line for each pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("weights")
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    session = nst.Session()
    for names in PAIRS:
        pair = [str(options.images / f"{name}.jpg") for name in names]
        common = {"session": session, "extractor": "vgg19", "size": options.size}
        exact = nst.make_job(*pair, **common, weights=options.weights, levels="off", precision="fp32")
        judge = session.prepare(exact).problem()
        losses = []
        for weights in ("vgg19-embedded", options.weights):
            result = nst.stylize(*pair, **common, weights=weights)
            with torch.no_grad():
                losses.append(judge.evaluate(result.image)[0].total)
        embedded, other = (float(loss) for loss in losses)
        print(f"{' '.join(names)}  {embedded:.3f}  {other:.3f}  {100 * (embedded / other - 1):+.2f} %", flush=True)


if __name__ == "__main__":
    main()
