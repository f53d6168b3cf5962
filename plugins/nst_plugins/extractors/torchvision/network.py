"""A torchvision network up to the layers that are used."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from nst_core.weights import Preprocessing
from nst_plugins.extractors.normalize import Normalize
from nst_plugins.extractors.torchvision.graph import cut_at_nodes

__all__ = ["TorchvisionNetwork"]


class TorchvisionNetwork(nn.Module):
    """A frozen network of torchvision, cut after some of its nodes, whose outputs are divided by their RMS."""

    def __init__(
        self, model: nn.Module, nodes: Sequence[str], preprocessing: Preprocessing, rms: Sequence[float]
    ) -> None:
        """Build the network.

        Args:
            model: a network of torchvision with its weights, in eval mode.
            nodes: node names of torchvision's feature extraction, in the order in which feature maps are returned.
            preprocessing: the preprocessing that the network expects.
            rms: positive divisor of the output of every node.
        """
        super().__init__()
        self.normalize = Normalize(preprocessing)
        self.body = cut_at_nodes(model, dict.fromkeys(nodes))
        self.nodes = tuple(nodes)
        self.rms = tuple(rms)
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the feature maps.

        Args:
            image: ``(B, 3, H, W)``, RGB in [0, 1], floating-point.

        Returns:
            Feature maps ``(B, N, H', W')`` in the order of the nodes, in the parameters' dtype.
        """
        dtype = next(self.body.parameters()).dtype
        outputs = self.body(self.normalize(image).to(dtype))
        return [outputs[node] / rms for node, rms in zip(self.nodes, self.rms, strict=True)]
