"""Stacks of convolutions, ReLUs and poolings: what the networks of style transfer are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.ops.loading import native
from nst_core.ops.projection import Projection

__all__ = [
    "ConvStack",
    "HasProjections",
    "LayerKind",
    "PullBack",
    "ReferenceStack",
    "Stacked",
    "Traceable",
    "accelerated",
    "conv_stack",
]

LayerKind = Literal["conv", "relu", "max-pool", "average-pool"]
# In the order of the native enumeration.
_KINDS: tuple[LayerKind, ...] = ("conv", "relu", "max-pool", "average-pool")


@dataclass(frozen=True)
class ConvStack:
    """A stack of layers, as data. A network that has one runs natively.

    Attributes:
        kinds: of the layers: convolutions 3×3 with a border of one zero, ReLUs, poolings 2×2 with stride 2.
        weights: of the convolutions, in order, ``(K, C, 3, 3)``.
        biases: of the convolutions, in order, ``(K,)``.
        taps: indices of the layers whose outputs are wanted, ascending.
        projections: what every position of each tap is mapped by before it is returned, weight ``(K, C, 1, 1)`` and
            bias ``(K,)``; ``None`` for a tap that is returned itself, empty where all are.
        mean: mean of every channel; the first layer sees ``(input - mean) / std``, computed in float32.
        std: standard deviation of every channel; both empty leave the input as it is.
    """

    kinds: tuple[LayerKind, ...]
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    taps: tuple[int, ...]
    projections: tuple[tuple[Tensor, Tensor] | None, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def projection_weights(self) -> list[Tensor]:
        """The weights of the projections that there are."""
        return [projection[0] for projection in self.projections if projection]

    @property
    def projection_biases(self) -> list[Tensor]:
        """The biases of the projections that there are."""
        return [projection[1] for projection in self.projections if projection]


class ReferenceStack(nn.Module):
    """A :class:`ConvStack` with torch's own layers."""

    def __init__(self, stack: ConvStack) -> None:
        super().__init__()
        self._stack = stack

    def forward(self, x: Tensor) -> list[Tensor]:
        """Compute the outputs of the tapped layers; see :func:`conv_stack`."""
        stack = self._stack
        if stack.mean:
            mean, std = (x.new_tensor(v).reshape(1, -1, 1, 1) for v in (stack.mean, stack.std))
            x = (x - mean) / std
        x = x.to(stack.weights[0].dtype)
        parameters = iter(zip(stack.weights, stack.biases, strict=True))
        found = []
        for i, kind in enumerate(stack.kinds):
            if kind == "conv":
                x = F.conv2d(x, *next(parameters), padding=1)
            elif kind == "relu":
                x = F.relu(x)
            else:
                x = F.max_pool2d(x, 2) if kind == "max-pool" else F.avg_pool2d(x, 2)
            if i in stack.taps:
                found.append(x)
        if not stack.projections:
            return found
        return [
            F.conv2d(tap, *projection) if projection else tap
            for tap, projection in zip(found, stack.projections, strict=True)
        ]


