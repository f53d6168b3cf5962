"""Turn a weight file back into a checkpoint, for training to go on from what is in the package.

    python tools/distill/unpack.py --teacher VGG19 --corpus CACHE --weights vgg19-lite.safetensors --checkpoint FILE

Kernels and biases are taken as they are. The linear maps to the teacher's taps are not in a weight file, only what is
left of them in its heads: they are fitted again. Adam's moments begin empty, and the pool of pictures too,
but for ``--pool``.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import torch
from batches import Batches, Pool
from regression import linear_maps
from student import Average, Student
from torch import nn
from train import TAPS, save

from nst_core.ops import accelerated
from nst_core.weights import TORCHVISION, find
from nst_plugins.extractors.vgg import Vgg19, Vgg19Lite
from nst_plugins.extractors.vgg.layers import VGG19_LITE_LAYERS, VGG19_LITE_WIDTHS
from nst_plugins.extractors.vgg.network import VggNetwork


@torch.no_grad()
def main() -> None:
    """Write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--weights", required=True, help="weight file of vgg19-lite")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=60)
    parser.add_argument("--pool", type=Path, help="an earlier checkpoint, whose pictures are among the examples")
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    known = find(asked.weights, Vgg19Lite.architecture)
    tensors = known.tensors()
    teacher: nn.Module = accelerated(Vgg19(asked.teacher).build(TAPS).bfloat16())
    bare = accelerated(VggNetwork(VGG19_LITE_LAYERS, TAPS, tensors, TORCHVISION).bfloat16())
    corpus = torch.load(asked.corpus, mmap=True)
    pool = Pool.of(asked.pool)
    supply = Batches(corpus["photographs"] + corpus["generated"], pool, torch.Generator().manual_seed(1))
    maps = linear_maps(bare, teacher, TAPS, (supply.draw(256)[:1] for _ in range(asked.crops)))

    student = Student(VGG19_LITE_WIDTHS, TAPS)
    for layer in VGG19_LITE_LAYERS:
        if layer.kind == "conv":
            student.convolutions[layer.name].weight.copy_(tensors[layer.weight_key])
            student.convolutions[layer.name].bias.copy_(tensors[layer.bias_key])
    for name, (weight, bias) in maps.items():
        student.heads[name].weight.copy_(weight[:, :, None, None])
        student.heads[name].bias.copy_(bias)
    trained = re.search(r"(\d+) batches", known.source)
    save(asked.checkpoint, student, Average(student, 0.998), None, int(trained[1]) if trained else 0, pool)


if __name__ == "__main__":
    main()
