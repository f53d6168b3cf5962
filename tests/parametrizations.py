"""Parametrizations other than pixels, for tests of what must hold for any of them."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core import Parametrization

__all__ = ["Rows", "Sigmoid"]


class Sigmoid(Parametrization):
    """Logits of the pixels."""

    def encode(self, image: Tensor) -> Tensor:
        return torch.logit(image, eps=0.01)

    def decode(self, variable: Tensor) -> Tensor:
        return variable.detach().sigmoid()

    def pull_back(self, variable: Tensor, gradient: Tensor) -> Tensor:
        pixels = variable.sigmoid()
        return gradient * pixels * (1 - pixels)


class Rows(Sigmoid):
    """Logits of the pixels, channels last: a variable whose shape is not the image's."""

    def encode(self, image: Tensor) -> Tensor:
        return super().encode(image).permute(0, 2, 3, 1).contiguous()

    def decode(self, variable: Tensor) -> Tensor:
        return super().decode(variable).permute(0, 3, 1, 2).contiguous()

    def pull_back(self, variable: Tensor, gradient: Tensor) -> Tensor:
        return super().pull_back(variable, gradient.permute(0, 2, 3, 1))
