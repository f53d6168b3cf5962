"""Importing weight files into the store."""

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
from nst_core.weights.naming import recognize
from nst_core.weights.preprocessing import CAFFE, TORCHVISION, Preprocessing, fold_caffe_preprocessing
from nst_core.weights.quantization import dequantize_all
from nst_core.weights.weight_set import WeightSet, parse_layer_rms

__all__ = ["PreprocessingName", "import_file"]

PreprocessingName = Literal["auto", "torchvision", "caffe"]


def import_file(
    path: str | Path,
    architecture: Architecture,
    name: str | None = None,
    preprocessing: PreprocessingName = "auto",
    *,
    overwrite: bool = False,
    wait: bool = False,
) -> WeightSet:
    """Import a weight file into the store.

    Args:
        path: a PyTorch state dict (full or features only) or a safetensors file; see
            :func:`nst_core.weights.naming.recognize` for how its tensors may be called. Kernels in 8 bits are saved
            in float32.
        architecture: the architecture of the network that the weights are for.
        name: name of the new weight set; by default the stem of the file name.
        preprocessing: ``torchvision``: RGB in [0, 1], normalised; ``caffe``: BGR in [0, 255] less the mean, as in
            the files that neural-style-pt uses; ``auto``: the preprocessing that the file's metadata states, else the
            one of a well-known file with this hash, else that of files that name their tensors in this way.
        overwrite: whether to replace a weight set of the same name.
        wait: whether to wait for another process that is writing a weight set of that name; the name is taken then.

    Returns:
        The weight set in the store, with its layers measured if the file does not state ``layer_rms``.

    Raises:
        WeightsError: the file is not usable (the message says why), the name is taken, or another process is writing
            a weight set of that name.
    """
    path = Path(path).expanduser()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._") if name is None else name
    with store.writing(name, (lambda: None) if wait else None):
        store.check_name_available(name, overwrite)
        return _imported(path, architecture, name, preprocessing)


def _imported(path: Path, architecture: Architecture, name: str, preprocessing: PreprocessingName) -> WeightSet:
    metadata: dict[str, str] = {}
    if files.detect_format(path) == "safetensors":
        metadata, tensors = files.read_metadata(path), files.read_tensors(path)
    else:
        tensors = files.read_state_dict(path)
    _check_metadata(path, metadata, tensors, architecture)

    recognized = recognize(dequantize_all(tensors, str(path)), architecture, str(path))
    tensors = recognized.tensors
    check_shapes({key: tuple(t.shape) for key, t in tensors.items()}, architecture, str(path))
    sha256 = files.sha256(path)
    stated = Preprocessing.parse(metadata["input"]) if "input" in metadata else None
    known = (name for prefix, name in architecture.known_files.items() if sha256.startswith(prefix))
    usual = next(known, recognized.naming.preprocessing)
    fold, chosen = _choose_preprocessing(path, stated, usual, preprocessing)
    if fold:
        tensors[architecture.input_weight] = fold_caffe_preprocessing(tensors[architecture.input_weight])
    return store.save(
        name,
        tensors,
        architecture,
        preprocessing=chosen,
        source=metadata.get("source") or f"imported from {path.name} (SHA-256 {sha256})",
        license=metadata.get("license", "unknown"),
        layer_rms=parse_layer_rms(metadata["layer_rms"], path) if "layer_rms" in metadata else None,
    )


def _check_metadata(
    path: Path, metadata: Mapping[str, str], tensors: Mapping[str, Tensor], architecture: Architecture
) -> None:
    stated = metadata.get("architecture", architecture.name)
    if stated != architecture.name:
        raise WeightsError(f"{path} holds weights of {stated}, not of {architecture.name}")
    if "digest" in metadata and metadata["digest"] != files.content_digest(tensors, metadata):
        raise WeightsError(f"{path} was altered or damaged: its content does not match its digest")


def _choose_preprocessing(
    path: Path, stated: Preprocessing | None, usual: str, requested: PreprocessingName
) -> tuple[bool, Preprocessing]:
    """Return whether Caffe's preprocessing must be folded into the first kernel, and what remains outside it."""
    if stated is not None:
        if requested == "caffe" or (requested == "torchvision" and stated != TORCHVISION):
            raise WeightsError(f"{path} states its own preprocessing ({stated}); omit --preprocessing {requested}")
        return False, stated
    chosen = usual if requested == "auto" else requested
    return (True, CAFFE) if chosen == "caffe" else (False, TORCHVISION)
