"""A first student in closed form, layer by layer; training goes on from it.

    python tools/distill/start.py --teacher VGG19 --corpus CACHE --checkpoint FILE

In every layer the student stands for a subset of the teacher's channels: those from which the others can best be
reconstructed after the ReLU, linearly. Its kernels are the least-squares solution for these channels before the ReLU,
given what the student's own previous layer gives; so every layer makes good what it can of the errors before it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from batches import Batches, Pool
from student import CONVOLUTIONS, Average, Student
from torch import Tensor, nn
from train import TAPS, save

from nst_core.ops import accelerated
from nst_core.weights import TORCHVISION
from nst_plugins.extractors.normalize import Normalize
from nst_plugins.extractors.vgg import Vgg19
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS, VGG19_LITE_WIDTHS

RIDGE = 3e-4
# Products of maps are summed over at most this many positions a layer.
POSITIONS = 130_000
HEAD_BATCHES = 40


def chosen(covariance: Tensor, count: int) -> Tensor:
    """Choose channels that explain the others: greedily, each time the one that takes most of what is left.

    Args:
        covariance: second moments of the channels, ``(N, N)``.
        count: how many.

    Returns:
        Indices, ``(count,)``.
    """
    left = covariance.double().clone()
    picked: list[int] = []
    for _ in range(count):
        gain = left.square().sum(0) / left.diagonal().clamp_min(1e-9)
        gain[picked] = -1
        best = int(gain.argmax())
        picked.append(best)
        left = left - torch.outer(left[:, best], left[best]) / left[best, best].clamp_min(1e-9)
    return torch.tensor(picked)


def solve(inputs: list[Tensor], targets: list[Tensor], size: int) -> tuple[Tensor, Tensor, float]:
    """Fit a convolution of ``size`` × ``size`` to targets by least squares.

    Args:
        inputs: maps ``(B, C, H, W)``.
        targets: maps ``(B, K, H, W)``.
        size: 3 or 1.

    Returns:
        Kernel ``(K, C, size, size)``, bias ``(K,)``, and the share of the targets' energy that is missed.
    """
    moments = products = None
    energy, positions = 0.0, 0
    for x, t in zip(inputs, targets, strict=True):
        u = F.unfold(x.float(), size, padding=size // 2).transpose(0, 1).flatten(1)
        u = torch.cat((u, torch.ones_like(u[:1])))
        y = t.float().transpose(0, 1).flatten(1)
        a, b = (u @ u.T).double(), (y @ u.T).double()
        moments, products = (a, b) if moments is None or products is None else (moments + a, products + b)
        energy += float(y.square().sum(dtype=torch.float64))
        positions += u.shape[1]
        if positions >= POSITIONS:
            break
    assert moments is not None and products is not None  # noqa: S101
    ridge = RIDGE * moments.diagonal().mean() * torch.eye(len(moments), dtype=torch.float64)
    both = torch.linalg.solve(moments + ridge, products.T).T
    missed = energy - 2 * float((both * products).sum()) + float(((both @ moments) * both).sum())
    kernel = both[:, :-1].reshape(len(both), -1, size, size)
    return kernel.float(), both[:, -1].float(), missed / energy


@torch.no_grad()
def main() -> None:
    """Build the student and write it as a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=44)
    parser.add_argument("--pool", type=Path, help="an earlier checkpoint, whose pictures are among the examples")
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    teacher: nn.Module = accelerated(Vgg19(asked.teacher).build(CONVOLUTIONS).bfloat16())
    corpus = torch.load(asked.corpus, mmap=True)
    generator = torch.Generator().manual_seed(7)
    pool = Pool.of(asked.pool)
    supply = Batches(corpus["photographs"] + corpus["generated"], pool, generator)
    images = [supply.draw(256) for _ in range(asked.batches)]

    covariances = {name: torch.zeros(1) for name in CONVOLUTIONS}
    for image in images[::4]:
        for name, tap in zip(CONVOLUTIONS, teacher(image), strict=True):
            flat = tap.float().relu().transpose(0, 1).flatten(1)[:, ::7]
            covariances[name] = covariances[name] + flat @ flat.T
    subsets = {name: chosen(c, VGG19_LITE_WIDTHS[int(name[4]) - 1]) for name, c in covariances.items()}
    print("channels chosen", flush=True)
    targets: dict[str, list[Tensor]] = {name: [] for name in CONVOLUTIONS}
    full: dict[str, list[Tensor]] = {name: [] for name in TAPS}
    for i, image in enumerate(images):
        for name, tap in zip(CONVOLUTIONS, teacher(image), strict=True):
            targets[name].append(tap[:, subsets[name]])
            if name in TAPS and i < HEAD_BATCHES:
                full[name].append(tap)

    student = Student(VGG19_LITE_WIDTHS, TAPS)
    normalize = Normalize(TORCHVISION)
    maps = [normalize(image) for image in images]
    for layer in VGG19_LAYERS:
        if layer.kind == "conv":
            # Not the same batches first in every layer.
            kernel, bias, missed = solve(maps[::-1], targets[layer.name][::-1], 3)
            print(f"{layer.name} misses {missed:.4f}", flush=True)
            student.convolutions[layer.name].weight.copy_(kernel)
            student.convolutions[layer.name].bias.copy_(bias)
            maps = [F.conv2d(x.float(), kernel, bias, padding=1).bfloat16() for x in maps]
            if layer.name in TAPS:
                kernel, bias, missed = solve(maps[:HEAD_BATCHES], full[layer.name], 1)
                print(f"  head misses {missed:.4f}", flush=True)
                student.heads[layer.name].weight.copy_(kernel)
                student.heads[layer.name].bias.copy_(bias)
            if layer.name == CONVOLUTIONS[-1]:
                break
        else:
            maps = [F.relu(x) if layer.kind == "relu" else F.max_pool2d(x, 2) for x in maps]
    save(asked.checkpoint, student, Average(student, 0.999), None, 0, Pool())


if __name__ == "__main__":
    main()
