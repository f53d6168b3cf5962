"""The part of VGG-19 that a job needs, as a frozen module that TorchScript and torch.export understand."""

# No `from __future__ import annotations` here: TorchScript reads the types of buffers and cannot read texts.
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, Self

import torch
from torch import Tensor, nn

from nst_core.ops import ConvStack, Head, LayerKind
from nst_core.weights import Preprocessing
from nst_plugins.extractors.vgg19_layout import STEPS, Step

__all__ = ["Normalize", "Pooling", "Vgg19Network"]

Pooling = Literal["max", "average"]


class Normalize(nn.Module):
    """``(image - mean) / std`` in float32 or wider, whatever the dtype of the network around it."""

    mean: Tensor
    std: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(preprocessing.mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Normalise ``(B, 3, H, W)``; a bfloat16 image becomes float32."""
        return (image - self.mean) / self.std

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: ARG002
        # Follow the network to its device, but keep float32: bfloat16 would shift the colours.
        for name, buffer in self.named_buffers():
            setattr(self, name, buffer.to(fn(buffer).device))
        return self


class Vgg19Network(nn.Module):
    """VGG-19 cut after the deepest of the layers asked for.

    With ``layer_rms``, every convolution is rescaled so that its output has unit RMS over natural images. ReLU
    and pooling are positively homogeneous, so with r_l the RMS of layer l (and r_0 = 1),
    ``w_l ← w_l · r_{l-1} / r_l`` and ``b_l ← b_l / r_l`` divide the output of layer l by r_l and change no other.

    With ``heads``, what is returned of a layer is a linear map of its output, and the network goes on from the output.
    """

    def __init__(
        self,
        layers: Sequence[str],
        tensors: Mapping[str, Tensor],
        preprocessing: Preprocessing,
        *,
        steps: Sequence[Step] = STEPS,
        layer_rms: Mapping[str, float] | None = None,
        pooling: Pooling = "max",
        heads: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        """Build the network.

        Args:
            layers: names of existing layers, at least one.
            tensors: of the architecture, float32, by key.
            preprocessing: the preprocessing that the network expects.
            steps: the layers of a network with VGG-19's names.
            layer_rms: RMS over natural images by convolution, or ``None`` to leave the scale as it is.
            pooling: kind of the pooling layers.
            heads: weight ``(K, C)`` and bias ``(K,)`` of the map that every position of a tap goes through, by
                layer; ``None`` returns the layers' own outputs.
        """
        super().__init__()
        deepest = max(i for i, step in enumerate(steps) if step.name in layers)
        steps = steps[: deepest + 1]
        self.normalize = Normalize(preprocessing)
        self.steps = nn.ModuleList()
        before = 1.0
        for i, step in enumerate(steps):
            if step.kind == "conv":
                rms = 1.0 if layer_rms is None else layer_rms[step.name]
                self.steps.append(_convolution(step, tensors, before, rms))
                before = rms
            elif step.kind == "relu":
                # In place saves a map, but the output of a convolution that is tapped must stay what it is.
                self.steps.append(nn.ReLU(inplace=steps[i - 1].name not in layers))
            else:
                self.steps.append(nn.MaxPool2d(2) if pooling == "max" else nn.AvgPool2d(2))
        self.tapped = [step.name in layers for step in steps]
        self.names = [step.name for step in steps if step.name in layers]
        self.wanted = [self.names.index(layer) for layer in layers]
        self.heads = nn.ModuleList(_head(*heads[name]) for name in self.names) if heads else None
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the feature maps.

        Args:
            image: ``(B, 3, H, W)``, RGB in [0, 1], floating-point.

        Returns:
            Feature maps ``(B, N, H', W')`` in the order of the layers asked for, in the parameters' dtype.
        """
        x = self.normalize(image).to(self.steps[0].weight.dtype)
        found: list[Tensor] = []
        for i, step in enumerate(self.steps):
            x = step(x)
            if self.tapped[i]:
                found.append(x)
        if self.heads is not None:
            for i, head in enumerate(self.heads):
                found[i] = head(found[i])
        return [found[i] for i in self.wanted]

    def stack(self) -> ConvStack:
        """Return the layers as data, for kernels that run them as a whole."""
        convolutions = [step for step in self.steps if isinstance(step, nn.Conv2d)]
        return ConvStack(
            kinds=tuple(_kind(step) for step in self.steps),
            weights=tuple(c.weight for c in convolutions),
            biases=tuple(c.bias for c in convolutions if c.bias is not None),
            taps=tuple(i for i, tapped in enumerate(self.tapped) if tapped),
            heads=tuple(_parts(head) for head in self.heads or ()),
            mean=tuple(self.normalize.mean.flatten().tolist()),
            std=tuple(self.normalize.std.flatten().tolist()),
        )

    def take_heads(self, layers: Collection[str]) -> dict[str, Head]:
        """Return the heads of layers, and return the layers' own outputs from now on."""
        taken: dict[str, Head] = {}
        if self.heads is not None:
            for i, (name, head) in enumerate(zip(self.names, self.heads, strict=True)):
                parts = _parts(head)
                if parts and name in layers:
                    taken[name] = Head(parts[0].flatten(1), parts[1])
                    self.heads[i] = nn.Identity()
        return taken

    def order(self) -> list[int]:
        """Say which of the stack's taps each of the layers asked for is."""
        return self.wanted


def _kind(step: nn.Module) -> LayerKind:
    kinds: dict[type[nn.Module], LayerKind] = {
        nn.Conv2d: "conv",
        nn.ReLU: "relu",
        nn.MaxPool2d: "max-pool",
        nn.AvgPool2d: "average-pool",
    }
    return kinds[type(step)]


def _parts(head: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Return weight and bias of a head, ``None`` where it was taken away."""
    return (head.weight, head.bias) if isinstance(head, nn.Conv2d) and head.bias is not None else None


def _head(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    with torch.device("meta"):
        head = nn.Conv2d(weight.shape[1], weight.shape[0], kernel_size=1)
    head.weight = nn.Parameter(weight[:, :, None, None].float(), requires_grad=False)
    head.bias = nn.Parameter(bias.float(), requires_grad=False)
    return head


def _convolution(step: Step, tensors: Mapping[str, Tensor], before: float, rms: float) -> nn.Conv2d:
    with torch.device("meta"):  # no random numbers are drawn for weights that are replaced at once
        convolution = nn.Conv2d(step.inputs, step.channels, kernel_size=3, padding=1)
    weight, bias = tensors[step.weight].double() * (before / rms), tensors[step.bias].double() / rms
    convolution.weight = nn.Parameter(weight.float(), requires_grad=False)
    convolution.bias = nn.Parameter(bias.float(), requires_grad=False)
    return convolution
