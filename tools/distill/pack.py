"""Turn a checkpoint into the weight file of the package.

    python tools/distill/pack.py --teacher VGG19 --corpus CACHE --checkpoint FILE --output vgg19-lite.safetensors

The averaged weights are rounded to float16. For each of the 37 taps a linear map to the teacher's tap is fitted by
least squares, over crops of the corpus and over pictures that the student makes now, and folded into a square head.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from batches import crop
from folding import fold
from painting import Snapshot, iterates
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
REFINE_RATE = 0.02


def tensors_of(parameters: dict[str, Tensor], widths: tuple[int, ...]) -> dict[str, Tensor]:
    """Return kernels and biases by the keys of the architecture, rounded to float16."""
    found = {}
    for step in layout(widths):
        if step.kind == "conv":
            found[step.weight] = parameters[f"convolutions.{step.name}.weight"].half().contiguous()
            found[step.bias] = parameters[f"convolutions.{step.name}.bias"].half()
    return found


def examples(state: dict[str, Any], images: list[Tensor], crops: int, runs: int, seed: int) -> Iterator[Tensor]:
    """Give crops of the corpus, the newest pictures of the pool, and new ones by the student, ``(1, 3, H, W)``."""
    generator = torch.Generator().manual_seed(seed)
    yield from (image.float()[None] for image in state["pool"][-crops // 2 :])
    for _ in range(crops):
        yield crop(images[int(torch.randint(len(images), (), generator=generator))], SIDE, generator)[None]
    network = Snapshot(state["average"])
    for _ in range(runs):
        for image in iterates(network, images, generator):
            yield image[None]


class Regression:
    """Least squares from the student's tap to the teacher's, from sums over positions."""

    def __init__(self, keep: bool) -> None:
        """Begin without examples; with ``keep`` the Gram matrices of each are kept for :meth:`refine`."""
        self.inputs: Tensor | None = None
        self.products: Tensor | None = None
        self.energy = 0.0
        self.grams: list[tuple[Tensor, Tensor]] = []
        self._keep = keep

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
        if self._keep:
            self.grams.append((inputs, t @ t.T / count))

    def solve(self) -> Tensor:
        """Return weight and bias side by side, ``(N, C + 1)``."""
        assert self.inputs is not None and self.products is not None  # noqa: S101
        ridge = RIDGE * self.inputs.diagonal().mean() * torch.eye(len(self.inputs), dtype=torch.float64)
        return torch.linalg.solve(self.inputs + ridge, self.products.T).T

    def missed(self, both: Tensor) -> Tensor:
        """Return the share of the teacher's energy that a map misses."""
        assert self.inputs is not None and self.products is not None  # noqa: S101
        inputs, products = self.inputs.to(both.dtype), self.products.to(both.dtype)
        return (self.energy - 2 * (both * products).sum() + ((both @ inputs) * both).sum()) / self.energy

    def refine(self, both: Tensor, steps: int, generator: torch.Generator) -> Tensor:
        """Improve a map by gradient descent on the relative error of the Gram matrices, and on :meth:`missed`.

        The Gram matrix of a map Q of features is Q G Qᵀ, with G the features' own: the images are needed no more.
        """
        variable = both.float().requires_grad_()
        optimizer = torch.optim.Adam([variable], lr=REFINE_RATE * float(both.square().mean().sqrt()))
        size = torch.stack([t.square().sum() for _, t in self.grams])
        size = size.clamp_min(0.1 * float(size.mean()))
        for step in range(steps):
            optimizer.param_groups[0]["lr"] *= 1 if step < steps // 2 else 0.98
            batch = torch.randint(len(self.grams), (16,), generator=generator).tolist()
            student = torch.stack([self.grams[i][0] for i in batch])
            teacher = torch.stack([self.grams[i][1] for i in batch])
            errors = (variable @ student @ variable.T - teacher).square().sum((1, 2)) / size[batch]
            loss = errors.mean() + self.missed(variable)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return variable.detach().double()

    @torch.no_grad()
    def gram_error(self, both: Tensor) -> float:
        """Return the mean relative squared error of the Gram matrices."""
        q = both.float()
        return sum(float((q @ s @ q.T - t).square().sum() / t.square().sum()) for s, t in self.grams) / len(self.grams)


def main() -> None:
    """Fit the heads and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=240)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--steps", type=int, default=300, help="of the refinement of the style taps' heads")
    parser.add_argument("--seed", type=int, default=12345)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    corpus = torch.load(asked.corpus, mmap=True)
    state = torch.load(asked.checkpoint)
    images = corpus["photographs"] + corpus["generated"]
    known = find(asked.teacher, Vgg19.architecture)
    teacher = accelerated(Vgg19(asked.teacher).network(LAYERS).bfloat16())
    tensors = tensors_of(state["average"], state["widths"])
    bare = Vgg19Network(LAYERS, {k: t.float() for k, t in tensors.items()}, TORCHVISION, steps=layout(state["widths"]))
    student = accelerated(bare.bfloat16())

    regressions = {layer: Regression(keep=layer in Vgg19.style_layers) for layer in LAYERS}
    for image in examples(state, images, asked.crops, asked.runs, asked.seed):
        with torch.no_grad():
            for layer, s, t in zip(LAYERS, student(image), teacher(image), strict=True):
                regressions[layer].add(s, t)
    generator = torch.Generator().manual_seed(asked.seed)
    for layer, regression in regressions.items():
        both = regression.solve()
        report = f"{layer} misses {float(regression.missed(both)):.4f}"
        if regression.grams:
            report += f", Gram matrices off by {regression.gram_error(both):.4f}"
            both = regression.refine(both, asked.steps, generator)
            report += f", refined {float(regression.missed(both)):.4f} and {regression.gram_error(both):.4f}"
        print(report, flush=True)
        folded, constant = fold(both[:, :-1], both[:, -1])
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
