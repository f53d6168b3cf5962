"""Presets: settings that were tuned together, under a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = ["Preset"]


class Preset:
    """Losses with weights that suit each other and a start, under a name; a subclass sets the attributes.

    Attributes:
        losses: registered names of the content and style losses, each with its weight for taps of unit RMS.
        initializer: registered name of what the optimisation starts from.
        optimizer: registered name of the optimizer.
        extractor: registered name of the network.
        parametrization: registered name of what the optimizer changes.
        normalized: weight by role where gradients are normalised, see ``normalize_gradients``.
        default: whether a job has this preset where none is named; the first registered one that says so.
        studied: whether ``nst study`` compares it with the others that say so.
    """

    losses: ClassVar[Mapping[str, float]]
    initializer: ClassVar[str]
    optimizer: ClassVar[str]
    extractor: ClassVar[str]
    parametrization: ClassVar[str]
    normalized: ClassVar[Mapping[str, float]] = {"content": 1.0, "style": 10.0, "regularizer": 1.0}
    default: ClassVar[bool] = False
    studied: ClassVar[bool] = False
