"""Make the VGG-19 weight file of the package, and measure how far its features are from those of its source.

    python tools/pack_vgg19.py SOURCE OUTPUT
    python tools/pack_vgg19.py SOURCE OUTPUT --check IMAGE...

SOURCE is a weight set of VGG-19 in float32. The kernels of blocks 4 and 5, nine tenths of all numbers, are packed into
8 bits with a scale per output channel and position in the kernel; the other kernels are rounded to float16, and the
biases stay in float32. The same source always gives the same tensors, and with them the same content digest.
``--check`` writes nothing: it prints the relative L2 error of the features of every convolution on each image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from nst_core import load_image
from nst_core.weights import WeightSet, read_weight_set
from nst_core.weights.files import content_digest, read_metadata, write_safetensors
from nst_core.weights.quantization import SCALE_SUFFIX, quantize
from nst_plugins.extractors.vgg import Vgg19
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS, convolution_names

SIZE = 512
EIGHT_BITS = ("conv4", "conv5")
CHANGES = "changed: kernels of blocks 4 and 5 in 8 bits, the others in float16 (tools/pack_vgg19.py of nst)"


def packed(source: WeightSet) -> dict[str, Tensor]:
    """Return the tensors of the package's file by key."""
    weights = source.tensors()
    tensors: dict[str, Tensor] = {}
    for layer in VGG19_LAYERS:
        if layer.kind != "conv":
            continue
        kernel = weights[layer.weight_key]
        tensors[layer.bias_key] = weights[layer.bias_key]
        if layer.name.startswith(EIGHT_BITS):
            quantized, scales = quantize(kernel, (kernel.shape[0], 1, *kernel.shape[2:]))
            tensors[layer.weight_key], tensors[f"{layer.weight_key}{SCALE_SUFFIX}"] = quantized, scales
        else:
            tensors[layer.weight_key] = kernel.half()
    return tensors


def write(source: WeightSet, output: Path) -> None:
    """Pack a weight set and write it with the metadata of its source."""
    tensors = packed(source)
    metadata = {**read_metadata(source.path), "source": f"{source.source}; {CHANGES}"}
    metadata["digest"] = content_digest(tensors, metadata)
    write_safetensors(output, tensors, metadata)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB, content {metadata['digest']}")


@torch.no_grad()
def check(source: Path, output: Path, images: list[Path]) -> None:
    """Print the relative L2 error of every convolution's features in float32, a column for each image."""
    layers = convolution_names(VGG19_LAYERS)
    exact, found = (Vgg19(str(path)).build(layers) for path in (source, output))
    errors = []
    for path in images:
        pixels = load_image(path, size=SIZE).pixels
        errors.append([float((b - a).norm() / a.norm()) for a, b in zip(exact(pixels), found(pixels), strict=True)])
    print(" ".join(["layer  ", *(f"{path.stem[:12]:>12}" for path in images), f"{'largest':>12}"]))
    for layer, row in zip(layers, zip(*errors, strict=True), strict=True):
        print(" ".join([layer, *(f"{error:12.3%}" for error in (*row, max(row)))]))


def main() -> None:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="weight set of VGG-19 in float32")
    parser.add_argument("output", type=Path, help="file to write, or to check")
    parser.add_argument("--check", type=Path, nargs="+", metavar="IMAGE", help="natural images")
    asked = parser.parse_args()
    if asked.check:
        check(asked.source, asked.output, asked.check)
    else:
        write(read_weight_set(asked.source, Vgg19.architecture), asked.output)


if __name__ == "__main__":
    main()
