"""What an exported file says about itself, as JSON; ``cpp/include/nst/metadata.h`` reads it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from nst_core.components import Extractor, PretrainedExtractor
from nst_core.ops import Stacked

__all__ = ["FORMAT_VERSION", "METADATA_NAME", "describe", "stack_of"]

FORMAT_VERSION = 2
"""Raised whenever a reader of the old form could no longer do with the new one."""
METADATA_NAME = "nst.json"
"""Name of the extra file in the archive."""
INPUT = "RGB in [0,1], (B,3,H,W)"


def describe(
    name: str, extractor: Extractor, network: nn.Module, layers: Sequence[str], dtype: str, smallest: int
) -> dict[str, Any]:
    """Return all that a program needs to use the file, as plain JSON values.

    Args:
        name: registered name of the extractor.
        extractor: what the network is of.
        network: the frozen network, in the dtype it is exported in.
        layers: what the network returns, in order.
        dtype: "fp32" or "bf16", of the parameters and the feature maps.
        smallest: least height and width of an image, in pixels.
    """
    taps = extractor.taps()
    known = extractor.weight_set if isinstance(extractor, PretrainedExtractor) else None
    return {
        "format": FORMAT_VERSION,
        "extractor": name,
        "input": INPUT,
        "dtype": dtype,
        "smallest": smallest,
        "layers": [
            {
                "name": layer,
                "channels": taps[layer].channels,
                "stride": taps[layer].stride,
                "receptive_field": taps[layer].receptive_field,
            }
            for layer in layers
        ],
        "content_layers": [layer for layer in extractor.content_layers if layer in layers],
        "style_layers": [layer for layer in extractor.style_layers if layer in layers],
        "layer_rms": known.layer_rms if known else {},
        "weights": {
            "source": known.source if known else "",
            "license": known.license if known else "",
            "sha256": extractor.fingerprint(),
        },
        "versions": {"nst": version("nst"), "torch": torch.__version__},
        "stack": stack_of(network),
    }


def stack_of(network: nn.Module) -> dict[str, Any] | None:
    """Describe the network as a stack that native kernels can run, or return ``None`` where it is none.

    The image is normalised by ``(image - mean) / std``, in float32; weights and biases are named as in the state dict.
    """
    if not isinstance(network, Stacked):
        return None
    stack = network.stack()
    names = {id(tensor): name for name, tensor in [*network.named_parameters(), *network.named_buffers()]}
    tensors = (*stack.weights, *stack.biases, *stack.projection_weights, *stack.projection_biases)
    if any(id(tensor) not in names for tensor in tensors):
        return None
    return {
        "kinds": list(stack.kinds),
        "taps": list(stack.taps),
        "order": list(network.order()),
        "mean": list(stack.mean),
        "std": list(stack.std),
        "weights": [names[id(tensor)] for tensor in stack.weights],
        "biases": [names[id(tensor)] for tensor in stack.biases],
        "head_weights": [names[id(tensor)] for tensor in stack.projection_weights],
        "head_biases": [names[id(tensor)] for tensor in stack.projection_biases],
    }
