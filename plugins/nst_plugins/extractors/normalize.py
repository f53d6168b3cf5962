"""The normalisation of images, as the first layer of a network."""

# No `from __future__ import annotations` here: TorchScript reads the types of the buffers and cannot read strings.
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from nst_core.weights import Preprocessing

__all__ = ["Normalize"]


class Normalize(nn.Module):
    """Computes ``(image - mean) / std`` in float32 or wider, whatever the dtype of the surrounding network."""

    mean: Tensor
    std: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(preprocessing.mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Normalise an image ``(B, 3, H, W)`` in [0, 1]; the result has its shape, and bfloat16 becomes float32."""
        return (image - self.mean) / self.std

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: ARG002
        # Follow the network to its device, but stay in float32: bfloat16 would shift the colours.
        for name, buffer in self.named_buffers():
            setattr(self, name, buffer.to(fn(buffer).device))
        return self
