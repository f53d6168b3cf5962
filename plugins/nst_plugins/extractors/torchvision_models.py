"""Any classification network of torchvision as an extractor."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nst_core import Extractor, JobError, Tap, dead_leaves, tap_rms, unknown_name
from nst_core.weights import (
    TORCHVISION,
    Architecture,
    OfficialWeights,
    Preprocessing,
    WeightSet,
    find,
    import_file,
    list_weight_sets,
    resolve_path,
    sha256,
)
from nst_plugins.extractors.torchvision_graph import Graph, build, graph_of
from nst_plugins.extractors.vgg19_network import Normalize

__all__ = ["Torchvision", "TorchvisionNetwork"]

_IMAGES, _SIZE, _SEED = 4, (256, 320), 0


class TorchvisionNetwork(nn.Module):
    """A network of torchvision cut to some nodes, each divided by its RMS."""

    def __init__(
        self,
        model: nn.Module,
        nodes: Sequence[str],
        preprocessing: Preprocessing,
        rms: Sequence[float],
    ) -> None:
        """Build the network.

        Args:
            model: with its weights, in eval mode.
            nodes: as of torchvision's feature extraction, in the order in which maps are returned.
            preprocessing: the preprocessing that the network expects.
            rms: what each map is divided by.
        """
        super().__init__()
        self.normalize = Normalize(preprocessing)
        self.body = build(model, dict.fromkeys(nodes))
        self.nodes = tuple(nodes)
        self.rms = tuple(rms)
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the maps ``(B, N, H', W')`` of ``(B, 3, H, W)`` in [0, 1], in the parameters' dtype."""
        dtype = next(self.body.parameters()).dtype
        found = self.body(self.normalize(image).to(dtype))
        return [found[node] / rms for node, rms in zip(self.nodes, self.rms, strict=True)]


class Torchvision(Extractor):
    """A classification network of torchvision, layers by node name; but VGG styles best.

    ``--extractor torchvision:resnet50 --content-layers layer2 --style-layers layer1,layer2,layer3``. ``model`` is a
    name of torchvision's list, ``weights`` a weight set or a state dict file; without it torchvision's default weights
    are downloaded. Layers are named as torchvision's feature extraction names its nodes, or by a module, which means
    its last node; those that see the whole image at once (after a global pooling or attention) are left out. Every
    layer is divided by its RMS, measured over generated images when the weights are imported.

    Expect less than from VGG: networks with residual connections have features with few strong peaks, and their Gram
    matrices carry less of a style (Wang et al., arXiv:2104.05623).
    """

    scriptable = False

    def __init__(self, model: str = "", weights: str = "") -> None:
        self.model = model
        self.weights = weights

    def taps(self) -> Mapping[str, Tap]:
        """All usable layers by name, from shallow to deep."""
        return _graph(self.model).taps

    @functools.cached_property
    def weight_set(self) -> WeightSet:
        """The weights, found, imported or downloaded when first asked for."""
        architecture = _architecture(self.model)
        if Path(self.weights).suffix in (".pth", ".pt"):
            return _imported(resolve_path(self.weights), architecture)
        return find(self.weights, architecture)

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network, cut to ``layers``."""
        graph = _graph(self.model)
        found = self.weight_set
        nodes = [graph.nodes[layer] for layer in layers]
        rms = [found.layer_rms[layer] for layer in layers]
        return TorchvisionNetwork(_loaded(self.model, found.tensors()), nodes, found.preprocessing, rms)

    def fingerprint(self) -> str:
        """SHA-256 of the weight file."""
        return self.weight_set.sha256


def _imported(path: Path, architecture: Architecture) -> WeightSet:
    """Take a state dict file into the store, unless it is there already."""
    name = f"{architecture.name}-{sha256(path)[:8]}"
    if any(stored.name == name for stored in list_weight_sets()):
        return find(name, architecture)
    return import_file(path, architecture, name, "torchvision")


def _skeleton(name: str) -> nn.Module:
    """Return a model on the meta device.

    Raises:
        JobError: no model is named.
        UnknownNameError: torchvision has no such classification network.
    """
    import torchvision.models
    from torchvision.models import get_model, list_models

    known = list_models(module=torchvision.models)
    if not name:
        raise JobError("extractor 'torchvision' needs a network: --extractor torchvision:resnet50, for example")
    if name not in known:
        raise unknown_name("torchvision network", name, known)
    # Some have auxiliary outputs that only training uses.
    extra = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"):
        model: nn.Module = get_model(name, weights=None, **extra)
    return model.eval()


@functools.cache
def _graph(name: str) -> Graph:
    model = _skeleton(name)
    try:
        return graph_of(model)
    except Exception as error:  # what tracing raises depends on the network
        raise JobError(
            f"torchvision's {name} cannot be cut into layers, or takes images of one size only ({error}); "
            "choose a network of convolutions, such as resnet50, densenet121 or convnext_tiny"
        ) from error


def _loaded(name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    model = _skeleton(name)
    state = {key: tensors.get(key, torch.zeros(t.shape, dtype=t.dtype)) for key, t in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    return model


@functools.cache
def _architecture(name: str) -> Architecture:
    graph = _graph(name)
    return Architecture(
        name=f"torchvision-{name.replace('_', '-')}",
        key_naming=f"torchvision {name} state_dict",
        shapes=graph.shapes,
        input_weight=graph.input_weight,
        calibrated_layers=tuple(graph.taps),
        measure_rms=functools.partial(_measure, name),
        official=_official(name),
    )


def _measure(name: str, tensors: Mapping[str, Tensor], preprocessing: Preprocessing) -> dict[str, float]:
    """Measure the RMS of every layer over generated images."""
    graph = _graph(name)
    network = TorchvisionNetwork(
        _loaded(name, tensors), list(graph.nodes.values()), preprocessing, [1.0] * len(graph.nodes)
    )
    generator = torch.Generator().manual_seed(_SEED)
    return tap_rms(network, list(graph.nodes), (dead_leaves(*_SIZE, generator) for _ in range(_IMAGES)))


def _official(name: str) -> OfficialWeights | None:
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
