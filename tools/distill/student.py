"""The student while it learns: narrow VGG-19 with a linear map from each of its taps to the teacher's."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.weights import TORCHVISION
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS, Layer, convolution_names

__all__ = ["CONVOLUTIONS", "Average", "Student"]

CONVOLUTIONS = convolution_names(VGG19_LAYERS)


class Student(nn.Module):
    """Sixteen convolutions with ReLU and max pooling, as VGG-19 has them, and 1×1 convolutions to its widths."""

    def __init__(self, widths: tuple[int, ...], taps: Container[str]) -> None:
        """Start from He's initialisation.

        Args:
            widths: channels of the five blocks.
            taps: convolutions that have a head.
        """
        super().__init__()
        self.widths = widths
        self.convolutions = nn.ModuleDict()
        self.heads = nn.ModuleDict()
        inputs = 3
        for name in CONVOLUTIONS:
            width = widths[int(name[4]) - 1]
            convolution = nn.Conv2d(inputs, width, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
            self.convolutions[name] = convolution
            if name in taps:
                head = nn.Conv2d(width, _CHANNELS[name], 1)
                nn.init.normal_(head.weight, std=0.1 / width**0.5)
                nn.init.zeros_(head.bias)
                self.heads[name] = head
            inputs = width
        self.register_buffer("mean", torch.tensor(TORCHVISION.mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(TORCHVISION.std).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor, frozen: int = 0) -> dict[str, Tensor]:
        """Compute the outputs of all convolutions, before their ReLUs and without the heads.

        Args:
            image: ``(B, 3, H, W)`` in [0, 1].
            frozen: blocks that are left out of the graph.
        """
        with torch.set_grad_enabled(frozen == 0 and torch.is_grad_enabled()):
            x = (image - self.mean) / self.std
            found: dict[str, Tensor] = {}
            last = next((i + 1 for i, layer in enumerate(VGG19_LAYERS) if layer.name == f"pool{frozen}"), 0)
            x = self._run(x, VGG19_LAYERS[:last], found)
        self._run(x, VGG19_LAYERS[last:], found)
        return found

    def _run(self, x: Tensor, layers: Sequence[Layer], found: dict[str, Tensor]) -> Tensor:
        for layer in layers:
            if layer.kind == "conv":
                x = _convolve(self.convolutions[layer.name], x)
                found[layer.name] = x
                if layer.name == CONVOLUTIONS[-1]:
                    break
            elif layer.kind == "relu":
                x = F.relu(x)
            else:
                x = F.max_pool2d(x, 2)
        return x


def _convolve(convolution: nn.Module, x: Tensor) -> Tensor:
    """Apply a convolution 3×3; on small maps as one product, since oneDNN's gradients of the weights are slow there."""
    if x.shape[-1] >= 16:
        y: Tensor = convolution(x)
        return y
    columns = F.unfold(x, 3, padding=1)
    weight = convolution.weight.flatten(1)
    flat = F.linear(columns.transpose(1, 2), weight, convolution.bias)
    return flat.transpose(1, 2).unflatten(2, x.shape[-2:])


_CHANNELS = {layer.name: layer.out_channels for layer in VGG19_LAYERS if layer.kind == "conv"}


class Average:
    """Exponential moving average of a module's parameters."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {k: v.detach().clone() for k, v in module.named_parameters()}
        self.updates = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take the parameters in; early on the average is shorter."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        values, new = list(self.values.values()), [p.detach() for _, p in module.named_parameters()]
        torch._foreach_lerp_(values, new, 1 - decay)

    def load(self, values: Mapping[str, Tensor], updates: int) -> None:
        """Take up where a checkpoint left off."""
        self.values = {k: v.clone() for k, v in values.items()}
        self.updates = updates
