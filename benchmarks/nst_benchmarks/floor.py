"""The floor: nothing but the convolutions of the network and their input gradients, by torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nst_benchmarks.pair import Pair

__all__ = ["Floor"]


class Floor:
    """All convolutions forward and backward, each on an input that lies ready; channels-last."""

    def __init__(self, pair: Pair, dtype: torch.dtype) -> None:
        stack = pair.stack()
        height, width = pair.content.shape[-2:]
        weights = iter(stack.weights)
        generator = torch.Generator().manual_seed(0)
        self.layers = []
        for kind in stack.kinds:
            if kind == "conv":
                weight = self._laid(next(weights).to(dtype))
                outputs, inputs = weight.shape[:2]
                x = self._laid(torch.rand(1, inputs, height, width, generator=generator).to(dtype))
                gradient = self._laid(torch.rand(1, outputs, height, width, generator=generator).to(dtype))
                self.layers.append((x, weight, gradient))
            elif kind != "relu":
                height, width = height // 2, width // 2

    @staticmethod
    def _laid(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def evaluate(self) -> None:
        """Run them all once."""
        for x, weight, _ in self.layers:
            F.conv2d(x, weight, padding=1)
        for x, weight, gradient in reversed(self.layers):
            torch.ops.aten.convolution_backward(
                gradient, x, weight, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1, (True, False, False)
            )
