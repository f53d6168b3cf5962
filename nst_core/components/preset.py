"""Presets: settings that were tuned together, under a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from nst_core.job.schema import ParamValue

__all__ = ["Preset"]


class Preset:
    """Losses with weights that suit each other, a start and a schedule, under a name; a subclass sets the attributes.

    Attributes:
        losses: registered names of the losses, each with its weight for taps of unit RMS.
        initializer: registered name of what the optimisation starts from.
        optimizer: registered name of the optimizer.
        extractor: registered name of the network.
        parametrization: registered name of what the optimizer changes.
        layers: layers of losses that look at others than they do by default, by loss: ``NAME``, or ``NAME=FACTOR``.
            They count with extractors that have all of them.
        params: constructor arguments of losses that differ from the defaults, by loss.
        levels: resolution levels, as the option ``levels`` has them: ``auto`` or ``off``.
        steps: evaluations of the smallest level.
        quick_extractor: registered name of the network that ``fast`` chooses, "" for none.
        temporal: registered names of the losses that hold the frames of a clip together, each with its weight.
        normalized: weight by role where gradients are normalised, see ``normalize_gradients``.
        default: whether a job has this preset where none is named; the first registered one that says so.
        studied: whether ``nst study`` compares it with the others that say so.
    """

    losses: ClassVar[Mapping[str, float]]
    initializer: ClassVar[str]
    optimizer: ClassVar[str]
    extractor: ClassVar[str]
    parametrization: ClassVar[str]
    layers: ClassVar[Mapping[str, Sequence[str]]] = {}
    params: ClassVar[Mapping[str, Mapping[str, ParamValue]]] = {}
    levels: ClassVar[str] = "auto"
    steps: ClassVar[int] = 300
    quick_extractor: ClassVar[str] = ""
    temporal: ClassVar[Mapping[str, float]] = {}
    normalized: ClassVar[Mapping[str, float]] = {"content": 1.0, "style": 10.0, "temporal": 10.0, "regularizer": 1.0}
    default: ClassVar[bool] = False
    studied: ClassVar[bool] = False
