"""The user's store of weight sets: ``<home>/weights/NAME.safetensors``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.files import Lock, companion
from nst_core.weights import files
from nst_core.weights.architecture import EMBEDDED_SUFFIX, Architecture
from nst_core.weights.checks import check_finite, check_layer_rms, check_shapes
from nst_core.weights.preprocessing import Preprocessing
from nst_core.weights.weight_set import WeightSet, read_weight_set

__all__ = [
    "check_name_available",
    "home",
    "list_weight_sets",
    "path_of",
    "save",
    "scan_store",
    "store_folder",
    "writing",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def home() -> Path:
    """Return the folder of all files that nst stores: ``NST_HOME``, or else the platform's cache folder."""
    chosen = os.environ.get("NST_HOME", "")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("nst", appauthor=False)


def store_folder() -> Path:
    """Return the folder of the weight sets; it need not exist yet."""
    return home() / "weights"


def path_of(name: str) -> Path:
    """Return the path of the weight set ``name``, whether or not it exists.

    Raises:
        WeightsError: the name is not valid.
    """
    if not _NAME.fullmatch(name):
        raise WeightsError(
            f"invalid weight set name '{name}': start with a letter or digit and use only letters, digits, '.', '_' "
            "and '-'"
        )
    return store_folder() / f"{name}.safetensors"


def check_name_available(name: str, overwrite: bool) -> None:
    """Check that a weight set may be saved as ``name``.

    Args:
        name: name of the new weight set.
        overwrite: whether an existing weight set may be replaced.

    Raises:
        WeightsError: the name is not valid, is one of an embedded weight set, or is taken and must not be overwritten.
    """
    if name.endswith(EMBEDDED_SUFFIX):
        raise WeightsError(
            f"the name '{name}' is reserved: names that end in '{EMBEDDED_SUFFIX}' are those of weights in packages; "
            "choose another one with --name"
        )
    if path_of(name).exists() and not overwrite:
        raise WeightsError(
            f"the weight set '{name}' already exists ({path_of(name)}); "
            "choose another name with --name, or replace it with --overwrite"
        )


@contextmanager
def writing(name: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Keep everybody else from writing the weight set ``name`` for the length of a block.

    Args:
        name: name of the weight set, which may exist or not.
        waiting: called before the wait for another process that writes it; ``None`` raises an error instead.

    Raises:
        WeightsError: the name is not valid, or another process is writing the weight set.
    """
    path = path_of(name)
    busy = f"another nst is writing the weight set '{name}'; wait for it to end, or choose another name with --name"
    with Lock(companion(path, "lock")).held(WeightsError(busy), waiting):
        yield


def scan_store() -> tuple[list[WeightSet], list[WeightsError]]:
    """Return the usable weight sets of the store, sorted by name, and an error for each file that is not usable."""
    weight_sets, failures = [], []
    for path in sorted(store_folder().glob("*.safetensors")):
        try:
            weight_sets.append(read_weight_set(path))
        except WeightsError as error:
            failures.append(error)
    return weight_sets, failures


def list_weight_sets() -> list[WeightSet]:
    """Return the usable weight sets of the store, sorted by name."""
    return scan_store()[0]


def save(
    name: str,
    tensors: Mapping[str, Tensor],
    architecture: Architecture,
    *,
    preprocessing: Preprocessing,
    source: str,
    license: str,
    layer_rms: Mapping[str, float] | None = None,
) -> WeightSet:
    """Check tensors and save them in the store.

    Args:
        name: name of the weight set; an existing one is replaced.
        tensors: floating-point tensors by key; those that the architecture requires are saved, in float32.
        architecture: the architecture that the tensors belong to.
        preprocessing: the preprocessing that the network expects.
        source: where the weights come from.
        license: the license of the weights.
        layer_rms: RMS over natural images of every calibrated layer; measured by the architecture if ``None``.

    Returns:
        The saved weight set.

    Raises:
        WeightsError: the tensors are not valid weights of the architecture, or the store cannot be written to.
    """
    check_shapes({key: tuple(t.shape) for key, t in tensors.items()}, architecture, source)
    required = {key: tensors[key] for key in architecture.shapes}
    check_finite(required, source)
    # Copied, because a file would hold the whole storage that a tensor may be a view of.
    required = {key: t.detach().to(torch.float32, copy=True).contiguous() for key, t in required.items()}
    if layer_rms is None:
        layer_rms = architecture.measure_rms(required, preprocessing) if architecture.measure_rms else {}
    check_layer_rms(layer_rms, architecture, source)
    metadata = {
        "architecture": architecture.name,
        "input": str(preprocessing),
        "keys": architecture.key_naming,
        "layer_rms": json.dumps({layer: layer_rms[layer] for layer in architecture.calibrated_layers}),
        "license": license,
        "source": source,
    }
    metadata["digest"] = files.content_digest(required, metadata)
    files.write_safetensors(path_of(name), required, metadata)
    return read_weight_set(path_of(name), architecture)
