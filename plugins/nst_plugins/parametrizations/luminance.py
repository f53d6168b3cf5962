"""The luminance as the optimizer's variable."""

from __future__ import annotations

from torch import Tensor

from nst_core import Parametrization
from nst_plugins.ycbcr import luminance

__all__ = ["Luminance"]


class Luminance(Parametrization):
    """A grey picture: one value a pixel, clamped to [0, 1], in all three channels.

    A coloured image is encoded by its luminance, Y of BT.601.
    """

    bounds = (0.0, 1.0)

    def encode(self, image: Tensor) -> Tensor:
        """Return the image's luminance ``(1, 1, H, W)``."""
        return luminance(image)

    def decode(self, variable: Tensor) -> Tensor:
        """Return three equal channels, clamped to [0, 1]."""
        return variable.detach().clamp(*self.bounds).repeat(1, 3, 1, 1)

    def pull_back(self, variable: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG002
        """Return the sum over the channels, ``(1, 1, H, W)``."""
        return gradient.sum(dim=1, keepdim=True)
