"""A VGG network up to the deepest layer that is used, as a module that TorchScript and torch.export can compile."""

# No `from __future__ import annotations` here: TorchScript reads the types of attributes and cannot read strings.
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from nst_core.ops import ConvStack, LayerKind, Projection
from nst_core.weights import Preprocessing
from nst_plugins.extractors.normalize import Normalize
from nst_plugins.extractors.vgg.layers import Layer, cut_after_deepest

__all__ = ["Pooling", "VggNetwork"]

Pooling = Literal["max", "average"]


class VggNetwork(nn.Module):
    """A frozen VGG network, cut after its deepest tap.

    With ``projections``, the feature map returned for a tap is a linear map of the layer's output; the next layer is
    applied to the output itself.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        taps: Sequence[str],
        tensors: Mapping[str, Tensor],
        preprocessing: Preprocessing,
        *,
        pooling: Pooling = "max",
        projections: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        """Build the network; tensors that are float32 are shared, not copied.

        Args:
            layers: the layers of the network, from shallow to deep.
            taps: names of one or more of them, in the order in which their feature maps are returned.
            tensors: kernels and biases by key, float32.
            preprocessing: the preprocessing that the network expects.
            pooling: kind of the pooling layers.
            projections: weight ``(K, C)`` and bias ``(K,)`` of the linear map of every tap's channels, by layer;
                ``None`` returns the outputs of the layers themselves.
        """
        super().__init__()
        layers = cut_after_deepest(layers, taps)
        self.normalize = Normalize(preprocessing)
        self.layers = nn.ModuleList()
        for i, layer in enumerate(layers):
            if layer.kind == "conv":
                self.layers.append(_convolution(layer, tensors))
            elif layer.kind == "relu":
                # In place saves a map, but the output of a convolution that is a tap must not be overwritten.
                self.layers.append(nn.ReLU(inplace=layers[i - 1].name not in taps))
            else:
                self.layers.append(nn.MaxPool2d(2) if pooling == "max" else nn.AvgPool2d(2))
        self.is_tap = [layer.name in taps for layer in layers]
        self.tap_names = [layer.name for layer in layers if layer.name in taps]
        self.output_order = [self.tap_names.index(name) for name in taps]
        self.projections = (
            nn.ModuleList(_projection(*projections[name]) for name in self.tap_names) if projections else None
        )
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the feature maps.

        Args:
            image: ``(B, 3, H, W)``, RGB in [0, 1], floating-point.

        Returns:
            Feature maps ``(B, N, H', W')`` in the order of the taps, in the parameters' dtype.
        """
        x = self.normalize(image).to(self.layers[0].weight.dtype)
        features: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if self.is_tap[i]:
                features.append(x)
        if self.projections is not None:
            for i, projection in enumerate(self.projections):
                features[i] = projection(features[i])
        return [features[i] for i in self.output_order]

    def stack(self) -> ConvStack:
        """Return the layers as data, for kernels that run them as a whole; see :class:`nst_core.ops.Stacked`."""
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        return ConvStack(
            kinds=tuple(_kind(layer) for layer in self.layers),
            weights=tuple(c.weight for c in convolutions),
            biases=tuple(c.bias for c in convolutions if c.bias is not None),
            taps=tuple(i for i, is_tap in enumerate(self.is_tap) if is_tap),
            projections=tuple(_weight_and_bias(projection) for projection in self.projections or ()),
            mean=tuple(self.normalize.mean.flatten().tolist()),
            std=tuple(self.normalize.std.flatten().tolist()),
        )

    def detach_projections(self, layers: Collection[str]) -> dict[str, Projection]:
        """Remove the projections of layers, whose own outputs are returned from now on.

        See :class:`nst_core.ops.HasProjections`.

        Args:
            layers: names of layers; those without a projection are ignored.

        Returns:
            The removed projections, by layer.
        """
        taken: dict[str, Projection] = {}
        if self.projections is not None:
            for i, (name, projection) in enumerate(zip(self.tap_names, self.projections, strict=True)):
                tensors = _weight_and_bias(projection)
                if tensors and name in layers:
                    taken[name] = Projection(tensors[0].flatten(1), tensors[1])
                    self.projections[i] = nn.Identity()
        return taken

    def order(self) -> list[int]:
        """Return, for every feature map that is returned, which of the stack's taps it is."""
        return self.output_order


def _kind(layer: nn.Module) -> LayerKind:
    kinds: dict[type[nn.Module], LayerKind] = {
        nn.Conv2d: "conv",
        nn.ReLU: "relu",
        nn.MaxPool2d: "max-pool",
        nn.AvgPool2d: "average-pool",
    }
    return kinds[type(layer)]


def _weight_and_bias(projection: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Return weight and bias of a projection, or ``None`` for one that was removed."""
    return (
        (projection.weight, projection.bias)
        if isinstance(projection, nn.Conv2d) and projection.bias is not None
        else None
    )


def _projection(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    with torch.device("meta"):
        projection = nn.Conv2d(weight.shape[1], weight.shape[0], kernel_size=1)
    projection.weight = nn.Parameter(weight[:, :, None, None].float(), requires_grad=False)
    projection.bias = nn.Parameter(bias.float(), requires_grad=False)
    return projection


def _convolution(layer: Layer, tensors: Mapping[str, Tensor]) -> nn.Conv2d:
    with torch.device("meta"):  # no random numbers are drawn for weights that are replaced at once
        convolution = nn.Conv2d(layer.in_channels, layer.out_channels, kernel_size=3, padding=1)
    convolution.weight = nn.Parameter(tensors[layer.weight_key].float(), requires_grad=False)
    convolution.bias = nn.Parameter(tensors[layer.bias_key].float(), requires_grad=False)
    return convolution
