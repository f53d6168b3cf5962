"""Rescaling the convolutions of a VGG network to unit RMS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from nst_plugins.extractors.vgg.layers import Layer

__all__ = ["rescale_to_unit_rms"]


def rescale_to_unit_rms(
    tensors: Mapping[str, Tensor], layers: Iterable[Layer], layer_rms: Mapping[str, float]
) -> dict[str, Tensor]:
    """Rescale every convolution so that its output has unit RMS over natural images.

    ReLU and pooling are positively homogeneous. So, with r_l the RMS of convolution l and r_0 = 1,
    ``w_l ← w_l · r_{l-1} / r_l`` and ``b_l ← b_l / r_l`` divide the output of convolution l by r_l and leave all others
    unchanged.

    Args:
        tensors: kernels and biases by key, float32.
        layers: layers of the network, from shallow to deep; the convolutions among them are rescaled.
        layer_rms: positive RMS over natural images of every convolution, by name, in the scale of ``tensors``.

    Returns:
        The kernels and biases of ``layers`` by key, float32, computed in float64.
    """
    rescaled: dict[str, Tensor] = {}
    previous = 1.0
    for layer in layers:
        if layer.kind == "conv":
            rms = layer_rms[layer.name]
            rescaled[layer.weight_key] = (tensors[layer.weight_key].double() * (previous / rms)).float()
            rescaled[layer.bias_key] = (tensors[layer.bias_key].double() / rms).float()
            previous = rms
    return rescaled
