"""Print the table DEAD_LEAVES_TO_NATURAL of plugins/nst_plugins/extractors/vgg/calibration.py.

    python tools/measure_dead_leaves.py WEIGHTS [--images 16] [--seed 0]

WEIGHTS is a VGG-19 weight set whose ``layer_rms`` was measured over natural images.
"""

from __future__ import annotations

import argparse

from nst_core.weights import find
from nst_plugins.extractors.vgg import Vgg19
from nst_plugins.extractors.vgg.calibration import dead_leaves_rms
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="path of a weight set with layer_rms over natural images")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    weights = find(options.weights, Vgg19.architecture)
    measured = dead_leaves_rms(
        VGG19_LAYERS, weights.tensors(), weights.preprocessing, images=options.images, seed=options.seed
    )
    for layer, rms in measured.items():
        print(f'    "{layer}": {rms / weights.layer_rms[layer]:.4f},')


if __name__ == "__main__":
    main()
