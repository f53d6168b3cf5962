"""A term: one weighted loss bound to its layers. One class for each kind of loss; none of them holds any state.

Every kind is written as a sum over positions and a criterion on the sum. The objective adds the sums up, over the whole
image or over many tiles, and applies the criterion once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from nst_core.components import (
    PIXELS,
    ROLES,
    FeatureLoss,
    FeatureMaps,
    ImageLoss,
    Loss,
    PointwiseLoss,
    Statistic,
    StatisticLoss,
    Tap,
    WeightedMaps,
)
from nst_core.errors import JobError
from nst_core.job.schema import Component, Term
from nst_core.objective.features import TileFeatures
from nst_core.objective.guides import Guides

__all__ = ["Accumulator", "BoundTerm", "bind"]


class Accumulator(ABC):
    """Collects what a term compares with from the tiles of one target image, without a graph."""

    @abstractmethod
    def add(self, features: TileFeatures) -> None:
        """Take one more tile, in order."""

    @abstractmethod
    def result(self) -> dict[str, Any]:
        """Return what was collected, by layer."""


class BoundTerm(ABC):
    """A loss with its weight and layers.

    Attributes:
        label: name in reports.
        loss: the component.
        term: the job's description of it.
        parts: layers it reports a number for.
        weights: of every part.
        tileable: whether its sums may be added up over tiles.
        guided_sums: whether what is collected from a target image depends on the guides of its positions.
    """

    tileable: ClassVar[bool] = True
    guided_sums: ClassVar[bool] = False

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        self.label = label
        self.loss = loss
        self.term = term
        self._taps = taps
        self.channels = {layer: taps[layer].channels for layer in term.layers}
        self.parts: tuple[str, ...] = term.layers
        factors = term.layer_weights or (1.0,) * len(term.layers)
        self.weights: tuple[float, ...] = tuple(term.weight * factor for factor in factors)

    @property
    def source(self) -> str:
        """Which images of the job give its target, see :class:`nst_core.components.Role`; "" for none."""
        return ROLES[self.loss.role].source

    @property
    def reads(self) -> Sequence[tuple[str, ...]]:
        """The layers that each of its parts is computed from, in order."""
        return [(part,) for part in self.parts]

    @property
    def takes_regions(self) -> bool:
        """Whether it can be kept to the positions of a region."""
        return True

    def check_takes_regions(self) -> None:
        """Check that it can be kept to the positions of a region.

        Raises:
            JobError: it cannot.
        """
        if not self.takes_regions:
            raise JobError(
                f"'{self.label}' compares whole feature maps and knows no regions; use a loss on statistics "
                "('nst plugins' lists their kinds), or no regions"
            )

    @property
    def has_projected_statistic(self) -> bool:
        """Whether it takes maps from before a projection, without computing the projected maps."""
        return False

    @property
    def has_level_targets(self) -> bool:
        """Whether its target depends on the image that a level starts from; see :meth:`level_target`."""
        return False

    def level_target(
        self,
        target: Any,
        start: TileFeatures,  # noqa: ARG002
        content: TileFeatures | None,  # noqa: ARG002
        guides: Guides,  # noqa: ARG002
    ) -> Any:
        """Return the target of a region during a level, given its first image, the content image and its guides."""
        return target

    def target_key(self, layer: str, projected: bool) -> Hashable:
        """Return what decides the target at a layer beside the image and the network.

        Args:
            layer: one of the term's layers.
            projected: whether the loss is given maps from before a projection.
        """
        return (Component(self.term.loss, self.term.params), layer, projected)

    @abstractmethod
    def accumulator(self, layers: Sequence[str]) -> Accumulator:
        """Return what collects the targets of some of the term's layers from one image."""

    @abstractmethod
    def blend(self, targets: Sequence[Mapping[str, Any]], shares: Sequence[float], guides: Sequence[Guides]) -> Any:
        """Make the target of a region.

        Args:
            targets: what was collected from every image.
            shares: of the images; they add up to one.
            guides: of the images.
        """

    @abstractmethod
    def collect(self, features: TileFeatures, target: Any, guides: Guides) -> list[Statistic]:
        """Return one sum over a region's positions in the tile's interior for each part, in order."""

    @abstractmethod
    def judge(self, collected: Sequence[Statistic], target: Any) -> list[Tensor]:
        """Turn a region's sums over all positions into one unweighted scalar for each part."""


class _StatisticSums(Accumulator):
    def __init__(self, term: _StatisticTerm, layers: Sequence[str]) -> None:
        self._term, self._layers = term, layers
        self._sums: dict[str, Statistic] = {}

    def add(self, features: TileFeatures) -> None:
        (guides,) = features.regions(self._term.source)
        for layer in self._layers:
            found = self._term.statistic(features, layer, guides)
            self._sums[layer] = self._sums[layer] + found if layer in self._sums else found

    def result(self) -> dict[str, Any]:
        return dict(self._sums)


