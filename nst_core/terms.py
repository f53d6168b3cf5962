"""A term: one weighted loss bound to layers and targets. One class for each kind of loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor

from nst_core.interfaces import FeatureLoss, ImageLoss, Loss, PointwiseLoss, Statistic, StatisticLoss, Tap
from nst_core.job import Term

__all__ = ["BoundTerm", "bind"]

Features = Mapping[str, Tensor]
Targets = Mapping[str, Any]


class BoundTerm(ABC):
    """A loss with its weight, layers and, once :meth:`aim` was called, its targets.

    Attributes:
        label: name in reports.
        loss: the component.
        term: the job's description of it.
        parts: layers it reports a number for.
        targets: by layer; empty before, and for a loss on pixels. Not changed once they are there.
    """

    targets: Targets = MappingProxyType({})

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        self.label = label
        self.loss = loss
        self.term = term
        self.channels = {layer: taps[layer].channels for layer in term.layers}
        self.parts: tuple[str, ...] = term.layers
        factors = term.layer_weights or (1.0,) * len(term.layers)
        self.weights: tuple[float, ...] = tuple(term.weight * factor for factor in factors)

    def aim(self, features: Features) -> None:  # noqa: B027 - a loss on pixels has no target
        """Compute the targets from the features of the style or content image, by role. Without a graph."""

    @abstractmethod
    def losses(self, image: Tensor, features: Features) -> list[Tensor]:
        """Return one unweighted scalar for each part, in order."""


class _StatisticTerm(BoundTerm):
    """The sums over positions first, then the criterion: what makes tiles, masks and blends exact."""

    loss: StatisticLoss
    targets: Mapping[str, Statistic]

    def aim(self, features: Features) -> None:
        self.targets = {layer: self.loss.statistic(features[layer]) for layer in self.parts}

    def losses(self, image: Tensor, features: Features) -> list[Tensor]:  # noqa: ARG002
        return [
            self.loss.criterion(self.loss.statistic(features[layer]), self.targets[layer], self.channels[layer])
            for layer in self.parts
        ]


class _PointwiseTerm(BoundTerm):
    loss: PointwiseLoss
    targets: Mapping[str, Tensor]

    def aim(self, features: Features) -> None:
        self.targets = {layer: features[layer] for layer in self.parts}

    def losses(self, image: Tensor, features: Features) -> list[Tensor]:  # noqa: ARG002
        return [self._loss(features[layer], self.targets[layer], layer) for layer in self.parts]

    def _loss(self, feature: Tensor, target: Tensor, layer: str) -> Tensor:
        positions = float(feature.shape[-2] * feature.shape[-1])
        return self.loss.pointwise(feature, target) * self.loss.scale(positions, self.channels[layer])


class _ImageTerm(BoundTerm):
    loss: ImageLoss

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        super().__init__(label, loss, term, taps)
        self.parts = ("image",)
        self.weights = (term.weight,)

    def losses(self, image: Tensor, features: Features) -> list[Tensor]:  # noqa: ARG002
        return [self.loss.density(image).mean(dim=(-2, -1)).sum()]


class _FeatureTerm(BoundTerm):
    loss: FeatureLoss
    targets: Mapping[str, Tensor]

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        super().__init__(label, loss, term, taps)
        self.parts = ("+".join(term.layers),)
        self.weights = (term.weight,)

    def aim(self, features: Features) -> None:
        self.targets = {layer: features[layer] for layer in self.term.layers}

    def losses(self, image: Tensor, features: Features) -> list[Tensor]:  # noqa: ARG002
        return [self.loss.forward({layer: features[layer] for layer in self.term.layers}, self.targets)]


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
