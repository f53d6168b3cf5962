"""The pixels themselves as the optimizer's variable."""

from __future__ import annotations

from torch import Tensor

from nst_core import Parametrization

__all__ = ["Pixels"]


class Pixels(Parametrization):
    """The pixels themselves, clamped to [0, 1].

    The loss is always that of the picture that will be saved: clipping at the end changes nothing. The gradient passes
    the clamp unchanged, and the engine pulls back what lies outside.
    """

    bounds = (0.0, 1.0)

    def encode(self, image: Tensor) -> Tensor:
        """Return a copy of the image."""
        return image.clone()

    def decode(self, variable: Tensor) -> Tensor:
        """Clamp the pixels to [0, 1]."""
        return variable.detach().clamp(*self.bounds)

    def pull_back(self, variable: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG002
        """Return the gradient as it is."""
        return gradient
