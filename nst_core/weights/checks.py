"""Checks that tensors are valid weights of an architecture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights.architecture import Architecture

__all__ = ["check_finite", "check_layer_rms", "check_shapes", "first_few"]


def check_shapes(shapes: Mapping[str, tuple[int, ...]], architecture: Architecture, source: str) -> None:
    """Check that every tensor that the architecture requires is present; any others are ignored.

    Args:
        shapes: shapes of the tensors that are present, by key.
        architecture: the architecture that the tensors should belong to.
        source: name of the file or its origin, for the message.

    Raises:
        WeightsError: tensors are missing or have another shape; the message lists them and what is there instead.
    """
    required = architecture.shapes
    missing = [key for key in required if key not in shapes]
    different = [
        f"{key} is {_size(shapes[key])} instead of {_size(shape)}"
        for key, shape in required.items()
        if key in shapes and shapes[key] != shape
    ]
    if not missing and not different:
        return
    problems = []
    if missing:
        problems.append(f"{_count(missing)} missing ({first_few(missing)})")
    if different:
        problems.append(f"{_count(different)} of another shape ({first_few(different)})")
    matching = len(required) - len(missing) - len(different)
    verdict = "is incomplete" if matching * 2 > len(required) else "is of another architecture"
    others = [key for key in shapes if key not in required] if missing else []
    raise WeightsError(
        f"{source} {verdict}: of the {len(required)} tensors of {architecture.name}, {' and '.join(problems)}"
        + (f"; it has {first_few(others)}" if others else "")
    )


def check_finite(tensors: Mapping[str, Tensor], source: str) -> None:
    """Check that all tensors are floating-point and have neither NaN nor infinity.

    Args:
        tensors: tensors by key.
        source: name of the file or its origin, for the message.

    Raises:
        WeightsError: a tensor is not; the message names it.
    """
    for key, tensor in tensors.items():
        if not tensor.is_floating_point():
            dtype = str(tensor.dtype).removeprefix("torch.")
            raise WeightsError(f"{source}: tensor {key} is {dtype}; weights must be floating-point numbers")
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{source}: tensor {key} contains NaN or infinity; the file is damaged")


def check_layer_rms(layer_rms: Mapping[str, float], architecture: Architecture, source: str) -> None:
    """Check that every calibrated layer of the architecture has a positive, finite RMS.

    Args:
        layer_rms: RMS by layer.
        architecture: the architecture that lists the calibrated layers.
        source: name of the file or its origin, for the message.

    Raises:
        WeightsError: a layer is missing, or its RMS is zero, negative or not finite.
    """
    layers = architecture.calibrated_layers
    missing = [layer for layer in layers if layer not in layer_rms]
    if missing:
        raise WeightsError(f"{source}: layer_rms has no value for {first_few(missing)}")
    invalid = [layer for layer in layers if not (math.isfinite(layer_rms[layer]) and layer_rms[layer] > 0)]
    if invalid:
        raise WeightsError(f"{source}: the RMS of these layers is not positive and finite: {first_few(invalid)}")


def _count(items: list[str]) -> str:
    return f"{len(items)} {'is' if len(items) == 1 else 'are'}"


def _size(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape)) or "a scalar"


def first_few(names: Sequence[str], count: int = 4) -> str:
    """List the first names, and say whether there are more."""
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")
