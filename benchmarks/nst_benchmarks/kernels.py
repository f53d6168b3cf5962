"""The parts by themselves: Gram products at every tap, the network's forms, and the optimizer's share of a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from nst_benchmarks.pair import Pair
from nst_benchmarks.textbook import gram as textbook_gram
from nst_benchmarks.timing import alternating
from nst_core.export.torchscript import script
from nst_core.objective.networks import network_on
from nst_core.ops import gram
from nst_core.runtime.device import choose_dtype, memory_format

__all__ = ["Kernels", "measure"]


@dataclass(frozen=True)
class Kernels:
    """Seconds of the parts.

    Attributes:
        textbook_gram: forward and backward of F Fᵀ at all style taps, float32 and NCHW.
        gram_fp32: the framework's, float32.
        gram_bf16: the framework's, bfloat16.
        network_eager: forward and backward of the network alone, by torch's layers, in the precision `auto`.
        network_scripted: the same compiled by TorchScript.
        network_native: the same by our kernels.
        evaluation: one evaluation in the precision `auto`.
        optimizer: one step of L-BFGS with a full memory.
    """

    textbook_gram: float
    gram_fp32: float
    gram_bf16: float
    network_eager: float
    network_scripted: float
    network_native: float
    evaluation: float
    optimizer: float

    def plain(self) -> dict[str, Any]:
        """Return seconds and ratios as a dict."""
        return asdict(self) | {
            "gram_fp32_speedup": self.textbook_gram / self.gram_fp32,
            "gram_bf16_speedup": self.textbook_gram / self.gram_bf16,
            "optimizer_share": self.optimizer / (self.optimizer + self.evaluation),
        }


def _round_trip(compute: Callable[[Tensor], list[Tensor]], inputs: list[Tensor]) -> Callable[[], None]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    directions = [[torch.rand_like(y) for y in compute(x)] for x in inputs]

    def run() -> None:
        for leaf, direction in zip(leaves, directions, strict=True):
            torch.autograd.grad(compute(leaf), leaf, direction)

    return run


def measure(width: int, weights: str = "", rounds: int = 9, tell: Callable[[str], None] = lambda _: None) -> Kernels:
    """Measure the parts at one size."""
    pair = Pair.generated(width, weights)
    extractor, layers = pair.layers()
    taps = [extractor.taps()[layer] for layer in pair.job("fp32").terms[1].layers]
    height = pair.content.shape[-2]
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, t.channels, height // t.stride, width // t.stride, generator=generator) for t in taps]

    def laid(dtype: torch.dtype) -> list[Tensor]:
        return [m.to(dtype).contiguous(memory_format=torch.channels_last) for m in maps]

    problem = pair.problem("auto")
    optimizer = problem.optimizer
    optimizer.start(problem.variable)
    gradient = torch.randn(problem.variable.shape, generator=generator)
    for i in range(25):  # until the memory is full
        optimizer.step(1.0, gradient * (1 - 0.01 * i))
    count = 25

    cpu = torch.device("cpu")
    dtype = choose_dtype("auto", cpu)
    eager = extractor.build(layers).to(dtype).to(memory_format=memory_format(cpu))
    native, _ = network_on(extractor, layers, cpu, dtype)

    def step() -> None:
        nonlocal count
        count += 1
        optimizer.step(1.0, gradient * (1 - 0.01 * (count % 90)))

    seconds = alternating(
        {
            "textbook_gram": _round_trip(lambda m: [textbook_gram(m)], maps),
            "gram_fp32": _round_trip(lambda m: [gram(m)], laid(torch.float32)),
            "gram_bf16": _round_trip(lambda m: [gram(m)], laid(torch.bfloat16)),
            "network_eager": _round_trip(eager, [problem.variable]),
            "network_scripted": _round_trip(script(eager), [problem.variable]),
            "network_native": _round_trip(native, [problem.variable]),
            "evaluation": problem.evaluate,
            "optimizer": step,
        },
        rounds,
        tell,
    )
    return Kernels(**seconds)
