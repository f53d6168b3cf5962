"""The networks of torchvision by name: their layers, their weights, their architectures."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nst_core import JobError, dead_leaves, tap_rms, unknown_name
from nst_core.weights import TORCHVISION, Architecture, OfficialWeights, Preprocessing
from nst_plugins.extractors.torchvision.graph import ModelGraph, analyze_model
from nst_plugins.extractors.torchvision.network import TorchvisionNetwork

__all__ = ["architecture_of", "graph_of", "load_model"]

# The dead leaves images that the layers are measured on.
_IMAGES, _SIZE, _SEED = 4, (256, 320), 0


@functools.cache
def graph_of(name: str) -> ModelGraph:
    """Return what is known of a network without its weights.

    Args:
        name: name of a classification network of torchvision.

    Raises:
        JobError: no network is named, or its layers cannot be determined.
        UnknownNameError: torchvision has no classification network of that name.
    """
    model = _meta_model(name)
    try:
        return analyze_model(model)
    except Exception as error:  # what tracing raises depends on the network
        raise JobError(
            f"torchvision's {name} cannot be cut into layers, or accepts images of one size only ({error}); "
            "choose a convolutional network, such as resnet50, densenet121 or convnext_tiny"
        ) from error


@functools.cache
def architecture_of(name: str) -> Architecture:
    """Return the architecture of a network of torchvision; see :func:`graph_of` for the argument and the errors."""
    graph = graph_of(name)
    return Architecture(
        name=f"torchvision-{name.replace('_', '-')}",
        key_naming=f"torchvision {name} state_dict",
        shapes=graph.shapes,
        input_weight=graph.input_weight,
        calibrated_layers=tuple(graph.taps),
        measure_rms=functools.partial(_measure_rms, name),
        official=_official_weights(name),
    )


def load_model(name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Return a network of torchvision with the given weights, in eval mode.

    Args:
        name: name of a classification network of torchvision.
        tensors: floating-point tensors by key; all others of the network are zero.
    """
    model = _meta_model(name)
    state = {key: tensors.get(key, torch.zeros(t.shape, dtype=t.dtype)) for key, t in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    return model


def _meta_model(name: str) -> nn.Module:
    """Return a network on the meta device, in eval mode."""
    import torchvision.models
    from torchvision.models import get_model, list_models

    known = list_models(module=torchvision.models)
    if not name:
        raise JobError("extractor 'torchvision' needs a network: --extractor torchvision:resnet50, for example")
    if name not in known:
        raise unknown_name("torchvision network", name, known)
    # Some have auxiliary outputs that are for training only.
    extra = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"):
        model: nn.Module = get_model(name, weights=None, **extra)
    return model.eval()


def _measure_rms(name: str, tensors: Mapping[str, Tensor], preprocessing: Preprocessing) -> dict[str, float]:
    """Measure the RMS of every layer over dead leaves images."""
    graph = graph_of(name)
    network = TorchvisionNetwork(
        load_model(name, tensors), list(graph.nodes.values()), preprocessing, [1.0] * len(graph.nodes)
    )
    generator = torch.Generator().manual_seed(_SEED)
    return tap_rms(network, list(graph.nodes), (dead_leaves(*_SIZE, generator) for _ in range(_IMAGES)))


def _official_weights(name: str) -> OfficialWeights | None:
    from torchvision.models import get_model_weights

    weights = get_model_weights(name).DEFAULT
    filename = str(weights.url).rpartition("/")[2]
    digest = re.search(r"-([0-9a-f]{8,})\.pth$", filename)
    if digest is None:
        return None
    return OfficialWeights(
        url=lambda: str(weights.url),
        filename=filename,
        sha256_prefix=digest[1],
        megabytes=round(weights.meta.get("_file_size", 0)),
        source=f"torchvision {weights}",
        license="BSD-3-Clause (torchvision); trained on ImageNet",
        preprocessing=TORCHVISION,
    )
