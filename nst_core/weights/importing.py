"""Files that users have become weight sets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights import files, store
from nst_core.weights.architecture import Architecture
from nst_core.weights.checks import check_shapes
from nst_core.weights.convention import CAFFE, TORCHVISION, InputConvention, fold_caffe
from nst_core.weights.weight_set import WeightSet, parse_layer_rms

__all__ = ["Convention", "aligned", "import_file"]

Convention = Literal["auto", "torchvision", "caffe"]


def import_file(
    path: str | Path,
    architecture: Architecture,
    name: str | None = None,
    input_convention: Convention = "auto",
    *,
    overwrite: bool = False,
) -> WeightSet:
    """Take a weight file into the store.

    Args:
        path: a PyTorch state dict (full or features only) or a safetensors file.
        architecture: what it holds weights of.
        name: of the new set; by default the stem of the file.
        input_convention: ``torchvision``: RGB in [0, 1], normalised; ``caffe``: BGR in 0…255 less the mean,
            as in the files that neural-style-pt uses; ``auto``: what the file's metadata says, the convention
            of well-known files by their hash, else torchvision.
        overwrite: replace a set of the same name.

    Raises:
        WeightsError: the file is not usable (the message says why), or the name is taken.
    """
    path = Path(path).expanduser()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._") if name is None else name
    store.check_free(name, overwrite)
    metadata: dict[str, str] = {}
    if files.kind_of(path) == "safetensors":
        metadata, tensors = files.read_metadata(path), files.read_tensors(path)
    else:
        tensors = files.read_state_dict(path)
    _check_metadata(path, metadata, tensors, architecture)

    tensors = aligned(tensors, architecture)
    check_shapes({key: tuple(t.shape) for key, t in tensors.items()}, architecture, str(path))
    sha256 = files.sha256(path)
    stated = InputConvention.parse(metadata["input"]) if "input" in metadata else None
    folded, convention = _convention(path, sha256, stated, architecture, input_convention)
    if folded:
        first = architecture.input_weight
        tensors[first] = fold_caffe(tensors[first])
    return store.save(
        name,
        tensors,
        architecture,
        input=convention,
        source=metadata.get("source") or f"imported from {path.name} (SHA-256 {sha256})",
        license=metadata.get("license", "unknown"),
        layer_rms=parse_layer_rms(metadata["layer_rms"], path) if "layer_rms" in metadata else None,
    )


def aligned(tensors: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """Return tensors under the keys of the architecture, also where the file lacks their common prefix."""
    prefixes = {key.partition(".")[0] for key in architecture.shapes}
    if len(prefixes) == 1 and not any(key in architecture.shapes for key in tensors):
        return {f"{next(iter(prefixes))}.{key}": tensor for key, tensor in tensors.items()}
    return dict(tensors)


def _check_metadata(
    path: Path, metadata: Mapping[str, str], tensors: Mapping[str, Tensor], architecture: Architecture
) -> None:
    stated = metadata.get("architecture", architecture.name)
    if stated != architecture.name:
        raise WeightsError(f"{path} holds weights of {stated}, not of {architecture.name}")
    if "digest" in metadata and metadata["digest"] != files.digest(tensors, metadata):
        raise WeightsError(f"{path} was altered or damaged: its content does not match its digest")


def _convention(
    path: Path, sha256: str, stated: InputConvention | None, architecture: Architecture, asked: Convention
) -> tuple[bool, InputConvention]:
    """Decide whether the first kernel must be folded, and what the network sees then."""
    if stated is not None:
        if asked == "caffe" or (asked == "torchvision" and stated != TORCHVISION):
            raise WeightsError(f"{path} says itself what its input is ({stated}); leave --input-convention {asked} out")
        return False, stated
    known = (kind for prefix, kind in architecture.known_files.items() if sha256.startswith(prefix))
    chosen = next(known, "torchvision") if asked == "auto" else asked
    return (True, CAFFE) if chosen == "caffe" else (False, TORCHVISION)
