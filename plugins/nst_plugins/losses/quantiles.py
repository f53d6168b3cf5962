"""Sorted values as a distribution: what the losses on histograms compare."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nst_core import FeatureMaps
from nst_core.ops import to_accumulation

__all__ = ["Remembered", "positions", "quantiles", "squared_transport"]

# Of the largest weight, the square of a guide.
_HALF = 0.25


def positions(feature: Tensor, weight: Tensor | None) -> Tensor:
    """Return the positions of a map that count at least half as much as the one that counts most.

    Args:
        feature: ``(B, N, H, W)``.
        weight: ``(1, 1, H, W)``, or ``None`` for one everywhere.

    Returns:
        ``(B, N, M)``, float32 or wider.
    """
    flat = to_accumulation(feature).flatten(2)
    return flat if weight is None else flat[..., (weight >= _HALF * weight.max()).flatten()]


def quantiles(values: Tensor, count: int) -> Tensor:
    """Return ``count`` quantiles of every row, ascending, linear between the sorted values.

    Args:
        values: ``(K, M)``.
        count: at least 1; where it is M the result is the sorted rows themselves.

    Returns:
        ``(K, count)``.
    """
    ordered = values.sort(dim=1).values
    size = ordered.shape[1]
    if count == size:
        return ordered
    # The i-th of n values stands for the probability (i + ½) / n.
    at = ((torch.arange(count, device=values.device, dtype=values.dtype) + 0.5) * (size / count) - 0.5).clamp(
        0, size - 1
    )
    low = at.floor().long()
    return torch.lerp(ordered[:, low], ordered[:, (low + 1).clamp_max(size - 1)], at - low)


class Remembered:
    """The quantiles of targets, which stay the same all through a run, computed once."""

    MOST = 16  # targets for each key: styles of a blend

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[Tensor, Tensor | None, int, Tensor]]] = {}

    def __call__(self, layer: str, targets: FeatureMaps, rows: Callable[[Tensor], Tensor], count: int) -> Tensor:
        """Return ``quantiles(rows(…), count)`` of a layer's positions, remembered for these very tensors.

        Args:
            layer: the last :attr:`MOST` targets are remembered for each.
            targets: as the loss was given them.
            rows: makes the rows ``(K, M)`` of :func:`positions` of one image, ``(N, M)``.
            count: as of :func:`quantiles`.
        """
        known, target, weight = self._known.setdefault(layer, []), targets[layer], targets.weight(layer)
        for before, counted, length, found in known:
            if before is target and counted is weight and length == count:
                return found
        with torch.no_grad():
            found = quantiles(rows(positions(target, weight)[0]), count)
        known.append((target, weight, count, found))
        del known[: -self.MOST]
        return found


def squared_transport(values: Tensor, target: Tensor) -> Tensor:
    """Return the squared 2-Wasserstein distance of every row's values to the target's, on the line.

    Values in order of size go to the target's quantiles in order of size (Bonneel et al., "Sliced and Radon
    Wasserstein barycenters of measures", 2015, section 2).

    Args:
        values: ``(K, M)``, with a gradient.
        target: ``(K, M)``, the target's :func:`quantiles`, as many as there are values.

    Returns:
        ``(K,)``, the mean over the M values.
    """
    return (values.sort(dim=1).values - target).square().mean(dim=1)
