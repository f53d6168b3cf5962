"""Extractors: frozen networks that turn images into feature maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from torch import nn

from nst_core.errors import JobError, unknown_name
from nst_core.job.schema import Component

__all__ = ["PIXELS", "PIXEL_TAP", "Extractor", "Tap", "check_layers"]

PIXELS = "pixels"
"""The layer that every extractor has: the image itself, ``(B, 3, H, W)`` in [0, 1], float32."""


@dataclass(frozen=True)
class Tap:
    """A layer whose output can be used, and the geometry that tiling and checks need.

    Attributes:
        channels: nominal number of channels N, by which the losses are normalised. The feature maps of a compact
            network may have another number of channels.
        stride: distance of neighbouring positions in pixels of the image, in both directions.
        receptive_field: side of the square of pixels that one position depends on.
    """

    channels: int
    stride: int
    receptive_field: int


PIXEL_TAP = Tap(channels=3, stride=1, receptive_field=1)
"""The geometry of :data:`PIXELS`."""


def check_layers(layers: Iterable[str], known: Collection[str]) -> None:
    """Check that layers exist.

    Args:
        layers: names of layers.
        known: names of the layers that exist.

    Raises:
        UnknownNameError: a layer does not exist; the message lists the nearest matches.
    """
    for layer in layers:
        if layer not in known:
            raise unknown_name("layer", layer, known)


class Extractor(ABC):
    """A frozen network that turns images into feature maps.

    An author implements :meth:`taps` and :meth:`network`; everybody else calls :meth:`build`, which checks the layers.
    """

    content_layers: ClassVar[tuple[str, ...]] = ()
    """Layers at which the presets compare content."""
    style_layers: ClassVar[tuple[str, ...]] = ()
    """Layers at which the presets compare style."""
    scriptable: ClassVar[bool] = True
    """Whether TorchScript can compile the networks, so that they can be exported for C++."""

    @abstractmethod
    def taps(self) -> Mapping[str, Tap]:
        """Return all layers by name, from shallow to deep, except ``pixels``; this needs no weights."""

    @abstractmethod
    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network up to the deepest of ``layers``; called by :meth:`build`, which has checked them.

        Args:
            layers: names of one or more layers, all of them in :meth:`taps`, in any order.

        Returns:
            A module in eval mode whose parameters are frozen. It maps an image ``(B, 3, H, W)`` in [0, 1] to a list
            of feature maps ``(B, N, H', W')`` in the order of ``layers``, in the dtype of its parameters, and is
            differentiable with respect to the image. Its features should have unit RMS over natural images, so that α
            and β mean the same for every extractor.

        Raises:
            WeightsError: the weights are missing or damaged.
        """

    @final
    def build(self, layers: Sequence[str]) -> nn.Module:
        """Check ``layers`` and build the network up to the deepest of them.

        Args:
            layers: names of one or more layers, in the order in which the feature maps are returned.

        Returns:
            A frozen module in eval mode, from an image ``(B, 3, H, W)`` in [0, 1] to a list of feature maps; see
            :meth:`network`.

        Raises:
            JobError: ``layers`` is empty.
            UnknownNameError: a layer does not exist.
            WeightsError: the weights are missing or damaged.
        """
        known = self.taps()
        if not layers:
            raise JobError(f"no layer is given; name at least one of: {', '.join(known)}")
        check_layers(layers, known)
        return self.network(layers)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the weight file as 64 hex digits, or "" for an extractor without one."""
        return ""

    def pinned(self) -> Component | None:
        """Return the extractor that was selected by one that selects among others; ``None`` for any other."""
        return None

    def remark(self) -> str:
        """Return what the user should know about that selection, or ""."""
        return ""
