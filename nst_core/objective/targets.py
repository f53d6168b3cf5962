"""What the terms of an objective compare with: a value, made from images and given to every evaluation."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

__all__ = ["TargetCache", "TargetImage", "TargetImages", "Targets"]


@dataclass(frozen=True)
class TargetImage:
    """An image whose features give targets.

    Attributes:
        pixels: ``(1, 3, H, W)`` in [0, 1], on the device of the network.
        share: of the blend of all images of its source; the shares are positive and add up to one.
        key: what identifies the pixels and the network in a cache, ``None`` for an image that is not to be cached.
    """

    pixels: Tensor = field(repr=False)
    share: float = 1.0
    key: Hashable = None


TargetImages = Mapping[str, Sequence[TargetImage]]
"""Images by source, "content" or "style"; see :class:`nst_core.components.Role`."""


class TargetCache(Protocol):
    """Keeps targets by what decides them."""

    def target(self, key: Hashable) -> Any:
        """Return the target kept for ``key``, or ``None``."""

    def keep_target(self, key: Hashable, value: Any) -> None:
        """Keep a target."""


@dataclass(frozen=True)
class Targets:
    """The targets of an objective's terms.

    Attributes:
        by_term: in the order of the terms; statistics or feature maps by layer, ``None`` for a loss on pixels.
    """

    by_term: tuple[Any, ...] = field(repr=False)
