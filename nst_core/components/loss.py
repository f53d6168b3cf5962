"""Losses: what is minimised, by the kind of sum over positions that it is."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from nst_core.ops.projection import Projection

__all__ = [
    "FeatureLoss",
    "FeatureMaps",
    "ImageLoss",
    "Loss",
    "PointwiseLoss",
    "Statistic",
    "StatisticLoss",
    "WeightedMaps",
]


class Loss(ABC):
    """Base of the four kinds of loss; a plugin derives from one of the kinds, never from this class.

    Attributes:
        role: name of one of the :data:`~nst_core.components.roles.ROLES`: which image gives the target. Naming a
            loss on the command line fills its role.
        default_weight: β at which this loss looks good beside a content loss of weight 10, or α beside a style loss
            at its default; ``None`` means that of the default preset's loss of the same role. A loss that replaces
            another keeps its emphasis: if the other had half of its default, this one gets half of its own.
        default_layers: layers it uses by default, if they are not those that the extractor names for the role;
            ``("pixels",)`` for the image itself.
    """

    role: ClassVar[str]
    default_weight: ClassVar[float | None] = None
    default_layers: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class Statistic:
    """Sums over the positions of a feature map, and how much weight they carry.

    Attributes:
        sums: tensors ``(B, …)``, each a weighted sum over positions.
        weight: total weight of the positions, ``(B,)``.
    """

    sums: tuple[Tensor, ...]
    weight: Tensor

    def __add__(self, other: Statistic) -> Statistic:
        return Statistic(tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)), self.weight + other.weight)

    def means(self) -> tuple[Tensor, ...]:
        """Return the sums divided by the total weight; zero where there is no weight."""
        safe = torch.where(self.weight > 0, self.weight, torch.ones_like(self.weight))
        return tuple(s / safe.reshape(-1, *[1] * (s.dim() - 1)) for s in self.sums)

    @staticmethod
    def blend(statistics: Sequence[Statistic], shares: Sequence[float]) -> Statistic:
        """Return the statistic whose means are the weighted means of others' means, with a total weight of one.

        Means are blended and not sums: a large image would win by its area. One statistic stays as it is.

        Args:
            statistics: at least one, all of the same shape.
            shares: of each, positive, adding up to one.
        """
        if len(statistics) == 1:
            return statistics[0]
        means = zip(*(statistic.means() for statistic in statistics), strict=True)
        sums = tuple(sum(share * m for share, m in zip(shares, values, strict=True)) for values in means)
        return Statistic(sums, torch.ones_like(statistics[0].weight))

    def detach(self) -> Statistic:
        """Return the same statistic, cut off from the graph."""
        return Statistic(tuple(s.detach() for s in self.sums), self.weight.detach())


class StatisticLoss(Loss):
    """A loss on something summed over positions: exact under tiling, masks and blends of styles."""

    role: ClassVar[str] = "style"

    @abstractmethod
    def statistic(self, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Sum over the positions of ``feature``.

        Additive: the statistic of a map is the sum of the statistics of its parts, whatever the parts. The sums
        are float32 or wider, whatever the dtype of the features.

        Args:
            feature: ``(B, N, H', W')``.
            weight: ``(B, 1, H', W')`` or ``None``.
        """

    def projected_statistic(self, projection: Projection, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Return the statistic of ``projection(feature)``.

        A loss that can tell without computing this map overrides it: networks then leave their projections to it. A
        class that overrides :meth:`statistic` alone is given the maps, whatever its base does.
        """
        return self.statistic(projection(feature), weight)

    @property
    def has_projected_statistic(self) -> bool:
        """Whether it overrides :meth:`projected_statistic`, for the statistic that it has."""
        order = type(self).__mro__
        through, statistic = (
            next(i for i, base in enumerate(order) if name in vars(base))
            for name in ("projected_statistic", "statistic")
        )
        return order[through] is not StatisticLoss and through <= statistic

    def prepared_target(self, statistic: Statistic) -> Any:
        """Return what :meth:`criterion` is given as the target: the style's statistic itself, unless overridden.

        It is called once for a resolution level, without a graph, with the statistic of the style image or the blend of
        several. A loss whose criterion needs something of the target that takes time, such as its eigenvectors, finds
        it here.

        Args:
            statistic: of the style image, batch B or 1.

        Returns:
            Any value that can be pickled and that nobody changes.
        """
        return statistic

    @abstractmethod
    def criterion(self, statistic: Statistic, target: Any, channels: int) -> Tensor:
        """Compare two statistics.

        Args:
            statistic: of the pastiche, batch B.
            target: what :meth:`prepared_target` made of the statistic of the style image, batch B or 1; by default that
                :class:`Statistic` itself.
            channels: the tap's nominal number of channels N.

        Returns:
            A scalar, summed over the batch, zero where both agree.
        """


class PointwiseLoss(Loss):
    """A loss that compares every position with its own target: exact under tiling and masks."""

    role: ClassVar[str] = "content"

    @abstractmethod
    def pointwise(self, feature: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Sum over positions, as a scalar in float32 or wider; additive over parts of the map.

        Args:
            feature: ``(B, N, H', W')`` of the pastiche.
            target: same shape, of the content image.
            weight: ``(B, 1, H', W')`` or ``None``.
        """

    def scale(self, positions: float, channels: int) -> float:  # noqa: ARG002
        """Return what the sum over the whole map is multiplied by, one unless overridden.

        Args:
            positions: total weight of the positions of one image, M when there are no weights.
            channels: the tap's nominal number of channels N.
        """
        return 1.0


class ImageLoss(Loss):
    """A loss on the pixels themselves: exact under tiling, given its halo.

    Attributes:
        halo: how many pixels away from its own position a value of :meth:`density` may look.
    """

    role: ClassVar[str] = "regularizer"
    halo: ClassVar[int] = 0

    @abstractmethod
    def density(self, image: Tensor) -> Tensor:
        """Return the loss of every pixel; the loss of the image is the mean over pixels, summed over the batch.

        Args:
            image: ``(B, 3, H, W)`` in [0, 1].

        Returns:
            ``(B, H, W)``.
        """


class FeatureMaps(Mapping[str, Tensor]):
    """Feature maps by layer, ``(B, N, H', W')``, and how much each of their positions counts."""

    __slots__ = ("_maps", "weights")

    def __init__(self, maps: Mapping[str, Tensor], weights: Mapping[str, Tensor] | None = None) -> None:
        """Put maps and weights together.

        Args:
            maps: by layer, or by any other name that :meth:`FeatureLoss.level_targets` gives.
            weights: ``(1, 1, H', W')`` by layer, not negative; ``None`` where every position counts the same.
        """
        self._maps = dict(maps)
        self.weights = dict(weights) if weights is not None else None

    @classmethod
    def of(cls, maps: Mapping[str, Tensor]) -> FeatureMaps:
        """Return maps that may have weights: themselves if they are of this class."""
        return maps if isinstance(maps, cls) else cls(maps)

    def weight(self, layer: str) -> Tensor | None:
        """Return the weights of a layer's positions, ``(1, 1, H', W')``, or ``None`` for one everywhere."""
        return None if self.weights is None else self.weights.get(layer)

    def __getitem__(self, layer: str) -> Tensor:
        return self._maps[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)

    def __reduce__(self) -> tuple[type[FeatureMaps], tuple[dict[str, Tensor], dict[str, Tensor] | None]]:
        return FeatureMaps, (self._maps, self.weights)


@dataclass(frozen=True)
class WeightedMaps:
    """Feature maps of one of several target images.

    Attributes:
        maps: layer to ``(1, N, H', W')``, or what :meth:`FeatureLoss.level_targets` makes of them.
        weight: share of the image, in (0, 1].
    """

    maps: FeatureMaps
    weight: float


class FeatureLoss(Loss):
    """Any other loss on feature maps (sorting, nearest neighbours). It sees whole maps and cannot be tiled.

    Attributes:
        takes_weights: whether it heeds :meth:`FeatureMaps.weight` of the maps that it is given, of the pastiche and of
            the targets: positions of weight 0 are neither matched nor asked for. Without it, the loss cannot be used
            with regions.
    """

    role: ClassVar[str] = "style"
    takes_weights: ClassVar[bool] = False

    def level_targets(
        self,
        targets: FeatureMaps,
        start: FeatureMaps,  # noqa: ARG002 - for those who override it
        content: FeatureMaps | None,  # noqa: ARG002
    ) -> Mapping[str, Tensor]:
        """Return what the pastiche is compared with throughout a resolution level; the target's own maps by default.

        A loss that overrides it chooses once, at the image that a level starts from, what it would else have to choose
        at every evaluation, say the neighbour of every position. It is called without a graph, once for each target
        image, and must give the same for the same maps.

        Args:
            targets: layer to ``(1, N, H'', W'')`` of the style or content image, by role.
            start: layer to ``(1, N, H', W')`` of the image that the level starts from: the initial image, or the
                enlarged result of the level before.
            content: the same of the content image, ``None`` without one.

        Returns:
            What :meth:`forward` is given as its targets: tensors by name, of any shapes; :class:`FeatureMaps` where
            they have weights.
        """
        return targets

    @property
    def has_level_targets(self) -> bool:
        """Whether it overrides :meth:`level_targets`."""
        return type(self).level_targets is not FeatureLoss.level_targets

    @abstractmethod
    def forward(self, features: FeatureMaps, targets: FeatureMaps) -> Tensor:
        """Compare the feature maps of the pastiche with those of the target image.

        Args:
            features: layer to ``(B, N, H', W')`` of the pastiche.
            targets: layer to ``(1, N, H'', W'')`` of the style or content image, by role, or what
                :meth:`level_targets` makes of them.

        Returns:
            A scalar.
        """

    def forward_blend(self, features: FeatureMaps, targets: Sequence[WeightedMaps]) -> Tensor:
        """Compare the feature maps of the pastiche with those of several style images.

        Args:
            features: see :meth:`forward`.
            targets: feature maps of every image with its share; the shares are positive and add up to one.

        Returns:
            A scalar; the mean of :meth:`forward` over the images, weighted by their shares, unless overridden.
        """
        values = [target.weight * self.forward(features, target.maps) for target in targets]
        return functools.reduce(torch.add, values)