class NativeStack(nn.Module):
    """A :class:`ConvStack` without an autograd graph between its layers; it keeps less and does less."""

    def __init__(self, stack: ConvStack, module: object) -> None:
        super().__init__()
        kinds = [_KINDS.index(kind) for kind in stack.kinds]
        make = module.ConvStack  # type: ignore[attr-defined]
        self._stack = make(
            kinds,
            list(stack.weights),
            list(stack.biases),
            list(stack.taps),
            [projection and projection[0] for projection in stack.projections],
            [projection and projection[1] for projection in stack.projections],
            stack.mean,
            stack.std,
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Compute the outputs of the tapped layers; see :func:`conv_stack`."""
        found: list[Tensor] = self._stack(x)
        return found

    def traced(self, x: Tensor) -> tuple[list[Tensor], PullBack]:
        """Compute the same without a graph; see :class:`Traceable`."""
        found, trace = self._stack.traced(x)
        return found, lambda gradient_of: self._stack.pull_back(trace, gradient_of)


def conv_stack(stack: ConvStack) -> nn.Module:
    """Return a module that runs a stack as fast as this machine can.

    It maps ``(B, C, H, W)`` to the list of the tapped layers' outputs, in the weights' dtype, and is differentiable
    with respect to its input, not to the weights, which are read once, here.

    Raises:
        RuntimeError: the layers do not fit together.
    """
    weight = stack.weights[0]
    fits = weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.bfloat16)
    module = native().module if fits else None
    return ReferenceStack(stack) if module is None else NativeStack(stack, module)


@runtime_checkable
class Stacked(Protocol):
    """A network that is a stack: what :meth:`nst_core.Extractor.network` may return to be run natively."""

    def stack(self) -> ConvStack:
        """Return the layers, which map an image ``(B, 3, H, W)`` in [0, 1] to the taps."""

    def order(self) -> Sequence[int]:
        """Say which of the stack's taps each of the wanted layers is; some may be the same one, or none may be one."""


@runtime_checkable
class HasProjections(Protocol):
    """A network whose layers end in projections that may be left to the losses."""

    def detach_projections(self, layers: Collection[str]) -> dict[str, Projection]:
        """Return the projections of layers, by layer; from then on the network returns what comes before them."""


# Asks for the gradients of outputs by their numbers, each as large as its map ``(B, N, H', W')``, and returns that of
# the input; None stands for zero.
PullBack = Callable[[Callable[[int], Tensor | None]], Tensor | None]


@runtime_checkable
class Traceable(Protocol):
    """A network that can be gone through forward and back without a graph.

    On the way back it asks for the gradient of each output only where it adds it to the others. So these gradients,
    which are as large as the maps, need not all be there at once, nor the maps that they are made from.
    """

    def traced(self, image: Tensor) -> tuple[list[Tensor], PullBack]:
        """Compute the feature maps of an image ``(B, 3, H, W)``.

        Returns:
            The maps ``(B, N, H', W')``, without a graph, and a function that may be called once. It asks for the
            gradient of each map, by its index, once, and returns the gradient with respect to the image,
            ``(B, 3, H, W)`` in float32. It may write to a gradient that nobody else holds.
        """


class StackedNetwork(nn.Module):
    """A :class:`Stacked` network, run by :func:`conv_stack`."""

    def __init__(self, network: Stacked) -> None:
        super().__init__()
        self._order = tuple(network.order())
        self.layers = conv_stack(network.stack())

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the feature maps of an image, as the network itself does."""
        taps = self.layers(image)
        return [taps[i] for i in self._order]

    def traced(self, image: Tensor) -> tuple[list[Tensor], PullBack]:
        """Compute the same without a graph; see :class:`Traceable`."""
        assert isinstance(self.layers, NativeStack)  # noqa: S101 - for the type checker: see accelerated()
        taps, pull_back = self.layers.traced(image)
        places: list[list[int]] = [[] for _ in taps]
        for index, tap in enumerate(self._order):
            places[tap].append(index)

        def gradient_at(gradient_of: Callable[[int], Tensor | None], tap: int) -> Tensor | None:
            found = [gradient for index in places[tap] if (gradient := gradient_of(index)) is not None]
            return sum(found[1:], found[0]) if found else None

        # Two layers may be the same tap, but each has a gradient of its own.
        return [taps[tap].detach() for tap in self._order], lambda gradient_of: pull_back(
            lambda tap: gradient_at(gradient_of, tap)
        )


def accelerated(network: nn.Module) -> nn.Module:
    """Return the network in the form that this machine runs fastest: natively, where it says that it is a stack."""
    if isinstance(network, Stacked) and native().module is not None:
        fast = StackedNetwork(network)
        if isinstance(fast.layers, NativeStack):
            return fast
    return network
