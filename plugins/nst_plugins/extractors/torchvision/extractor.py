"""Any classification network of torchvision as an extractor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn

from nst_core import PretrainedExtractor, Tap, WeightsError
from nst_core.weights import Architecture, WeightSet, find, import_file, list_weight_sets, resolve_path, sha256
from nst_plugins.extractors.torchvision.models import architecture_of, graph_of, load_model
from nst_plugins.extractors.torchvision.network import TorchvisionNetwork

__all__ = ["Torchvision"]


class Torchvision(PretrainedExtractor):
    """A classification network of torchvision, layers by node name; but VGG styles best.

    ``--extractor torchvision:resnet50 --content-layers layer2 --style-layers layer1,layer2,layer3``. ``model`` is the
    name of a network in torchvision's list, ``weights`` a weight set or a state dict file; by default torchvision's
    default weights are downloaded. Layers have the names of the nodes of torchvision's feature extraction; the name of
    a module means its last node. Layers that depend on the whole image (after global pooling or attention) are left
    out. Every layer is divided by its RMS, which is measured on generated images when the weights are imported.

    Expect less than from VGG: networks with residual connections have features with few strong peaks, whose Gram
    matrices carry less of a style (Wang et al., arXiv:2104.05623).
    """

    scriptable = False

    def __init__(self, model: str = "", weights: str = "") -> None:
        super().__init__(weights)
        self.model = model

    @property
    def architecture(self) -> Architecture:
        """The tensors of the network."""
        return architecture_of(self.model)

    def find_weights(self) -> WeightSet:
        """Find the weight set, import a state dict file, or download torchvision's default weights."""
        if Path(self.weights).suffix in (".pth", ".pt"):
            return _import_once(resolve_path(self.weights), self.architecture)
        return super().find_weights()

    def taps(self) -> Mapping[str, Tap]:
        """Return all usable layers by name, from shallow to deep."""
        return graph_of(self.model).taps

    def network(self, layers: Sequence[str]) -> nn.Module:
        """Build the network up to the deepest of ``layers``."""
        weights = self.weight_set
        nodes = [graph_of(self.model).nodes[layer] for layer in layers]
        rms = [weights.layer_rms[layer] for layer in layers]
        return TorchvisionNetwork(load_model(self.model, weights.tensors()), nodes, weights.preprocessing, rms)


def _import_once(path: Path, architecture: Architecture) -> WeightSet:
    """Import a state dict file into the store, unless it is there already."""
    name = f"{architecture.name}-{sha256(path)[:8]}"
    if not _stored(name):
        try:
            return import_file(path, architecture, name, "torchvision", wait=True)
        except WeightsError:
            if not _stored(name):  # nor by another process, which this one has waited for
                raise
    return find(name, architecture)


def _stored(name: str) -> bool:
    return any(stored.name == name for stored in list_weight_sets())
