"""Whether a file gives the numbers of the extractor it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nst_core.errors import ExportError
from nst_core.export.formats import Network
from nst_core.ops import ConvStack, ReferenceStack

__all__ = ["Difference", "compare", "described_stack"]

# Of the largest value. The operators are the same; only the order of sums may differ.
_ALLOWED = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


@dataclass(frozen=True)
class Difference:
    """The largest difference over all sizes, each relative to the largest value of its tensor.

    Attributes:
        features: of the feature maps.
        gradient: of the image's gradient, or ``None`` where the format has none.
        sizes: (batch, height, width) of the images.
    """

    features: float
    gradient: float | None
    sizes: tuple[tuple[int, int, int], ...]


def compare(
    loaded: Network, network: nn.Module, metadata: dict[str, Any], stride: int, *, gradients: bool
) -> Difference:
    """Compare a loaded network, and the stack its metadata describes, with the live one on three sizes.

    Args:
        loaded: the network of the file.
        network: what the extractor gave.
        metadata: of the file.
        stride: of the deepest layer, in pixels.
        gradients: whether to compare the gradient with respect to the image as well.

    Raises:
        ExportError: they differ by more than rounding.
    """
    sizes = ((1, 2 * stride, 2 * stride), (2, 2 * stride + 3, 3 * stride + 1), (3, 4 * stride, 2 * stride + 5))
    stack = described_stack(loaded, metadata) if gradients else None
    features, gradient = [0.0], [0.0]
    for image in _images(sizes):
        live, live_gradient = _evaluated(network, image)
        found, found_gradient = _evaluated(loaded, image) if gradients else (_features(loaded, image), image)
        features += _differences(found, live, "features")
        if gradients:
            gradient += _differences([found_gradient], [live_gradient], "image gradient")
        if stack is not None:
            features += _differences(_features(stack, image), live, "features by the described stack")
    return Difference(max(features), max(gradient) if gradients else None, sizes)


def described_stack(loaded: Any, metadata: dict[str, Any]) -> Network | None:
    """Build the network from the metadata's stack, as C++ does, or return ``None`` where there is none."""
    stack = metadata["stack"]
    if stack is None:
        return None
    tensors = loaded.state_dict()
    layers = ReferenceStack(
        ConvStack(
            kinds=tuple(stack["kinds"]),
            weights=tuple(tensors[name] for name in stack["weights"]),
            biases=tuple(tensors[name] for name in stack["biases"]),
            taps=tuple(stack["taps"]),
            projections=tuple(
                (tensors[w], tensors[b]) for w, b in zip(stack["head_weights"], stack["head_biases"], strict=True)
            ),
            mean=tuple(stack["mean"]),
            std=tuple(stack["std"]),
        )
    )

    def run(image: Tensor) -> list[Tensor]:
        found = layers(image)
        return [found[i] for i in stack["order"]]

    return run


def _images(sizes: tuple[tuple[int, int, int], ...]) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for batch, height, width in sizes:
        yield torch.rand(batch, 3, height, width, generator=generator)


def _features(network: Network, image: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return list(network(image))


def _evaluated(network: Network, image: Tensor) -> tuple[list[Tensor], Tensor]:
    leaf = image.clone().requires_grad_()
    found = network(leaf)
    total = sum((f.float().square().mean() for f in found), torch.zeros(()))
    (gradient,) = torch.autograd.grad(total, leaf)
    return [f.detach() for f in found], gradient


def _differences(found: list[Tensor], live: list[Tensor], what: str) -> list[float]:
    if [(f.shape, f.dtype) for f in found] != [(f.shape, f.dtype) for f in live]:
        shapes = ", ".join(f"{tuple(f.shape)} {f.dtype}" for f in found)
        raise ExportError(f"the exported file is wrong: {what} have the shapes {shapes}, unlike the extractor's")
    differences = []
    for a, b in zip(found, live, strict=True):
        largest = float(b.abs().max())
        difference = float((a.double() - b.double()).abs().max()) / (largest or 1.0)
        if not difference <= _ALLOWED[live[0].dtype]:
            raise ExportError(
                f"the exported file is wrong: {what} differ from the extractor's by {difference:.2g} of the largest "
                f"value, where {_ALLOWED[live[0].dtype]:g} is allowed; no file was written"
            )
        differences.append(difference)
    return differences
