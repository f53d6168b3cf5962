"""The description of a network that its weights are stored, checked and measured by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import Tensor

from nst_core.errors import PluginError
from nst_core.weights.preprocessing import TORCHVISION, Preprocessing

__all__ = ["EMBEDDED_SUFFIX", "Architecture", "KeyNaming", "MeasureRms", "OfficialWeights", "architectures"]

EMBEDDED_SUFFIX = "-embedded"
"""Ends the names of weight sets that are part of a package; names in the store end otherwise."""

MeasureRms = Callable[[Mapping[str, Tensor], Preprocessing], dict[str, float]]
"""From tensors by key (float32, on the CPU) and their preprocessing to the RMS of every calibrated layer."""


@dataclass(frozen=True)
class OfficialWeights:
    """A state dict file published by the authors of the network or of its library.

    Attributes:
        url: returns the address of the file; a function, because the library that knows the address may be slow to
            import.
        filename: name of the file, also in the torch hub cache.
        sha256_prefix: first hex digits of the file's SHA-256.
        megabytes: size of the download in MB.
        source: origin of the weights, copied into the metadata.
        license: license of the weights, copied into the metadata.
        preprocessing: the preprocessing that the network was trained with.
    """

    url: Callable[[], str]
    filename: str
    sha256_prefix: str
    megabytes: int
    source: str
    license: str
    preprocessing: Preprocessing = TORCHVISION


@dataclass(frozen=True)
class KeyNaming:
    """A way in which files name the tensors of a network.

    Attributes:
        keys: the key in such files of every required tensor, by the architecture's key.
        preprocessing: what such files are made for, "torchvision" or "caffe".
    """

    keys: Mapping[str, str]
    preprocessing: Literal["torchvision", "caffe"] = "torchvision"


@dataclass(frozen=True)
class Architecture:
    """The tensors of a network, and how the scale of its layers is measured.

    Attributes:
        name: name of the architecture in the metadata of weight files and in ``nst weights fetch NAME``.
        key_naming: how the keys of the tensors are formed, in words, for the metadata.
        shapes: shape of every required tensor, by key.
        input_weight: key of the kernel that is applied to the image, ``(N, 3, k, k)``.
        calibrated_layers: the layers whose RMS every weight set states in ``layer_rms``; empty for a network whose
            layers are not rescaled.
        measure_rms: measures or estimates the RMS over natural images of every calibrated layer, in the scale of the
            weights; required if there are calibrated layers.
        official: weights that can be downloaded, if any.
        embedded: weight file in the package of the network, if any; the default where the store has no weights of the
            network, and then nothing is downloaded.
        known_files: preprocessing ("torchvision" or "caffe") of well-known files, by the first hex digits of their
            SHA-256.
        other_namings: other ways in which files name the tensors; prefixes need none.

    Raises:
        PluginError: there are calibrated layers but no ``measure_rms``.
    """

    name: str
    key_naming: str
    shapes: Mapping[str, tuple[int, ...]]
    input_weight: str
    calibrated_layers: tuple[str, ...] = ()
    measure_rms: MeasureRms | None = None
    official: OfficialWeights | None = None
    embedded: Path | None = None
    known_files: Mapping[str, str] = field(default_factory=dict)
    other_namings: tuple[KeyNaming, ...] = ()

    def __post_init__(self) -> None:
        if self.calibrated_layers and self.measure_rms is None:
            raise PluginError(f"architecture '{self.name}' has calibrated layers but no measure_rms; provide both")

    @property
    def embedded_name(self) -> str:
        """How ``--weights`` refers to the embedded weight file, whatever the store has."""
        return f"{self.name}{EMBEDDED_SUFFIX}"


def architectures(extractors: Iterable[type]) -> dict[str, Architecture]:
    """Collect the architectures of extractor classes, by name.

    Args:
        extractors: extractor classes; those without a class attribute ``architecture`` are skipped.

    Raises:
        PluginError: two classes use one name for different architectures.
    """
    collected: dict[str, Architecture] = {}
    for cls in extractors:
        architecture = getattr(cls, "architecture", None)
        if not isinstance(architecture, Architecture):
            continue
        if collected.setdefault(architecture.name, architecture) is not architecture:
            raise PluginError(
                f"{cls.__module__}.{cls.__qualname__} calls its architecture '{architecture.name}', but another "
                "extractor uses that name; disable one of the two plugins with NST_DISABLE_PLUGINS"
            )
    return collected
