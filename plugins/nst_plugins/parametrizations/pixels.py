"""The pixels themselves as the optimizer's variable."""

from __future__ import annotations

from torch import Tensor

from nst_core import Parametrization

__all__ = ["Pixels"]


class Pixels(Parametrization):
    """The pixels themselves, kept in [0, 1] inside the objective.

    The image is the variable clamped to the box, so the loss is always that of the picture that will be saved,
    and clipping at the end changes nothing. The gradient passes the clamp unchanged: a pixel outside the box
    can come back.
    """

    def encode(self, image: Tensor) -> Tensor:
        """Return a copy of the image."""
        return image.clone()

    def decode(self, variable: Tensor) -> Tensor:
        """Clamp the pixels to [0, 1]."""
        return variable.detach().clamp(0.0, 1.0)

    def pull_back(self, variable: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG002
        """Return the gradient as it is."""
        return gradient
