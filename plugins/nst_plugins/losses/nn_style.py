"""Nearest neighbours in feature space as style.

After Li and Wand, "Combining Markov random fields and convolutional neural networks", arXiv:1601.04589, and Kolkin et
al., "Neural neighbor style transfer", arXiv:2203.13215.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core import FeatureLoss
from nst_core.ops import to_accumulation

__all__ = ["NnStyle", "common_grids", "directions_of", "hypercolumns", "nearest"]

# Similarities held at once: 16 MB in float32.
_BLOCK = 4 * 2**20
# Of the squared length of a column, which is about the number of layers: its direction stays smooth where it vanishes.
_SHORTEST = 1e-6


def common_grids(images: Sequence[Sequence[Tensor]], positions: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Choose grids on which the maps of several images give columns of the same length.

    Args:
        images: the maps of each, ``(B, N_l, H_l, W_l)``, of the same layers.
        positions: most cells of a grid, where its sides can still be halved.

    Returns:
        Height and width of every image's grid: those of its largest map, halved equally often for all of them. And the
        positions of every layer that a cell has along each side, 0 where a cell is smaller than a position.
    """
    largest = [max(((m.shape[-2], m.shape[-1]) for m in maps), key=math.prod) for maps in images]
    halvings = 0
    while any(
        (height >> halvings) * (width >> halvings) > positions and min(height, width) >> halvings > 1
        for height, width in largest
    ):
        halvings += 1
    grids = [(max(1, height >> halvings), max(1, width >> halvings)) for height, width in largest]
    times = [
        min(min(m.shape[-2] // grid[0], m.shape[-1] // grid[1]) for m, grid in zip(layer, grids, strict=True))
        for layer in zip(*images, strict=True)
    ]
    return grids, times


def hypercolumns(
    maps: Sequence[Tensor], scales: Sequence[Tensor], grid: tuple[int, int], times: Sequence[int]
) -> Tensor:
    """Bring maps to one grid of cells and put all that lies in a cell one after the other.

    Args:
        maps: each ``(B, N_l, H_l, W_l)``, float32 or wider.
        scales: a factor for each.
        grid: height and width.
        times: for each map k, which gives a cell k × k positions, each times 1/k, so that no detail is left free; 0
            interpolates one position for each cell.

    Returns:
        ``(B, Σ max(k_l, 1)² N_l, height · width)``.
    """
    columns = []
    for one, scale, k in zip(maps, scales, times, strict=True):
        if k >= 1:
            fitting = F.interpolate(one, size=(grid[0] * k, grid[1] * k), mode="nearest-exact")
            cells = F.pixel_unshuffle(fitting, k) / k
        else:
            cells = F.interpolate(one, size=grid, mode="bilinear", align_corners=False)
        columns.append(cells.flatten(2) * scale)
    return torch.cat(columns, dim=1)


def directions_of(columns: Tensor) -> Tensor:
    """Return columns ``(…, D, M)`` of unit length, but for very short ones, which stay short."""
    return columns / (columns.square().sum(dim=-2, keepdim=True) + _SHORTEST).sqrt()


@torch.no_grad()
def nearest(queries: Tensor, keys: Tensor) -> Tensor:
    """Find the key with the largest inner product for every query, in blocks of bounded memory.

    Args:
        queries: ``(D, M)``.
        keys: ``(D, M')`` in the same dtype.

    Returns:
        Indices ``(M,)`` of keys.
    """
    block = max(1, _BLOCK // keys.shape[1])
    return torch.cat([(part.T @ keys).argmax(dim=1) for part in torch.split(queries, block, dim=1)])


class NnStyle(FeatureLoss):
    """Every place of the picture imitates the most similar place of the style: its very marks, not their average.

    All layers, each divided by its RMS length over the style image, are brought to one grid of at most ``positions``
    cells, for both images the same fraction of their size, and joined to columns. A column's neighbour is the one in
    the style with the largest cosine, each image's mean subtracted; the search is done anew at every evaluation, in the
    features' own precision. The loss is the mean over cells of |f - s|², f a column and s its neighbour, divided by the
    number of layers.
    """

    default_weight = 50.0
    default_layers = ("conv2_2", "conv3_4", "conv4_4")

    def __init__(self, positions: int = 4096) -> None:
        if positions < 1:
            raise ValueError(f"positions must be at least 1, not {positions}")
        self.positions = positions

    def forward(self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Compute the distance to the nearest neighbours, summed over the batch."""
        precision = next(iter(features.values())).dtype
        aims = [to_accumulation(targets[layer]) for layer in features]
        maps = [to_accumulation(feature) for feature in features.values()]
        scales = [(aim.square().sum(dim=1).mean() + _SHORTEST).rsqrt() for aim in aims]
        (style_grid, grid), times = common_grids([aims, maps], self.positions)
        style = hypercolumns(aims, scales, style_grid, times)[0]
        keys = directions_of(style - style.mean(dim=1, keepdim=True))
        losses = []
        for column in hypercolumns(maps, scales, grid, times):
            queries = directions_of(column.detach() - column.detach().mean(dim=1, keepdim=True))
            chosen = nearest(queries.to(precision), keys.to(precision))
            losses.append((column - style[:, chosen]).square().sum(dim=0).mean())
        return torch.stack(losses).sum() / len(features)
