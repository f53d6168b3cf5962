"""Detecting the architecture that a weight file belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights import files
from nst_core.weights.architecture import Architecture
from nst_core.weights.checks import first_few
from nst_core.weights.naming import recognize

__all__ = ["detect_architecture"]


def detect_architecture(path: Path, known: Mapping[str, Architecture]) -> Architecture:
    """Return the architecture that the file's metadata states, or else the one that matches most of its tensors.

    Args:
        path: a PyTorch state dict or a safetensors file.
        known: architectures to choose from, by name.

    Raises:
        WeightsError: the file cannot be read, or its tensors match none or several architectures equally well.
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
    scores = {name: _matching(tensors, architecture, str(path)) for name, architecture in known.items()}
    best = [name for name, score in scores.items() if score == max(scores.values())]
    if not any(count for _, count in scores.values()):
        raise WeightsError(
            f"{path} holds weights of no network that nst knows: its tensors are {first_few(list(tensors))}, and "
            f"{_expected(known)}"
        )
    names = ", ".join(sorted(known)) or "none is installed"
    if len(best) != 1:
        raise WeightsError(f"ambiguous weight file {path}; pass --architecture NAME ({names})")
    return known[best[0]]


def _matching(tensors: Mapping[str, Tensor], architecture: Architecture, source: str) -> tuple[float, int]:
    """Return the share of the architecture's tensors that the file has with the right shape, and their number.

    Where the names of layers are the keys, a deep network has all tensors of a shallower one of its family.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in recognize(tensors, architecture, source).tensors.items()}
    count = sum(shapes.get(key) == shape for key, shape in architecture.shapes.items())
    return count / len(architecture.shapes), count


def _expected(known: Mapping[str, Architecture]) -> str:
    """Say how the tensors of the architectures are called."""
    networks: dict[str, list[str]] = {}
    for name in sorted(known):
        networks.setdefault(first_few(list(known[name].shapes), 2), []).append(name)
    return (
        "; ".join(f"those of {', '.join(names)} are {keys}" for keys, names in networks.items()) or "none is installed"
    )
