"""Turn a checkpoint into the weight file of the package.

    python tools/distill/pack.py --teacher VGG19 --corpus CACHE --checkpoint FILE --output vgg19-lite.safetensors

The averaged weights are rounded to float16. For each of the 37 taps a linear map to the teacher's tap is fitted by
least squares over crops of the corpus, and folded into a square head.

With ``--earlier FILE`` kernels and biases are averaged with those of a weight file that the checkpoint was trained on
from: two points of one descent, between which the loss is often lower than at either.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from batches import Pool, crop
from folding import fold
from regression import linear_maps
from torch import Tensor

from nst_core.ops import accelerated
from nst_core.weights import TORCHVISION, find
from nst_core.weights.files import content_digest, write_safetensors
from nst_plugins.extractors.vgg import Vgg19, Vgg19Lite
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS, VGG19_LITE_LAYERS
from nst_plugins.extractors.vgg.network import VggNetwork

LAYERS = tuple(layer.name for layer in VGG19_LAYERS)
SIDE = 256


def tensors_of(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return kernels and biases by the keys of the architecture, rounded to float16."""
    tensors = {}
    for layer in VGG19_LITE_LAYERS:
        if layer.kind == "conv":
            tensors[layer.weight_key] = parameters[f"convolutions.{layer.name}.weight"].half().contiguous()
            tensors[layer.bias_key] = parameters[f"convolutions.{layer.name}.bias"].half()
    return tensors


def main() -> None:
    """Fit the heads and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=60)
    parser.add_argument("--pool-share", type=float, default=0.0, help="of the crops, from the student's own pictures")
    parser.add_argument("--earlier", default="", help="weight file to average with")
    parser.add_argument("--share", type=float, default=0.3, help="of the earlier weights")
    parser.add_argument("--seed", type=int, default=12345)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    corpus = torch.load(asked.corpus, mmap=True)
    state = torch.load(asked.checkpoint)
    images = corpus["photographs"] + corpus["generated"]
    pool = Pool(state["pool"])
    known = find(asked.teacher, Vgg19.architecture)
    teacher = accelerated(Vgg19(asked.teacher).build(LAYERS).bfloat16())
    tensors = tensors_of(state["average"])
    if asked.earlier:
        earlier = find(asked.earlier, Vgg19Lite.architecture).tensors()
        tensors = {key: torch.lerp(t.float(), earlier[key], asked.share).half() for key, t in tensors.items()}
    bare = VggNetwork(VGG19_LITE_LAYERS, LAYERS, {k: t.float() for k, t in tensors.items()}, TORCHVISION)
    student = accelerated(bare.bfloat16())

    generator = torch.Generator().manual_seed(asked.seed)

    def draw() -> Tensor:
        if float(torch.rand((), generator=generator)) < asked.pool_share:
            return pool.crop(SIDE, generator)[None]
        return crop(images[int(torch.randint(len(images), (), generator=generator))], SIDE, generator)[None]

    maps = linear_maps(student, teacher, LAYERS, (draw() for _ in range(asked.crops)))
    for layer, (weight, bias) in maps.items():
        folded, constant = fold(weight, bias)
        tensors[f"heads.{layer}.weight"], tensors[f"heads.{layer}.bias"] = folded.half(), constant.half()

    metadata = {
        "architecture": Vgg19Lite.architecture.name,
        "input": str(TORCHVISION),
        "keys": Vgg19Lite.architecture.key_naming,
        "layer_rms": "{}",
        "license": "CC-BY-4.0, as its teacher",
        "source": f"distilled by nst (tools/distill, {state['batches']} batches) from: {known.source}",
    }
    metadata["digest"] = content_digest(tensors, metadata)
    write_safetensors(asked.output, tensors, metadata)
    print(f"{asked.output}: {asked.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
