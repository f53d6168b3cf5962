"""Sorted values as a distribution: what the losses on histograms compare."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["quantiles", "squared_transport"]


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


def squared_transport(values: Tensor, target: Tensor) -> Tensor:
    """Return the squared 2-Wasserstein distance of every row's values to the target's, on the line.

    Values in order of size go to the target's quantiles in order of size (Bonneel et al., "Sliced and Radon
    Wasserstein barycenters of measures", 2015, section 2).

    Args:
        values: ``(K, M)``, with a gradient.
        target: ``(K, M')``.

    Returns:
        ``(K,)``, the mean over the M values.
    """
    return (values.sort(dim=1).values - quantiles(target, values.shape[1])).square().mean(dim=1)
