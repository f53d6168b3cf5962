"""Turn a checkpoint into the weight file of the package.

    python tools/distill/pack.py --teacher VGG19 --corpus CACHE --checkpoint FILE --output vgg19-lite.safetensors

The averaged weights are rounded to float16. For each of the 37 taps a linear map to the teacher's tap is fitted by
least squares over crops of the corpus, and folded into a square head.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from batches import Pool, crop
from folding import fold
from torch import Tensor

from nst_core.ops import accelerated
from nst_core.weights import TORCHVISION, find
from nst_core.weights.files import digest, write
from nst_plugins.extractors.vgg19 import Vgg19
from nst_plugins.extractors.vgg19_layout import STEPS, layout
from nst_plugins.extractors.vgg19_lite import Vgg19Lite
from nst_plugins.extractors.vgg19_network import Vgg19Network

LAYERS = tuple(step.name for step in STEPS)
SIDE = 256
RIDGE = 1e-5


def tensors_of(parameters: dict[str, Tensor], widths: tuple[int, ...]) -> dict[str, Tensor]:
    """Return kernels and biases by the keys of the architecture, rounded to float16."""
    found = {}
    for step in layout(widths):
        if step.kind == "conv":
            found[step.weight] = parameters[f"convolutions.{step.name}.weight"].half().contiguous()
            found[step.bias] = parameters[f"convolutions.{step.name}.bias"].half()
    return found


class Regression:
    """Least squares from the student's tap to the teacher's, from sums over positions."""

    def __init__(self) -> None:
        self.inputs: Tensor | None = None
        self.products: Tensor | None = None
        self.energy = 0.0

    def add(self, student: Tensor, teacher: Tensor) -> None:
        """Take in feature maps ``(1, C, H, W)`` and ``(1, N, H, W)``; every image counts the same."""
        s = student[0].float().flatten(1)
        s = torch.cat((s, torch.ones_like(s[:1])))
        t = teacher[0].float().flatten(1)
        count = s.shape[1]
        inputs, products = s @ s.T / count, t @ s.T / count
        self.inputs = inputs.double() if self.inputs is None else self.inputs + inputs
        self.products = products.double() if self.products is None else self.products + products
        self.energy += float(t.square().sum(dtype=torch.float64)) / count

    def solve(self) -> tuple[Tensor, Tensor, float]:
        """Return weight ``(N, C)``, bias ``(N,)`` and the share of the teacher's energy that is missed."""
        assert self.inputs is not None and self.products is not None  # noqa: S101
        ridge = RIDGE * self.inputs.diagonal().mean() * torch.eye(len(self.inputs), dtype=torch.float64)
        both = torch.linalg.solve(self.inputs + ridge, self.products.T).T
        missed = self.energy - 2 * float((both * self.products).sum()) + float(((both @ self.inputs) * both).sum())
        return both[:, :-1], both[:, -1], missed / self.energy


def main() -> None:
    """Fit the heads and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=60)
    parser.add_argument("--pool-share", type=float, default=0.0, help="of the crops, from the student's own pictures")
    parser.add_argument("--seed", type=int, default=12345)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    corpus = torch.load(asked.corpus, mmap=True)
    state = torch.load(asked.checkpoint)
    images = corpus["photographs"] + corpus["generated"]
    pool = Pool()
    pool.images.extend(state["pool"])
    known = find(asked.teacher, Vgg19.architecture)
    teacher = accelerated(Vgg19(asked.teacher).network(LAYERS).bfloat16())
    tensors = tensors_of(state["average"], state["widths"])
    bare = Vgg19Network(LAYERS, {k: t.float() for k, t in tensors.items()}, TORCHVISION, steps=layout(state["widths"]))
    student = accelerated(bare.bfloat16())

    regressions = {layer: Regression() for layer in LAYERS}
    generator = torch.Generator().manual_seed(asked.seed)
    with torch.no_grad():
        for _ in range(asked.crops):
            if float(torch.rand((), generator=generator)) < asked.pool_share:
                image = pool.crop(SIDE, generator)[None]
            else:
                image = crop(images[int(torch.randint(len(images), (), generator=generator))], SIDE, generator)[None]
            for layer, s, t in zip(LAYERS, student(image), teacher(image), strict=True):
                regressions[layer].add(s, t)
    for layer, regression in regressions.items():
        weight, bias, missed = regression.solve()
        print(f"{layer} misses {missed:.4f}")
        folded, constant = fold(weight, bias)
        tensors[f"heads.{layer}.weight"], tensors[f"heads.{layer}.bias"] = folded.half(), constant.half()

    metadata = {
        "architecture": Vgg19Lite.architecture.name,
        "input": str(TORCHVISION),
        "keys": Vgg19Lite.architecture.keys,
        "layer_rms": "{}",
        "license": "CC-BY-4.0, as its teacher",
        "source": f"distilled by nst (tools/distill, {state['batches']} batches) from: {known.source}",
    }
    metadata["digest"] = digest(tensors, metadata)
    write(asked.output, tensors, metadata)
    print(f"{asked.output}: {asked.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
