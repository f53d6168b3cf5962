"""A weight set: one safetensors file whose metadata says what it is."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights import files
from nst_core.weights.architecture import Architecture
from nst_core.weights.checks import check_finite, check_layer_rms, check_shapes
from nst_core.weights.convention import InputConvention

__all__ = ["WeightSet", "parse_layer_rms", "read_set"]


@dataclass(frozen=True)
class WeightSet:
    """What the metadata of a weight file says; the tensors are read when asked for.

    Attributes:
        path: of the file.
        name: in the store, or the stem of the file.
        architecture: name of the architecture.
        input: what numbers the network sees.
        source: where the weights come from.
        license: of the weights.
        layer_rms: RMS over natural images of every convolution's output, in the scale of the weights.
        digest: of the content, "" in files that another program wrote.
    """

    path: Path
    name: str
    architecture: str
    input: InputConvention
    source: str
    license: str
    layer_rms: dict[str, float]
    digest: str = ""

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the file, 64 hex digits."""
        return files.sha256(self.path)

    def tensors(self) -> dict[str, Tensor]:
        """Read all tensors, by key, float32 on the CPU.

        Raises:
            WeightsError: the file is gone, damaged, altered, or its values are not finite floating-point numbers.
        """
        tensors = files.read_tensors(self.path)
        if self.digest and files.digest(tensors, files.read_metadata(self.path)) != self.digest:
            raise WeightsError(
                f"{self.path} was altered or damaged: its content does not match its digest. "
                f"Fetch them again ('nst weights fetch {self.architecture} --overwrite') or import the original."
            )
        check_finite(tensors, str(self.path))
        return {key: tensor.float() for key, tensor in tensors.items()}


def read_set(path: Path, architecture: Architecture | None = None) -> WeightSet:
    """Read and check the header of a weight file.

    Args:
        path: of a safetensors file.
        architecture: what the file must be for; with ``None`` it may be for any.

    Raises:
        WeightsError: not such a file, of another architecture, or incomplete.
    """
    if files.kind_of(path) != "safetensors":
        raise WeightsError(f"{path} is a PyTorch file. {_import(path)}")
    metadata = files.read_metadata(path)
    lacking = [key for key in ("architecture", "input", "layer_rms") if key not in metadata]
    if lacking:
        raise WeightsError(f"{path} does not say what it is (no {', '.join(lacking)} in its metadata). {_import(path)}")
    found = WeightSet(
        path=path,
        name=path.stem,
        architecture=metadata["architecture"],
        input=InputConvention.parse(metadata["input"]),
        source=metadata.get("source", "unknown"),
        license=metadata.get("license", "unknown"),
        layer_rms=parse_layer_rms(metadata["layer_rms"], path),
        digest=metadata.get("digest", ""),
    )
    if architecture is not None:
        if found.architecture != architecture.name:
            raise WeightsError(f"{path} holds weights of {found.architecture}, but {architecture.name} is needed")
        check_shapes(files.read_shapes(path), architecture, str(path))
        check_layer_rms(found.layer_rms, architecture, str(path))
    return found


def parse_layer_rms(text: str, path: Path) -> dict[str, float]:
    """Read the JSON object of the metadata key ``layer_rms``."""
    try:
        return {str(layer): float(rms) for layer, rms in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path}: layer_rms in its metadata is not a JSON object of numbers") from error


def _import(path: Path) -> str:
    return f"Take it into the store with: nst weights import '{path}'"
