"""The way from an image's pixels to sums over its positions, and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.components import PIXELS, Statistic
from nst_core.objective.features import TileFeatures
from nst_core.ops import PullBack

__all__ = ["Collected", "Recording", "all_sums"]

Collected = list[list[Statistic]]  # by term, then by region and part


class Recording:
    """The sums over the positions of a tile, and what it takes to send their gradients back to its pixels.

    A network that is traced asks for the gradient of each of its maps only where it needs it. Until then the graph from
    the map to the sums is all there is, and afterwards neither map nor graph is kept. So of the gradients of the maps,
    which are as large as these, only one is there at a time.
    """

    def __init__(
        self,
        features: TileFeatures,
        layers: Sequence[str],
        pull_back: PullBack | None,
        collected: Collected,
        reads: Sequence[tuple[str, ...]],
    ) -> None:
        """Take what was computed from a tile.

        Args:
            features: of the tile.
            layers: of the network, in order.
            pull_back: of :meth:`~nst_core.objective.features.FeatureNetwork.traced`.
            collected: the sums.
            reads: of every sum, the layers that it is made from, in the order of :func:`all_sums`.
        """
        self._maps = dict(features.maps)
        self._layers = layers
        self._pull_back = pull_back
        self._collected = collected
        self._reads = reads

    def detached(self) -> Collected:
        """Return the sums without their graph."""
        return [[statistic.detach() for statistic in term] for term in self._collected]

    def send_back(self, slopes: Sequence[Tensor | None]) -> Tensor:
        """Return the gradient with respect to the pixels, ``(B, 3, h, w)``. It can be called once.

        Args:
            slopes: gradients with respect to the sums, in the order of :func:`all_sums`; ``None`` for zero.
        """
        pixels, pull_back = self._maps[PIXELS], self._pull_back
        waiting: dict[tuple[str, ...], Tensor] = {}
        with torch.enable_grad():
            for tensor, layers, slope in zip(all_sums(self._collected), self._reads, slopes, strict=True):
                if slope is None or not tensor.requires_grad:
                    continue
                # Its gradient is the slope. Had autograd been given that, it would import sympy, to compare two shapes.
                value = (tensor * slope).sum()
                key = layers if pull_back else (PIXELS,)
                waiting[key] = waiting[key] + value if key in waiting else value
        self._collected = []
        if pull_back is None:
            found = self._gradient_at(PIXELS, waiting, {})
            return torch.zeros_like(pixels) if found is None else found
        joint = self._joint_gradients(waiting)
        own = self._gradient_at(PIXELS, waiting, joint)
        found = pull_back(lambda index: self._gradient_at(self._layers[index], waiting, joint))
        parts = [part.to(pixels.dtype) for part in (found, own) if part is not None]
        return sum(parts[1:], parts[0]) if parts else torch.zeros_like(pixels)

    def _joint_gradients(self, waiting: dict[tuple[str, ...], Tensor]) -> dict[str, Tensor]:
        """Take what depends on several layers at once, and return its gradients by layer.

        What else depends on one of these layers comes along: losses may have computed something of a map together.
        """
        several = {layer for key in waiting if len(key) > 1 for layer in key}
        taken = [waiting.pop(key) for key in list(waiting) if not several.isdisjoint(key)]
        if not taken:
            return {}
        layers = sorted(several)
        with torch.enable_grad():
            total = sum(taken[1:], taken[0])
        gradients = torch.autograd.grad(total, [self._maps[layer] for layer in layers], allow_unused=True)
        return {layer: one for layer, one in zip(layers, gradients, strict=True) if one is not None}

    def _gradient_at(
        self, layer: str, waiting: dict[tuple[str, ...], Tensor], joint: dict[str, Tensor]
    ) -> Tensor | None:
        """Take what depends on one layer, and return the gradient of everything there; let go of its map."""
        found, value, there = joint.pop(layer, None), waiting.pop((layer,), None), self._maps.pop(layer)
        if value is None:
            return found
        (gradient,) = torch.autograd.grad(value, there, allow_unused=True)
        return found if gradient is None else gradient if found is None else gradient + found


def all_sums(collected: Collected) -> list[Tensor]:
    """Return the tensors of all sums, in order."""
    return [tensor for term in collected for statistic in term for tensor in statistic.sums]
