"""Parametrizations: the variable that an optimizer changes, and how it becomes the image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from nst_core.images.resize import resize

__all__ = ["Parametrization"]


class Parametrization(ABC):
    """A differentiable map from the optimizer's variable to the image.

    The objective only ever sees images in [0, 1]; what an optimizer changes may be anything from which one can be made:
    the pixels themselves, Fourier coefficients, a pyramid, the weights of a network.

    Attributes:
        bounds: least and greatest value of the variable's elements, if :meth:`decode` clamps them, or ``None``. Values
            outside are allowed. The engine pulls them back towards the bounds, so that an optimizer does not lose
            itself where the image no longer changes.
    """

    bounds: ClassVar[tuple[float, float] | None] = None

    @abstractmethod
    def encode(self, image: Tensor) -> Tensor:
        """Return a variable whose image is ``image``, or the nearest one that there is.

        Args:
            image: ``(1, 3, H, W)`` float32 in [0, 1].

        Returns:
            A tensor of any shape, float32, on the device of the image, that shares no memory with it.
        """

    @abstractmethod
    def decode(self, variable: Tensor) -> Tensor:
        """Return the image of a variable, ``(1, 3, H, W)`` float32 in [0, 1]; without a graph."""

    @abstractmethod
    def pull_back(self, variable: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient with respect to the variable.

        Args:
            variable: where the image was decoded.
            gradient: of the objective with respect to the image, ``(1, 3, H, W)``; may be overwritten and returned.

        Returns:
            A tensor of the variable's shape. Vector-Jacobian product of :meth:`decode`; where that clamps to
            ``bounds``, as if it did not.
        """

    def resize(self, variable: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the variable at which the next resolution level begins.

        Args:
            variable: the best one of the level before.
            size: height and width of the next level's image in pixels.

        Returns:
            A variable whose image is about that of ``variable``, resized; bicubic in pixels unless overridden.
        """
        return self.encode(resize(self.decode(variable), size))
