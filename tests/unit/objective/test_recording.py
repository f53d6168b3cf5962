"""The way back from sums to pixels: through a network that is traced, and through a graph."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import LAYERS, TinyExtractor, plugin, tiny_registry
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nst_core import FeatureLoss, FeatureMaps, Objective, Session, TargetImage, make_job
from nst_core.objective.binding import bind_terms
from nst_core.objective.tiling import Tiling
from nst_core.ops import ConvStack, Traceable, accelerated, conv_stack, native
from nst_core.runtime.memory import PeakMemory

CPU = torch.device("cpu")
TESTS = Path(__file__).resolve().parents[2]

kernels = pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")


class Stack(nn.Module):
    """The tiny network as a stack of layers, whose maps are wanted in the opposite order."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = TinyExtractor().network(list(LAYERS)).convs

    def stack(self) -> ConvStack:
        return ConvStack(
            kinds=("conv", "relu", "max-pool", "conv", "relu", "max-pool", "conv"),
            weights=tuple(conv.weight for conv in self.convs.values()),
            biases=tuple(conv.bias for conv in self.convs.values()),
            taps=(0, 3, 6),
            mean=(0.5,) * 3,
            std=(0.25,) * 3,
        )

    def order(self) -> list[int]:
        return [2, 1, 0]


class Products(FeatureLoss):
    """Compares products of several layers, so that the gradient at one depends on the others."""

    role = "style"
    default_weight = 100.0

    def forward(self, feature: FeatureMaps, target: FeatureMaps) -> Tensor:
        def product(maps: FeatureMaps) -> Tensor:
            return torch.stack([one.square().mean() for one in maps.values()]).prod()

        return (product(feature) - product(target)).square()


class Again(FeatureLoss):
    """Computes part of itself anew on the way back, which takes a graph there."""

    role = "style"
    default_weight = 100.0

    def forward(self, feature: FeatureMaps, target: FeatureMaps) -> Tensor:
        def power(one: Tensor) -> Tensor:
            return checkpoint(lambda x: x.relu().square().mean(), one, use_reentrant=False)

        return torch.stack([(power(feature[layer]) - power(target[layer])).square() for layer in feature]).sum()


REGISTRY = tiny_registry(("made", plugin(losses={"products": Products, "again": Again})))


