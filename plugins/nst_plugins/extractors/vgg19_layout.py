"""The layers of VGG-19, configuration E of Simonyan and Zisserman, arXiv:1409.1556."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nst_core import Tap

__all__ = ["CONVOLUTIONS", "STEPS", "Step", "layout", "shapes", "taps"]

# Width and number of convolutions of every block; the same as torchvision's, which takes seconds to import.
_WIDTHS = (64, 128, 256, 512, 512)
_DEPTHS = (2, 2, 4, 4, 4)


@dataclass(frozen=True)
class Step:
    """One layer.

    Attributes:
        name: as in the literature; ``conv1_1`` is the output before the ReLU, ``relu1_1`` after it.
        kind: convolution 3×3 with a border of zeros, ReLU, or pooling 2×2.
        inputs: number of channels that go in.
        channels: number of channels that come out.
        index: place in torchvision's ``vgg19().features``.
    """

    name: str
    kind: Literal["conv", "relu", "pool"]
    inputs: int
    channels: int
    index: int

    @property
    def weight(self) -> str:
        """Key of the kernel of a convolution, ``(channels, inputs, 3, 3)``."""
        return f"features.{self.index}.weight"

    @property
    def bias(self) -> str:
        """Key of the bias of a convolution, ``(channels,)``."""
        return f"features.{self.index}.bias"


def layout(widths: Sequence[int] = _WIDTHS, depths: Sequence[int] = _DEPTHS) -> tuple[Step, ...]:
    """Return the layers of a network of VGG's kind, by default of VGG-19.

    Args:
        widths: channels of each of the five blocks.
        depths: convolutions of each of the five blocks.
    """
    return tuple(_steps(widths, depths))


def _steps(widths: Sequence[int], depths: Sequence[int]) -> Iterator[Step]:
    index, inputs = 0, 3
    for block, (width, convolutions) in enumerate(zip(widths, depths, strict=True), start=1):
        for number in range(1, convolutions + 1):
            yield Step(f"conv{block}_{number}", "conv", inputs, width, index)
            yield Step(f"relu{block}_{number}", "relu", width, width, index + 1)
            index, inputs = index + 2, width
        yield Step(f"pool{block}", "pool", width, width, index)
        index += 1


STEPS = layout()
"""All layers of VGG-19 from shallow to deep."""

CONVOLUTIONS = tuple(step.name for step in STEPS if step.kind == "conv")
"""The layers that have weights, and a scale of their own."""


def shapes(steps: Iterable[Step]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all kernels and biases by key."""
    found: dict[str, tuple[int, ...]] = {}
    for step in steps:
        if step.kind == "conv":
            found[step.weight] = (step.channels, step.inputs, 3, 3)
            found[step.bias] = (step.channels,)
    return found


def taps(steps: Iterable[Step] = STEPS) -> dict[str, Tap]:
    """Return every layer with its geometry, from shallow to deep."""
    found = {}
    stride = field = 1
    for step in steps:
        field += {"conv": 2, "relu": 0, "pool": 1}[step.kind] * stride
        stride *= 2 if step.kind == "pool" else 1
        found[step.name] = Tap(step.channels, stride, field)
    return found
