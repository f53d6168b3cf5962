"""What an extractor says about its network, so that weights for it can be stored, checked and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from nst_core.errors import PluginError
from nst_core.weights.convention import TORCHVISION, InputConvention

__all__ = ["Architecture", "Official", "architectures"]


@dataclass(frozen=True)
class Official:
    """The weights that whoever trained the network gives out, as a state dict file.

    Attributes:
        url: gives the address; a function, because the library that knows it may be slow to import.
        filename: of the file, also in the torch hub cache.
        sha256_prefix: first hex digits of its SHA-256.
        megabytes: size of the download.
        source: where the weights come from, for the metadata.
        license: of the weights, for the metadata.
        input: what numbers the network sees.
    """

    url: Callable[[], str]
    filename: str
    sha256_prefix: str
    megabytes: int
    source: str
    license: str
    input: InputConvention = TORCHVISION


@dataclass(frozen=True)
class Architecture:
    """A network's tensors, and how to measure the scale of its layers.

    An extractor class with weights holds one in its attribute ``architecture``.

    Attributes:
        name: as in the metadata of weight files and in ``nst weights fetch NAME``.
        keys: in words, how the tensors are named.
        shapes: expected tensors by key.
        input_weight: key of the first kernel, the one that sees the image.
        layers: names that ``layer_rms`` must cover.
        measure: gives the RMS over natural images of every layer, in the scale of the weights themselves.
        official: weights to download, if there are any.
        known_files: input convention ("torchvision" or "caffe") of well-known files, by the first hex digits
            of their SHA-256.
    """

    name: str
    keys: str
    shapes: Mapping[str, tuple[int, ...]]
    input_weight: str
    layers: tuple[str, ...]
    measure: Callable[[Mapping[str, Tensor], InputConvention], dict[str, float]]
    official: Official | None = None
    known_files: Mapping[str, str] = field(default_factory=dict)


def architectures(extractors: Iterable[type]) -> dict[str, Architecture]:
    """Collect the architectures of those extractor classes that have one, by name.

    Raises:
        PluginError: two extractors mean different architectures by one name.
    """
    found: dict[str, Architecture] = {}
    for cls in extractors:
        architecture = getattr(cls, "architecture", None)
        if not isinstance(architecture, Architecture):
            continue
        if found.setdefault(architecture.name, architecture) is not architecture:
            raise PluginError(
                f"{cls.__module__}.{cls.__qualname__} calls its architecture '{architecture.name}', but "
                "another extractor has that name; disable one of the two plugins with NST_DISABLE_PLUGINS"
            )
    return found