def image(height: int, width: int, seed: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def both_forms() -> list[tuple[nn.Module, list[str]]]:
    """The network with a graph, and traced, each with the layers that it returns."""
    traced = accelerated(Stack())
    assert isinstance(traced, Traceable)
    return [(TinyExtractor().network(list(LAYERS)), list(LAYERS)), (traced, [*LAYERS][::-1])]


def through_a_graph(network: nn.Module, x: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """The network's maps, a gradient for each, and the gradient of its input that follows from these."""
    leaf = x.clone().requires_grad_()
    outputs = network(leaf)
    directions = [torch.randn(out.shape, generator=torch.Generator().manual_seed(i)) for i, out in enumerate(outputs)]
    return outputs, directions, torch.autograd.grad(outputs, leaf, directions)[0]


def objective_on(network: nn.Module, layers: list[str], *losses: str, **options) -> Objective:
    sample = image(8, 8, 0)
    options = {"preset": "content", "extractor": "tiny", "precision": "fp32", "device": "cpu", **options}
    job = make_job(sample, sample, session=Session(REGISTRY), plugins=list(losses), **options)
    extractor = TinyExtractor()
    return Objective(network, layers, bind_terms(job, REGISTRY, extractor), taps=extractor.taps())


@kernels
@pytest.mark.parametrize("tiled", [False, True], ids=["whole", "tiles"])
@pytest.mark.parametrize(
    "losses",
    [
        ["gram-style"],
        ["gram-style", "mean-std-style", "tv"],
        ["products"],
        ["products", "gram-style", "tv"],
        ["products", "nn-style"],
        ["again", "gram-style"],
    ],
    ids="+".join,
)
def test_a_traced_network_and_a_graph_give_the_same_gradient(losses, tiled):
    found = []
    for module, layers in both_forms():
        objective = objective_on(module, layers, *losses)
        if tiled and objective.untileable:
            pytest.skip(f"{objective.untileable[0]} sees whole maps")
        images = {"content": [TargetImage(image(60, 80, 1))], "style": [TargetImage(image(40, 44, 2))]}
        tiling = Tiling(objective.geometry.stride, objective.geometry.halo, 2500) if tiled else None
        targets = objective.targets(images, start=image(60, 80, 4))
        found.append(objective.evaluate(image(60, 80, 3), targets, tiling=tiling))
    graph, traced = found
    torch.testing.assert_close(traced.losses, graph.losses, rtol=1e-5, atol=1e-8)
    assert float((traced.gradient - graph.gradient).norm() / graph.gradient.norm()) < 1e-4


@kernels
@pytest.mark.parametrize("options", [{"content_layers": ["pixels"]}, {"style_layers": ["pixels", "b"]}], ids=str)
def test_pixels_have_a_gradient_of_their_own(options):
    found = []
    for module, layers in both_forms():
        objective = objective_on(module, layers, "gram-style", **options)
        targets = objective.targets(
            {"content": [TargetImage(image(24, 32, 1))], "style": [TargetImage(image(20, 28, 2))]}
        )
        found.append(objective.evaluate(image(24, 32, 3), targets).gradient)
    assert float((found[0] - found[1]).norm() / found[0].norm()) < 1e-4


@kernels
def test_gradients_are_asked_for_one_after_the_other():
    network, x = accelerated(Stack()), image(24, 32, 5)
    assert isinstance(network, Traceable)
    outputs, directions, expected = through_a_graph(network, x)
    maps, pull_back = network.traced(x)
    assert all(torch.equal(one, out) and not one.requires_grad for one, out in zip(maps, outputs, strict=True))
    asked: list[int] = []

    def gradient_of(index: int) -> Tensor:
        asked.append(index)
        return directions[index]

    assert torch.equal(pull_back(gradient_of), expected)
    assert asked == [0, 1, 2]  # from the deepest on; the order of the maps is the opposite one
    assert network.traced(x)[1](lambda _: None) is None
    with pytest.raises(ZeroDivisionError):
        network.traced(x)[1](lambda _: 1 // 0)


@kernels
@pytest.mark.parametrize("order", [[0, 0, 2], [1], [2, 0, 1, 2]], ids=str)
def test_layers_may_be_the_same_tap_or_none(order):
    class Other(Stack):
        def order(self) -> list[int]:
            return order

    network, x = accelerated(Other()), image(24, 32, 5)
    assert isinstance(network, Traceable)
    _, directions, expected = through_a_graph(network, x)
    maps, pull_back = network.traced(x)
    assert len({id(one.requires_grad_()) for one in maps}) == len(order)
    torch.testing.assert_close(pull_back(lambda index: directions[index]), expected)


@kernels
def test_a_gradient_of_another_shape_is_refused():
    maps, pull_back = accelerated(Stack()).traced(image(24, 32, 5))
    with pytest.raises(
        RuntimeError, match=r"the gradient of tap 2 must be \[1, 8, 6, 8\] on the CPU, not \[1, 8, 6, 7\]"
    ):
        pull_back(lambda _: maps[0][..., :-1])


@kernels
def test_a_gradient_in_borrowed_memory_is_not_written_to():
    def gradients(deep: np.ndarray, shallow: np.ndarray) -> Tensor:
        _, pull_back = accelerated(Stack()).traced(x)
        return pull_back(lambda index: torch.from_numpy({0: deep, 2: shallow}[index]) if index != 1 else None)

    x, generator = image(24, 32, 5), np.random.default_rng(0)
    deep = generator.standard_normal((1, 6, 8, 8)).astype(np.float32).transpose(0, 3, 1, 2)
    shallow = generator.standard_normal((1, 24, 32, 4)).astype(np.float32).transpose(0, 3, 1, 2)
    before = shallow.copy()
    first = gradients(deep, shallow)
    assert np.array_equal(shallow, before)
    assert torch.equal(first, gradients(deep, shallow))


@kernels
def test_an_evaluation_holds_few_maps_at_once():
    """With three maps of 64 channels and their gradients there would be six."""
    generator = torch.Generator().manual_seed(0)
    widths = ((64, 3), (64, 64), (64, 64))
    stack = ConvStack(
        kinds=("conv", "relu", "conv", "relu", "conv"),
        weights=tuple(torch.randn(*width, 3, 3, generator=generator) / 20 for width in widths),
        biases=tuple(torch.zeros(width[0]) for width in widths),
        taps=(0, 4),
    )
    layers, x = conv_stack(stack), image(512, 512, 1)
    one_map = 64 * x.shape[-2] * x.shape[-1] * 4

    def evaluate() -> None:
        maps, pull_back = layers.traced(x)
        assert pull_back(lambda index: maps.pop(index).mul_(0.1)) is not None

    evaluate()
    with PeakMemory(CPU) as before:
        pass
    with PeakMemory(CPU) as peak:
        evaluate()
    assert peak.bytes - before.bytes < 3.6 * one_map


def test_an_evaluation_imports_no_computer_algebra():
    """It takes 40 MB and half a second, and torch imports it for whoever asks for the gradient of a vector."""
    program = """
import sys, torch
from tiny import tiny_registry
from nst_core import Session, make_job, run
session = Session(tiny_registry())
image = torch.rand(1, 3, 24, 32)
job = make_job(image, image, session=session, extractor="tiny", preset="content", device="cpu", steps=3)
run(job, content=image, styles=image, session=session)
print([name for name in ("sympy", "nst_core.objective.recording") if name in sys.modules])
"""
    there = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=there)
    assert done.stdout.strip() == "['nst_core.objective.recording']"
