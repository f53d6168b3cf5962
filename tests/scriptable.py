"""Tiny seeded extractors for files: a stack that native kernels run, a network that is none, and
one that cannot be exported."""

# No `from __future__ import annotations` here: TorchScript reads the types.
import itertools
from collections.abc import Mapping, Sequence

import torch
from tiny import LAYERS
from torch import Tensor, nn

from nst_core import Extractor, Register, Tap, hookimpl
from nst_core.ops import ConvStack

STACK = {"conv1": Tap(16, 1, 3), "relu1": Tap(16, 1, 3), "pool1": Tap(16, 2, 4), "conv2": Tap(32, 2, 8)}


class Normalize(nn.Module):
    """What the network sees; in float32 whatever the network is in."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std

    def _apply(self, fn, recurse=True):
        return self


class StackNetwork(nn.Module):
    """Two convolutions, a ReLU and a pooling, in the manner of VGG."""

    def __init__(self, layers: Sequence[str], average: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        for conv in (self.first, self.second):
            conv.weight.data = torch.randn(conv.weight.shape, generator=generator) / (conv.in_channels * 3) ** 0.5
            conv.bias.data = torch.randn(conv.bias.shape, generator=generator) * 0.1
        self.pool = nn.AvgPool2d(2) if average else nn.MaxPool2d(2)
        self.average = average
        self.normalize = Normalize()
        self.layers = list(layers)
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        conv1 = self.first(self.normalize(image).to(self.first.weight.dtype))
        relu1 = torch.relu(conv1)
        pool1 = self.pool(relu1)
        found = {"conv1": conv1, "relu1": relu1, "pool1": pool1, "conv2": self.second(pool1)}
        return [found[layer] for layer in self.layers]

    def stack(self) -> ConvStack:
        pool = "average-pool" if self.average else "max-pool"
        taps = tuple(i for i, name in enumerate(STACK) if name in self.layers)
        weights = (self.first.weight, self.second.weight)
        return ConvStack(
            ("conv", "relu", pool, "conv"),
            weights,
            (self.first.bias, self.second.bias),
            taps,
            mean=tuple(self.normalize.mean.flatten().tolist()),
            std=tuple(self.normalize.std.flatten().tolist()),
        )

    def order(self) -> list[int]:
        tapped = [name for name in STACK if name in self.layers]
        return [tapped.index(name) for name in self.layers]


class StackExtractor(Extractor):
    """A stack of random weights."""

    content_layers = ("conv2",)
    style_layers = ("conv1", "conv2")

    def __init__(self, average: bool = False) -> None:
        self.average = average

    def taps(self) -> Mapping[str, Tap]:
        return STACK

    def network(self, layers: Sequence[str]) -> nn.Module:
        return StackNetwork(layers, self.average)


class PlainNetwork(nn.Module):
    """Three smooth convolutions with strides, and a branch that tracing would lose."""

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        widths = [3, *(tap.channels for tap in LAYERS.values())]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths))
        for conv in self.convolutions:
            conv.weight.data = torch.randn(conv.weight.shape, generator=generator) / (conv.in_channels * 3) ** 0.5
            conv.bias.data = torch.randn(conv.bias.shape, generator=generator) * 0.1
        self.layers = list(layers)
        self.names = list(LAYERS)
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        x = image.to(self.convolutions[0].weight.dtype) * 4 - 2
        found: dict[str, Tensor] = {}
        for i, convolution in enumerate(self.convolutions):
            if x.shape[-1] > 1 and i > 0:
                x = nn.functional.avg_pool2d(x, 2)
            x = torch.tanh(convolution(x))
            found[self.names[i]] = x
        return [found[layer] for layer in self.layers]


class PlainExtractor(Extractor):
    """A network that is not a stack."""

    content_layers = ("b",)
    style_layers = ("a", "b", "c")

    def taps(self) -> Mapping[str, Tap]:
        return LAYERS

    def network(self, layers: Sequence[str]) -> nn.Module:
        return PlainNetwork(layers)


class NumpyExtractor(PlainExtractor):
    """Not for export."""

    def network(self, layers: Sequence[str]) -> nn.Module:
        # A class of its own each time: TorchScript remembers one that it could not compile.
        class NumpyNetwork(PlainNetwork):
            """A network that leaves torch, and so can be neither scripted nor exported."""

            def forward(self, image: Tensor) -> list[Tensor]:
                brightness = image.numpy(force=True).mean()
                return super().forward(image - brightness)

        return NumpyNetwork(layers)


@hookimpl
def nst_register_extractors(register: Register) -> None:
    """This module is itself a plugin, see `install` in tests/installed.py."""
    register("stack", StackExtractor)
    register("plain", PlainExtractor)
    register("numpy", NumpyExtractor)
