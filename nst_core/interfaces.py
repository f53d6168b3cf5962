"""What a component is: the contracts between the engine and the plugins.

A component is a class. The typed arguments of its constructor are its parameters; every one has a default, and
constructing a component is cheap (it loads and computes nothing).

Unless said otherwise, an image is a float32 tensor ``(B, 3, H, W)``, RGB, sRGB-encoded, in [0, 1]; a feature map
is ``(B, N, H', W')`` in float32 or bfloat16; the weight of positions is float32 ``(B, 1, H', W')``, not
negative, and ``None`` means one everywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from nst_core.job import Component, ParamValue
from nst_core.ops.head import Head

__all__ = [
    "PIXELS",
    "Extractor",
    "FeatureLoss",
    "ImageLoss",
    "Initializer",
    "Loss",
    "Optimizer",
    "PointwiseLoss",
    "Role",
    "Statistic",
    "StatisticLoss",
    "Tap",
]

Role = Literal["content", "style", "regularizer"]


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


class Loss(ABC):
    """Base of the four kinds of loss; a plugin derives from one of the kinds, never from this class.

    Attributes:
        role: which image gives the target. Naming a plugin on the command line fills its role.
        default_weight: α or β at which this loss looks good with the preset ``content``; ``None`` means the
            preset's own, which suits ``mse-content`` and ``gram-style``. A loss that takes the place of another keeps
            its emphasis: where the other had half of its default, this one gets half of its own.
        default_layers: layers it looks at unless told otherwise, where they are not the extractor's for the role;
            ``("pixels",)`` for the image itself.
    """

    role: ClassVar[Role]
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

    def detach(self) -> Statistic:
        """Return the same statistic, cut off from the graph."""
        return Statistic(tuple(s.detach() for s in self.sums), self.weight.detach())


class StatisticLoss(Loss):
    """A loss on something summed over positions: exact under tiling, masks and blends of styles."""

    role: ClassVar[Role] = "style"

    @abstractmethod
    def statistic(self, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Sum over the positions of ``feature``.

        Additive: the statistic of a map is the sum of the statistics of its parts, whatever the parts. The sums
        are float32 or wider, whatever the dtype of the features.

        Args:
            feature: ``(B, N, H', W')``.
            weight: ``(B, 1, H', W')`` or ``None``.
        """

    def statistic_through(self, head: Head, feature: Tensor, weight: Tensor | None = None) -> Statistic:
        """Return the statistic of ``head(feature)``.

        A loss overrides it that can tell without computing this map: networks then leave their heads to it. A class
        that overrides :meth:`statistic` alone is given the maps, whatever its base does.
        """
        return self.statistic(head(feature), weight)

    @property
    def sees_through_heads(self) -> bool:
        """Whether it overrides :meth:`statistic_through`, for the statistic that it has."""
        order = type(self).__mro__
        through, statistic = (
            next(i for i, base in enumerate(order) if name in vars(base)) for name in ("statistic_through", "statistic")
        )
        return order[through] is not StatisticLoss and through <= statistic

    @abstractmethod
    def criterion(self, statistic: Statistic, target: Statistic, channels: int) -> Tensor:
        """Compare two statistics.

        Args:
            statistic: of the pastiche, batch B.
            target: of the style image, batch B or 1.
            channels: the tap's nominal number of channels N.

        Returns:
            A scalar, summed over the batch, zero where both agree.
        """


class PointwiseLoss(Loss):
    """A loss that compares every position with its own target: exact under tiling and masks."""

    role: ClassVar[Role] = "content"

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

    role: ClassVar[Role] = "regularizer"
    halo: ClassVar[int] = 0

    @abstractmethod
    def density(self, image: Tensor) -> Tensor:
        """Return the loss of every pixel; the loss of the image is the mean over pixels, summed over the batch.

        Args:
            image: ``(B, 3, H, W)`` in [0, 1].

        Returns:
            ``(B, H, W)``.
        """


class FeatureLoss(Loss):
    """Any other loss on feature maps (sorting, nearest neighbours). It sees whole maps and cannot be tiled."""

    role: ClassVar[Role] = "style"

    @abstractmethod
    def forward(self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Compare the feature maps of the pastiche with those of the target image.

        Args:
            features: layer to ``(B, N, H', W')`` of the pastiche.
            targets: layer to ``(1, N, H'', W'')`` of the style or content image, by role.

        Returns:
            A scalar.
        """


class Initializer(ABC):
    """Makes the image the optimisation starts from."""

    @abstractmethod
    def initial(
        self,
        size: tuple[int, int],
        *,
        content: Tensor | None,
        style: Tensor | None,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the first image.

        Args:
            size: height and width of the pastiche.
            content: content image ``(1, 3, H, W)`` of that size, or ``None``.
            style: style image ``(1, 3, H', W')``, or ``None``.
            generator: on the CPU, seeded by the job; use no other source of randomness.

        Returns:
            ``(1, 3, H, W)`` on the CPU, float32, in [0, 1].
        """

    def pinned(self) -> Mapping[str, ParamValue]:
        """Return parameters that pin down what :meth:`initial` really used, such as the hash of a file."""
        return {}


class Optimizer(ABC):
    """Improves a variable from values and gradients, one evaluation at a time.

    The engine evaluates the objective, the optimizer says where next. All that an optimizer remembers lies in
    its attributes, so a run can be stopped and continued between any two evaluations. The loss and gradient it
    sees are scaled by one constant such that the first gradient has mean absolute value one: step lengths need
    not know the magnitude of α and β.
    """

    @abstractmethod
    def start(self, variable: Tensor, damping: float = 1.0) -> None:
        """Forget everything and begin at ``variable``, which is the next point to be evaluated.

        Args:
            variable: any shape, float32.
            damping: factor on the step length, at most 1; the engine lowers it after a non-finite value.
        """

    def resume_at(self, variable: Tensor, before: Optimizer) -> None:  # noqa: ARG002
        """Begin at an enlarged ``variable``, with what may be of use from the optimizer of the smaller one.

        Only :meth:`start` unless overridden: what is remembered of a smaller image seldom fits.

        Args:
            variable: as :meth:`start` has it, usually ``(1, 3, H, W)``.
            before: another instance with the same parameters.
        """
        self.start(variable)

    @abstractmethod
    def step(self, loss: float, gradient: Tensor) -> Tensor | None:
        """Take the value at the current point and return the next point to evaluate, or ``None`` to stop.

        Args:
            loss: the scaled objective at the current point.
            gradient: its gradient, in the shape of the variable.

        Returns:
            A tensor in the shape of the variable, which the optimizer does not change later.
        """

    def remember_less(self) -> bool:
        """Forget everything and keep less from the next :meth:`start` on; ``False`` where that is not possible.

        The engine calls it when memory has run out, and starts again at the best point.
        """
        return False

    def solution(self) -> Tensor | None:
        """Return a point that may be better than those evaluated, such as an average of them, or ``None``.

        The engine makes it the last point that it evaluates; the best one of all is the result.
        """
        return None

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return tensors, numbers and strings (nested in dicts, lists and tuples) that hold all that is remembered.

        The tensors need not be copies: whoever keeps them past the next step copies them.
        """

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up where :meth:`state_dict` was called; the steps that follow are the same.

        Called after :meth:`start`, on whose device the variable lives; the tensors of ``state`` may be on the CPU.
        ``state`` stays as it is.
        """
