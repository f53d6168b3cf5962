"""Which architecture a weight file belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights import files
from nst_core.weights.architecture import Architecture
from nst_core.weights.importing import aligned

__all__ = ["guess"]


def guess(path: Path, known: Mapping[str, Architecture]) -> Architecture:
    """Return the architecture that a file says it is for, else the one that most of its tensors fit.

    Args:
        path: a PyTorch state dict or a safetensors file.
        known: architectures by name.

    Raises:
        WeightsError: the file cannot be read, or several fit equally well.
    """
    if len(known) == 1:
        return next(iter(known.values()))
    if files.kind_of(path) == "safetensors":
        stated = files.read_metadata(path).get("architecture", "")
        if stated in known:
            return known[stated]
        tensors = files.read_tensors(path)
    else:
        tensors = files.read_state_dict(path)
    fits = {name: _share(tensors, architecture) for name, architecture in known.items()}
    best = [name for name, share in fits.items() if share == max(fits.values())]
    if len(best) != 1:
        raise WeightsError(f"say with --architecture which one it is: {', '.join(sorted(known)) or 'there is none'}")
    return known[best[0]]


def _share(tensors: Mapping[str, Tensor], architecture: Architecture) -> float:
    """Return the share of the architecture's tensors that are there in the right shape."""
    shapes = {key: tuple(tensor.shape) for key, tensor in aligned(tensors, architecture).items()}
    return sum(shapes.get(key) == shape for key, shape in architecture.shapes.items()) / len(architecture.shapes)