class _StatisticTerm(BoundTerm):
    """The sums over positions first, then the criterion: what makes tiles, regions and blends exact."""

    loss: StatisticLoss
    guided_sums = True

    @property
    def has_projected_statistic(self) -> bool:
        return self.loss.has_projected_statistic

    def accumulator(self, layers: Sequence[str]) -> Accumulator:
        return _StatisticSums(self, layers)

    def blend(
        self,
        targets: Sequence[Mapping[str, Any]],
        shares: Sequence[float],
        guides: Sequence[Guides],  # noqa: ARG002 - they are in the sums
    ) -> dict[str, Any]:
        blended = {layer: Statistic.blend([target[layer] for target in targets], shares) for layer in self.parts}
        with torch.no_grad():
            return {layer: self.loss.prepared_target(statistic) for layer, statistic in blended.items()}

    def collect(self, features: TileFeatures, target: Any, guides: Guides) -> list[Statistic]:  # noqa: ARG002
        return [self.statistic(features, layer, guides) for layer in self.parts]

    def statistic(self, features: TileFeatures, layer: str, guides: Guides) -> Statistic:
        """Return the statistic of a layer over a region's positions in the interior of a tile."""
        feature, projection = features.interior(layer), features.projections.get(layer)
        weight = features.weight(guides, layer, feature)
        if projection:
            return self.loss.projected_statistic(projection, feature, weight)
        return self.loss.statistic(feature, weight)

    def judge(self, collected: Sequence[Statistic], target: Mapping[str, Any]) -> list[Tensor]:
        return [
            self.loss.criterion(statistic, target[layer], self.channels[layer])
            for layer, statistic in zip(self.parts, collected, strict=True)
        ]


