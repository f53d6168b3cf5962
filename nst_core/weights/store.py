"""The user's store: ``<home>/weights/NAME.safetensors``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights import files
from nst_core.weights.architecture import Architecture
from nst_core.weights.checks import check_finite, check_layer_rms, check_shapes
from nst_core.weights.convention import InputConvention
from nst_core.weights.weight_set import WeightSet, read_set

__all__ = ["check_free", "folder", "home", "list_sets", "path_of", "save", "scan"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def home() -> Path:
    """Return the folder of everything nst keeps: ``NST_HOME``, or the platform's cache folder."""
    chosen = os.environ.get("NST_HOME", "")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("nst", appauthor=False)


def folder() -> Path:
    """Return the folder of the weight sets; it need not exist."""
    return home() / "weights"


def path_of(name: str) -> Path:
    """Return where a set of this name lies or would lie.

    Raises:
        WeightsError: the name cannot be a file name.
    """
    if not _NAME.fullmatch(name):
        raise WeightsError(f"'{name}' cannot name a weight set: use letters, digits, '.', '_' and '-'")
    return folder() / f"{name}.safetensors"


def check_free(name: str, overwrite: bool) -> None:
    """Check that a set may be saved under ``name``.

    Raises:
        WeightsError: there is one already, and ``overwrite`` is false.
    """
    if path_of(name).exists() and not overwrite:
        raise WeightsError(
            f"there is a weight set '{name}' already ({path_of(name)}); "
            "choose another name with --name, or replace it with --overwrite"
        )


def scan() -> tuple[list[WeightSet], list[WeightsError]]:
    """Return the sets of the store by name, and what is wrong with files that are none."""
    sets, failures = [], []
    for path in sorted(folder().glob("*.safetensors")):
        try:
            sets.append(read_set(path))
        except WeightsError as error:
            failures.append(error)
    return sets, failures


def list_sets() -> list[WeightSet]:
    """Return the usable sets of the store, by name."""
    return scan()[0]


def save(
    name: str,
    tensors: Mapping[str, Tensor],
    architecture: Architecture,
    *,
    input: InputConvention,
    source: str,
    license: str,
    layer_rms: Mapping[str, float] | None = None,
) -> WeightSet:
    """Check tensors, measure them where ``layer_rms`` is missing, and put them into the store.

    Args:
        name: of the new set; one of that name is replaced.
        tensors: at least those of the architecture, floating-point; only those are kept, in float32.
        architecture: of the network.
        input: what numbers it sees.
        source: where the weights come from.
        license: of the weights.
        layer_rms: RMS over natural images by layer.

    Raises:
        WeightsError: the tensors are no weights of this architecture, or the store cannot be written.
    """
    check_shapes({k: tuple(t.shape) for k, t in tensors.items()}, architecture, source)
    kept = {key: tensors[key] for key in architecture.shapes}
    check_finite(kept, source)
    # A copy, since a file must not hold the whole storage that a tensor may be a view of.
    kept = {key: t.detach().to(torch.float32, copy=True).contiguous() for key, t in kept.items()}
    rms = architecture.measure(kept, input) if layer_rms is None else dict(layer_rms)
    check_layer_rms(rms, architecture, source)
    metadata = {
        "architecture": architecture.name,
        "input": str(input),
        "keys": architecture.keys,
        "layer_rms": json.dumps({layer: rms[layer] for layer in architecture.layers}),
        "license": license,
        "source": source,
    }
    metadata["digest"] = files.digest(kept, metadata)
    files.write(path_of(name), kept, metadata)
    return read_set(path_of(name), architecture)
