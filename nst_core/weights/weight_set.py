"""A weight set: one safetensors file whose metadata describes it."""

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
from nst_core.weights.preprocessing import Preprocessing
from nst_core.weights.quantization import dequantize_all

__all__ = ["WeightSet", "parse_layer_rms", "read_weight_set"]


@dataclass(frozen=True)
class WeightSet:
    """The metadata of a weight file; its tensors are read on request.

    Attributes:
        path: path of the file.
        name: name of the weight set in the store, or the stem of the file name.
        architecture: name of the architecture.
        preprocessing: the preprocessing that the network expects.
        source: where the weights come from.
        license: the license of the weights.
        layer_rms: RMS over natural images of the output of every calibrated layer, in the scale of the weights.
        digest: SHA-256 of the content as 64 hex digits, or "" in files that another program wrote.
    """

    path: Path
    name: str
    architecture: str
    preprocessing: Preprocessing
    source: str
    license: str
    layer_rms: dict[str, float]
    digest: str = ""

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the file as 64 hex digits."""
        return files.sha256(self.path)

    def tensors(self) -> dict[str, Tensor]:
        """Read all tensors, by key, in float32 on the CPU; kernels in 8 bits are multiplied by their scales.

        Raises:
            WeightsError: the file is missing, damaged or altered, scales do not fit their kernel, or a value is not a
                finite floating-point number.
        """
        tensors = files.read_tensors(self.path)
        if self.digest and files.content_digest(tensors, files.read_metadata(self.path)) != self.digest:
            raise WeightsError(
                f"{self.path} was altered or damaged: its content does not match its digest. "
                f"Fetch the weights again ('nst weights fetch {self.architecture} --overwrite') or import the original."
            )
        tensors = dequantize_all(tensors, str(self.path))
        check_finite(tensors, str(self.path))
        return {key: tensor.float() for key, tensor in tensors.items()}


def read_weight_set(path: Path, architecture: Architecture | None = None) -> WeightSet:
    """Read and check the header of a weight file.

    Args:
        path: path of a safetensors file.
        architecture: the architecture that the file must be for; ``None`` accepts any.

    Raises:
        WeightsError: the file is not a weight set, is for another architecture, or is incomplete.
    """
    if files.detect_format(path) != "safetensors":
        raise WeightsError(f"{path} is a PyTorch file. {_import_first(path)}")
    metadata = files.read_metadata(path)
    missing = [key for key in ("architecture", "input", "layer_rms") if key not in metadata]
    if missing:
        raise WeightsError(f"{path} has no {', '.join(missing)} in its metadata. {_import_first(path)}")
    weight_set = WeightSet(
        path=path,
        name=path.stem,
        architecture=metadata["architecture"],
        preprocessing=Preprocessing.parse(metadata["input"]),
        source=metadata.get("source", "unknown"),
        license=metadata.get("license", "unknown"),
        layer_rms=parse_layer_rms(metadata["layer_rms"], path),
        digest=metadata.get("digest", ""),
    )
    if architecture is not None:
        if weight_set.architecture != architecture.name:
            raise WeightsError(f"{path} holds weights of {weight_set.architecture}, but {architecture.name} is needed")
        check_shapes(files.read_shapes(path), architecture, str(path))
        check_layer_rms(weight_set.layer_rms, architecture, str(path))
    return weight_set


def parse_layer_rms(text: str, path: Path) -> dict[str, float]:
    """Parse the JSON object of the metadata key ``layer_rms``.

    Args:
        text: value of the metadata key.
        path: path of the file, for the message.

    Raises:
        WeightsError: the text is not a JSON object of numbers.
    """
    try:
        return {str(layer): float(rms) for layer, rms in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path}: layer_rms in its metadata is not a JSON object of numbers") from error


def _import_first(path: Path) -> str:
    return f"Import it into the store first: nst weights import '{path}'"
