"""Detecting the architecture that a weight file belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights import files
from nst_core.weights.architecture import Architecture
from nst_core.weights.importing import restore_key_prefix

__all__ = ["detect_architecture"]


def detect_architecture(path: Path, known: Mapping[str, Architecture]) -> Architecture:
    """Return the architecture that the file's metadata states, or else the one that matches most of its tensors.

    Args:
        path: a PyTorch state dict or a safetensors file.
        known: architectures to choose from, by name.

    Raises:
        WeightsError: the file cannot be read, or its tensors match several architectures equally well.
    """
    if len(known) == 1:
        return next(iter(known.values()))
    if files.detect_format(path) == "safetensors":
        stated = files.read_metadata(path).get("architecture", "")
        if stated in known:
            return known[stated]
        tensors = files.read_tensors(path)
    else:
        tensors = files.read_state_dict(path)
    scores = {name: _matching_share(tensors, architecture) for name, architecture in known.items()}
    best = [name for name, score in scores.items() if score == max(scores.values())]
    if len(best) != 1:
        names = ", ".join(sorted(known)) or "none is installed"
        raise WeightsError(f"ambiguous weight file {path}; pass --architecture NAME ({names})")
    return known[best[0]]


def _matching_share(tensors: Mapping[str, Tensor], architecture: Architecture) -> float:
    """Return the share of the architecture's tensors that the file has with the right shape, in [0, 1]."""
    shapes = {key: tuple(tensor.shape) for key, tensor in restore_key_prefix(tensors, architecture).items()}
    return sum(shapes.get(key) == shape for key, shape in architecture.shapes.items()) / len(architecture.shapes)
