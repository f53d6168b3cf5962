"""A term: one weighted loss bound to layers and targets. One class for each kind of loss.

Every kind is written as a sum over positions and a judgement of the sum. The objective adds the sums up, over one view
of the whole image or over many tiles, and asks for the judgement once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor

from nst_core.components import FeatureLoss, ImageLoss, Loss, PointwiseLoss, Statistic, StatisticLoss, Tap
from nst_core.job.schema import Term
from nst_core.objective.features import View
from nst_core.ops import Head

__all__ = ["BoundTerm", "bind"]

Targets = Mapping[str, Any]


class BoundTerm(ABC):
    """A loss with its weight, layers and, once :meth:`aim` was called, its targets.

    Attributes:
        label: name in reports.
        loss: the component.
        term: the job's description of it.
        parts: layers it reports a number for.
        targets: by layer; empty before, and for a loss on pixels. A mapping that is there does not change.
        tileable: whether its sums may be added up over tiles.
    """

    targets: Targets = MappingProxyType({})
    tileable: ClassVar[bool] = True

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        self.label = label
        self.loss = loss
        self.term = term
        self.channels = {layer: taps[layer].channels for layer in term.layers}
        self.parts: tuple[str, ...] = term.layers
        factors = term.layer_weights or (1.0,) * len(term.layers)
        self.weights: tuple[float, ...] = tuple(term.weight * factor for factor in factors)

    @property
    def sees_through_heads(self) -> bool:
        """Whether it takes maps from before a head without computing what the head makes of them."""
        return False

    def aim(self, view: View) -> None:  # noqa: B027 - a loss on pixels has no target
        """Add a view of the style or content image, by role, to the targets. Without a graph."""

    @abstractmethod
    def collect(self, view: View) -> list[Statistic]:
        """Return one sum over the view's own positions for each part, in order."""

    @abstractmethod
    def judge(self, collected: Sequence[Statistic]) -> list[Tensor]:
        """Turn the sums over all positions into one unweighted scalar for each part."""


class _StatisticTerm(BoundTerm):
    """The sums over positions first, then the criterion: what makes tiles, masks and blends exact."""

    loss: StatisticLoss
    targets: Mapping[str, Statistic]

    @property
    def sees_through_heads(self) -> bool:
        return self.loss.sees_through_heads

    def aim(self, view: View) -> None:
        found = dict(zip(self.parts, self.collect(view), strict=True))
        before = self.targets
        self.targets = {layer: before[layer] + new if layer in before else new for layer, new in found.items()}

    def collect(self, view: View) -> list[Statistic]:
        return [self._statistic(view.own(layer), view.heads.get(layer)) for layer in self.parts]

    def _statistic(self, feature: Tensor, head: Head | None) -> Statistic:
        return self.loss.statistic_through(head, feature) if head else self.loss.statistic(feature)

    def judge(self, collected: Sequence[Statistic]) -> list[Tensor]:
        return [
            self.loss.criterion(statistic, self.targets[layer], self.channels[layer])
            for layer, statistic in zip(self.parts, collected, strict=True)
        ]


class _PointwiseTerm(BoundTerm):
    loss: PointwiseLoss
    targets: Mapping[str, Tensor]

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        super().__init__(label, loss, term, taps)
        self._room: dict[str, Tensor] = {}

    def aim(self, view: View) -> None:
        if view.tile.whole:
            self.targets = {layer: view.maps[layer] for layer in self.parts}
            return
        self.targets = {layer: self._with(view, layer) for layer in self.parts}

    def _with(self, view: View, layer: str) -> Tensor:
        """Put the view's own positions into the map of the whole image; return as much as is there."""
        own = view.own(layer)
        stride = view.taps[layer].stride
        rows, columns = view.tile.rows, view.tile.columns
        if layer not in self.targets:  # the first tile; a map is no larger than the image by the stride, rounded up
            size = [-(-side // stride) for side in view.image_size]
            self._room[layer] = own.new_empty(*own.shape[:2], *size).to(memory_format=torch.channels_last)
        top, left = rows.first // stride, columns.first // stride
        bottom, right = top + own.shape[-2], left + own.shape[-1]
        self._room[layer][..., top:bottom, left:right] = own
        if rows.last == rows.length and columns.last == columns.length:  # the last one
            return self._room.pop(layer)[..., :bottom, :right]
        return self._room[layer]

    def collect(self, view: View) -> list[Statistic]:
        return [self._sum(view.own(layer), view.place(layer, self.targets[layer])) for layer in self.parts]

    def _sum(self, feature: Tensor, target: Tensor) -> Statistic:
        value = self.loss.pointwise(feature, target)
        positions = float(feature.shape[-2] * feature.shape[-1])
        return Statistic((value,), value.new_full((len(feature),), positions))

    def judge(self, collected: Sequence[Statistic]) -> list[Tensor]:
        return [
            statistic.sums[0] * self.loss.scale(float(statistic.weight[0]), self.channels[layer])
            for layer, statistic in zip(self.parts, collected, strict=True)
        ]


class _ImageTerm(BoundTerm):
    loss: ImageLoss

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        super().__init__(label, loss, term, taps)
        self.parts = ("image",)
        self.weights = (term.weight,)

    def collect(self, view: View) -> list[Statistic]:
        density = view.tile.own(self.loss.density(view.image), 1)
        positions = float(density.shape[-2] * density.shape[-1])
        return [Statistic((density.sum(dim=(-2, -1)),), density.new_full((len(density),), positions))]

    def judge(self, collected: Sequence[Statistic]) -> list[Tensor]:
        return [collected[0].means()[0].sum()]


class _FeatureTerm(BoundTerm):
    loss: FeatureLoss
    targets: Mapping[str, Tensor]
    tileable = False

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        super().__init__(label, loss, term, taps)
        self.parts = ("+".join(term.layers),)
        self.weights = (term.weight,)

    def aim(self, view: View) -> None:
        self.targets = {layer: view.maps[layer] for layer in self.term.layers}

    def collect(self, view: View) -> list[Statistic]:
        value = self.loss.forward({layer: view.maps[layer] for layer in self.term.layers}, self.targets)
        return [Statistic((value,), value.detach())]

    def judge(self, collected: Sequence[Statistic]) -> list[Tensor]:
        return [collected[0].sums[0]]


_KINDS: dict[type[Loss], type[BoundTerm]] = {
    StatisticLoss: _StatisticTerm,
    PointwiseLoss: _PointwiseTerm,
    ImageLoss: _ImageTerm,
    FeatureLoss: _FeatureTerm,
}


def bind(label: str, loss: Loss, term: Term, taps: Mapping[str, Tap]) -> BoundTerm:
    """Bind a loss to its layers by its kind; ``taps`` has the geometry of all of them."""
    bound = next(cls for kind, cls in _KINDS.items() if isinstance(loss, kind))
    return bound(label, loss, term, taps)