class _WholeMaps(Accumulator):
    """Puts the maps of the whole image together from its tiles."""

    def __init__(self, layers: Sequence[str]) -> None:
        self._layers = layers
        self._maps: dict[str, Tensor] = {}
        self._extent: dict[str, tuple[int, int]] = {}

    def add(self, features: TileFeatures) -> None:
        for layer in self._layers:
            if features.tile.whole:
                # A copy, for the map lies amid the memory of the network's other maps.
                self._maps[layer] = features.maps[layer].clone()
            else:
                self._place(features, layer)

    def _place(self, features: TileFeatures, layer: str) -> None:
        interior = features.interior(layer)
        stride = features.taps[layer].stride
        if layer not in self._maps:  # a map is no larger than the image by the stride, rounded up
            size = [-(-side // stride) for side in features.image_size]
            room = interior.new_empty(*interior.shape[:2], *size)
            self._maps[layer] = room.to(memory_format=torch.channels_last)
        top, left = features.tile.rows.first // stride, features.tile.columns.first // stride
        bottom, right = top + interior.shape[-2], left + interior.shape[-1]
        self._maps[layer][..., top:bottom, left:right] = interior
        self._extent[layer] = bottom, right

    def result(self) -> dict[str, Any]:
        # The last tile says where the map ends: convolutions may leave out a last row or column.
        return {
            layer: found
            if layer not in self._extent
            else found[..., : self._extent[layer][0], : self._extent[layer][1]]
            for layer, found in self._maps.items()
        }


class _MapTerm(BoundTerm):
    """Compares with the feature maps themselves, which are the same for every loss that does."""

    def target_key(self, layer: str, projected: bool) -> Hashable:
        return ("map", layer, projected)

    def accumulator(self, layers: Sequence[str]) -> Accumulator:
        return _WholeMaps(layers)


class _PointwiseTerm(_MapTerm):
    loss: PointwiseLoss

    def blend(
        self,
        targets: Sequence[Mapping[str, Any]],
        shares: Sequence[float],  # noqa: ARG002
        guides: Sequence[Guides],  # noqa: ARG002 - a target has the pastiche's own positions
    ) -> dict[str, Tensor]:
        if len(targets) > 1:
            raise JobError(
                f"'{self.label}' compares every position with its own target and cannot blend {len(targets)} images; "
                "use a loss on statistics ('nst plugins' lists their kinds), or one image"
            )
        return dict(targets[0])

    def collect(self, features: TileFeatures, target: Mapping[str, Tensor], guides: Guides) -> list[Statistic]:
        return [self._sum(features, layer, target[layer], guides) for layer in self.parts]

    def _sum(self, features: TileFeatures, layer: str, target: Tensor, guides: Guides) -> Statistic:
        feature = features.interior(layer)
        weight = features.weight(guides, layer, feature)
        value = self.loss.pointwise(feature, features.part_of(layer, target), weight)
        # The factor on the sum is a number of the CPU: positions are counted there, whatever the device.
        positions = features.positions(guides, layer, feature)
        return Statistic((value,), torch.full((len(feature),), positions, dtype=value.dtype))

    def judge(self, collected: Sequence[Statistic], target: Any) -> list[Tensor]:  # noqa: ARG002
        return [
            self._scaled(statistic.sums[0], float(statistic.weight[0]), layer)
            for layer, statistic in zip(self.parts, collected, strict=True)
        ]

    def _scaled(self, value: Tensor, positions: float, layer: str) -> Tensor:
        """Scale the sum of a layer, which is zero where no position counts: convolutions may leave out a last row."""
        return value * self.loss.scale(positions, self.channels[layer]) if positions > 0 else value


class _ImageTerm(BoundTerm):
    loss: ImageLoss

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        super().__init__(label, loss, term, taps)
        self.parts = ("image",)
        self.weights = (term.weight,)

    @property
    def reads(self) -> Sequence[tuple[str, ...]]:
        return [(PIXELS,)]

    def accumulator(self, layers: Sequence[str]) -> Accumulator:  # noqa: ARG002 - a loss on pixels has no target
        return _WholeMaps(())

    def blend(
        self,
        targets: Sequence[Mapping[str, Any]],  # noqa: ARG002
        shares: Sequence[float],  # noqa: ARG002
        guides: Sequence[Guides],  # noqa: ARG002
    ) -> None:
        return None

    def collect(self, features: TileFeatures, target: Any, guides: Guides) -> list[Statistic]:  # noqa: ARG002
        density = features.tile.interior(self.loss.density(features.image), 1)
        positions = float(density.shape[-2] * density.shape[-1])
        return [Statistic((density.sum(dim=(-2, -1)),), density.new_full((len(density),), positions))]

    def judge(self, collected: Sequence[Statistic], target: Any) -> list[Tensor]:  # noqa: ARG002
        return [collected[0].means()[0].sum()]


class _FeatureTerm(_MapTerm):
    loss: FeatureLoss
    tileable = False

    def __init__(self, label: str, loss: Any, term: Term, taps: Mapping[str, Tap]) -> None:
        super().__init__(label, loss, term, taps)
        self.parts = ("+".join(term.layers),)
        self.weights = (term.weight,)

    @property
    def reads(self) -> Sequence[tuple[str, ...]]:
        return [self.term.layers]

    @property
    def takes_regions(self) -> bool:
        return self.loss.takes_weights

    def blend(
        self, targets: Sequence[Mapping[str, Any]], shares: Sequence[float], guides: Sequence[Guides]
    ) -> tuple[WeightedMaps, ...]:
        return tuple(
            WeightedMaps(self._weighted(maps, guide), share)
            for maps, share, guide in zip(targets, shares, guides, strict=True)
        )

    def _weighted(self, maps: Mapping[str, Tensor], guides: Guides) -> FeatureMaps:
        """Return the maps of the term's layers with the weights that a region has there."""
        own = {layer: maps[layer] for layer in self.term.layers}
        weights = {layer: guides.weight(self._taps[layer]) for layer in own}
        there = {
            layer: weight[..., : own[layer].shape[-2], : own[layer].shape[-1]].to(own[layer].device)
            for layer, weight in weights.items()
            if weight is not None
        }
        return FeatureMaps(own, there or None)

    @property
    def has_level_targets(self) -> bool:
        return self.loss.has_level_targets

    def level_target(
        self,
        target: tuple[WeightedMaps, ...],
        start: TileFeatures,
        content: TileFeatures | None,
        guides: Guides,
    ) -> tuple[WeightedMaps, ...]:
        first = self._weighted(start.maps, guides)
        photo = self._weighted(content.maps, guides) if content is not None else None
        return tuple(
            replace(one, maps=FeatureMaps.of(self.loss.level_targets(one.maps, first, photo))) for one in target
        )

    def collect(self, features: TileFeatures, target: tuple[WeightedMaps, ...], guides: Guides) -> list[Statistic]:
        value = self.loss.forward_blend(self._weighted(features.maps, guides), target)
        return [Statistic((value,), value.detach())]

    def judge(self, collected: Sequence[Statistic], target: Any) -> list[Tensor]:  # noqa: ARG002
        return [collected[0].sums[0]]


_TERMS: dict[type[Loss], type[BoundTerm]] = {
    StatisticLoss: _StatisticTerm,
    PointwiseLoss: _PointwiseTerm,
    ImageLoss: _ImageTerm,
    FeatureLoss: _FeatureTerm,
}


def bind(label: str, loss: Loss, term: Term, taps: Mapping[str, Tap]) -> BoundTerm:
    """Bind a loss to its layers by its kind; ``taps`` has the geometry of all of them."""
    bound = next(cls for kind, cls in _TERMS.items() if isinstance(loss, kind))
    return bound(label, loss, term, taps)
