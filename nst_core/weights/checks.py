"""What makes tensors usable as the weights of an architecture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights.architecture import Architecture

__all__ = ["check_finite", "check_layer_rms", "check_shapes"]

Shapes = Mapping[str, tuple[int, ...]]


def check_shapes(shapes: Shapes, architecture: Architecture, what: str) -> None:
    """Check that all tensors of the architecture are there; others do not matter.

    Args:
        shapes: of the tensors that there are.
        architecture: what is expected.
        what: the file, for the message.

    Raises:
        WeightsError: tensors are missing or have another shape; it says which.
    """
    expected = architecture.shapes
    missing = [key for key in expected if key not in shapes]
    different = [
        f"{key} is {_by(shapes[key])} instead of {_by(shape)}"
        for key, shape in expected.items()
        if key in shapes and shapes[key] != shape
    ]
    if not missing and not different:
        return
    problems = []
    if missing:
        problems.append(f"{_count(missing)} missing ({_some(missing)})")
    if different:
        problems.append(f"{_count(different)} of another shape ({_some(different)})")
    fitting = len(expected) - len(missing) - len(different)
    verdict = "is incomplete" if fitting * 2 > len(expected) else "is of another architecture"
    raise WeightsError(
        f"{what} {verdict}: of the {len(expected)} tensors of {architecture.name}, {' and '.join(problems)}"
    )


def check_finite(tensors: Mapping[str, Tensor], what: str) -> None:
    """Check that the values are real numbers without NaN or infinity.

    Raises:
        WeightsError: they are not; it says in which tensor.
    """
    for key, tensor in tensors.items():
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise WeightsError(f"{what}: tensor {key} is {kind}; weights must be floating-point numbers")
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{what}: tensor {key} holds NaN or infinity; the file is damaged")


def check_layer_rms(layer_rms: Mapping[str, float], architecture: Architecture, what: str) -> None:
    """Check that every layer of the architecture has a positive, finite RMS.

    Raises:
        WeightsError: a layer is missing or its RMS is of no use.
    """
    missing = [layer for layer in architecture.layers if layer not in layer_rms]
    if missing:
        raise WeightsError(f"{what}: layer_rms lacks {_some(missing)}")
    useless = [n for n in architecture.layers if not (math.isfinite(layer_rms[n]) and layer_rms[n] > 0)]
    if useless:
        raise WeightsError(f"{what}: these layers give no usable output (RMS zero or not finite): {_some(useless)}")


def _count(items: list[str]) -> str:
    return f"{len(items)} {'is' if len(items) == 1 else 'are'}"


def _by(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape)) or "a scalar"


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
