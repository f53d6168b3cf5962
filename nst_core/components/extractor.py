"""Extractors: frozen networks that turn images into feature maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from nst_core.job.schema import Component

__all__ = ["PIXELS", "PIXEL_TAP", "Extractor", "Tap"]

PIXELS = "pixels"
"""The layer that every extractor has: the image itself, ``(B, 3, H, W)`` in [0, 1], float32."""


@dataclass(frozen=True)
class Tap:
    """A layer whose output can be used, and the geometry that tiling and checks need.

    Attributes:
        channels: nominal number of channels N, the one the losses normalise by. A compact network may return
            another number of channels that spans the same geometry.
        stride: pixels of the image per position, in either direction.
        receptive_field: side of the square of pixels that one position sees.
    """

    channels: int
    stride: int
    receptive_field: int


PIXEL_TAP = Tap(channels=3, stride=1, receptive_field=1)
"""The geometry of :data:`PIXELS`."""


class Extractor(ABC):
    """A frozen network that turns images into feature maps.

    The class says which layers the presets use, the instance which layers there are, and :meth:`network` builds
    the part of the network that a job needs.
    """

    content_layers: ClassVar[tuple[str, ...]] = ()
    style_layers: ClassVar[tuple[str, ...]] = ()
    scriptable: ClassVar[bool] = True
    """Whether TorchScript can compile its networks, so that they run without Python."""

    @abstractmethod
    def taps(self) -> Mapping[str, Tap]:
        """All layers by name, from shallow to deep, without ``pixels``. Needs no weights."""

    @abstractmethod
    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network, cut after the deepest of ``layers``.

        Returns:
            A module in eval mode whose parameters are frozen. It maps an image ``(B, 3, H, W)`` to a list of
            feature maps in the order of ``layers``, in the dtype of its parameters, and is differentiable with
            respect to the image. Its features should have unit RMS over natural images, so that α and β mean
            the same for every extractor.

        Raises:
            UnknownNameError: a layer does not exist.
            WeightsError: the weights are missing or damaged.
        """

    def fingerprint(self) -> str:
        """SHA-256 of the weights as 64 hex digits, or "" for an extractor without a weight file."""
        return ""

    def pinned(self) -> Component | None:
        """Return the extractor that does the work, for one that chooses among others; ``None`` means this one."""
        return None

    def remark(self) -> str:
        """Return what the user should know about the choice that was made, "" for nothing."""
        return ""
