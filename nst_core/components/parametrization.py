"""What the optimizer changes, and how it becomes the picture that is saved."""

from __future__ import annotations

from torch import Tensor

__all__ = ["Pixels"]


class Pixels:
    """The pixels themselves, kept in [0, 1] inside the objective.

    The image is the variable clamped to the box, so the loss is always that of the picture that will be saved,
    and clipping at the end changes nothing. The gradient passes the clamp unchanged: a pixel outside the box
    can come back.
    """

    def variable(self, image: Tensor) -> Tensor:
        """Return the variable whose image is ``image``."""
        return image.clone()

    def image(self, variable: Tensor) -> Tensor:
        """Return the image of a variable: same shape, in [0, 1]."""
        return variable.detach().clamp(0.0, 1.0)

    def gradient(self, of_image: Tensor) -> Tensor:
        """Return the gradient with respect to the variable, given that with respect to its image."""
        return of_image
