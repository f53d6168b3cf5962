"""The painting's own marks: every place of the picture imitates the place of the style that is most like it.

After Kolkin et al., "Neural neighbor style transfer", arXiv:2203.13215, and Li and Wand, "Combining Markov random
fields and convolutional neural networks", arXiv:1601.04589.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core import FeatureLoss, FeatureMaps
from nst_core.ops import to_accumulation
from nst_plugins.losses.neighbours import coherent, directions_of, nearest

__all__ = ["NnStyle", "cells_of", "common_grids", "descriptions"]

# Positions along each side of a cell that it is described by at most: what is copied has all of them.
_DETAIL = 4
# Of the largest weight, the square of a guide.
_HALF = 0.25
# Below every similarity.
_NEVER = -1e3
# Of mean squared lengths of features.
_SMALLEST = 1e-6


def common_grids(images: Sequence[Sequence[Tensor]], positions: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Choose grids of cells for several images, so that their cells hold equally many positions of every layer.

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


def cells_of(one: Tensor, grid: tuple[int, int], times: int) -> Tensor:
    """Cut a map into cells and put all that lies in a cell one after the other, so that no detail is lost.

    Args:
        one: ``(B, N, H, W)``.
        grid: height and width of the grid of cells.
        times: k for cells of k × k positions; 0 interpolates one position for each cell.

    Returns:
        ``(B, max(k, 1)² N, height, width)``.
    """
    k = max(1, times)
    return F.pixel_unshuffle(_resized(one, (grid[0] * k, grid[1] * k)), k)


def _resized(one: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = one.shape[-2:]
    if (height, width) == size:
        return one
    if size[0] > height or size[1] > width:
        return F.interpolate(one, size=size, mode="bilinear", align_corners=False)
    return F.interpolate(one, size=size, mode="nearest-exact")


def descriptions(
    maps: Sequence[Tensor], grid: tuple[int, int], times: Sequence[int], taken: Tensor | None = None
) -> Iterator[Tensor]:
    """Describe cells by what lies in them, the mean over the cells that take part subtracted, layer by layer.

    Lengths do not depend on the number of positions in a cell: every layer counts as much.

    Args:
        maps: each ``(1, N_l, H_l, W_l)``.
        grid: height and width of the grid of cells.
        times: of every layer, as :func:`common_grids` gives them.
        taken: which cells take part, ``(height · width,)``, at least one; ``None`` for all.

    Yields:
        ``(min(max(k, 1), 4)² N_l, height · width)``, float32 or wider.
    """
    for one, k in zip(maps, times, strict=True):
        wide = to_accumulation(one)
        if k > _DETAIL:
            wide = F.adaptive_avg_pool2d(wide, (grid[0] * _DETAIL, grid[1] * _DETAIL))
        detail = min(max(k, 1), _DETAIL)
        columns = cells_of(wide, grid, detail)[0].flatten(1) / detail
        counted = columns if taken is None else columns[:, taken]
        yield columns - counted.mean(dim=1, keepdim=True)


def cells_taken(maps: FeatureMaps, layers: Sequence[str], grid: tuple[int, int]) -> Tensor | None:
    """Return which cells take part, ``(height · width,)``: those that count at least half; ``None`` for all."""
    if maps.weights is None:
        return None
    weight = max((maps.weights[layer] for layer in layers), key=lambda one: one.numel())
    cells = F.adaptive_avg_pool2d(weight, grid).flatten()
    return cells >= _HALF * cells.max()


class NnStyle(FeatureLoss):
    """Every place of the picture imitates the most similar place of the style: its very marks, not their average.

    When a resolution level starts, its picture, the content image and the style are divided into cells, at most
    ``positions`` each. A cell is described by the features of all layers in it, each image's mean subtracted and each
    layer divided by its RMS length over the style; what it looks for is ``content_share`` of the content's description
    and the rest of the picture's own. It takes the cell of the style with the largest cosine, or one that continues
    what a neighbour has taken if the cosine is less by no more than ``coherence``: so whole strokes are taken, and even
    areas do not repeat a single one. Until the level ends the loss is, averaged over layers, the mean of |f - s|² over
    positions divided by the mean of |s|², f the picture's features and s those of the cells it has taken.
    """

    takes_weights = True
    default_weight = 100.0
    default_layers = ("conv1_2", "conv2_2", "conv3_4", "conv4_4")

    def __init__(self, positions: int = 4096, content_share: float = 0.75, coherence: float = 0.1) -> None:
        if positions < 1:
            raise ValueError(f"positions must be at least 1, not {positions}")
        if not 0 <= content_share <= 1:
            raise ValueError(f"content_share must lie between 0 and 1, but is {content_share:g}")
        if not coherence >= 0:
            raise ValueError(f"coherence must not be negative, but is {coherence:g}")
        self.positions = positions
        self.content_share = content_share
        self.coherence = coherence

    def level_targets(self, targets: FeatureMaps, start: FeatureMaps, content: FeatureMaps | None) -> FeatureMaps:
        """Put together from cells of the style what the maps of the picture are to be, each layer in its dtype."""
        layers = list(start)
        style, first = ([maps[layer] for layer in layers] for maps in (targets, start))
        photo = first if content is None else [content[layer] for layer in layers]
        (style_grid, grid), times = common_grids([style, first], self.positions)
        offering, asking = cells_taken(targets, layers, style_grid), cells_taken(start, layers, grid)
        described = (
            descriptions(maps, cells, times, taken)
            for maps, cells, taken in ((style, style_grid, offering), (photo, grid, asking), (first, grid, asking))
        )
        queries, keys = [], []
        for layer, key, wanted, own in zip(layers, *described, strict=True):
            scale = (_mean_square(targets[layer], targets.weight(layer)) + _SMALLEST).rsqrt()
            keys.append(key * scale)
            queries.append((self.content_share * wanted + (1 - self.content_share) * own) * scale)
        wanted, offered = directions_of(torch.cat(queries)), directions_of(torch.cat(keys))
        if asking is not None:  # nothing is wanted elsewhere
            wanted = wanted * asking
        if offering is not None:  # one more direction, in which what is not offered lies far away from every query
            barrier = torch.where(offering, 0.0, _NEVER).to(offered)
            wanted, offered = torch.cat([wanted, torch.ones_like(wanted[:1])]), torch.cat([offered, barrier[None]])
        chosen = nearest(wanted, offered)
        chosen = coherent(chosen, wanted, offered, (grid, style_grid), self.coherence)
        return FeatureMaps(
            {
                layer: _collage(cells_of(one, style_grid, k), chosen, grid, k)
                for layer, one, k in zip(layers, style, times, strict=True)
            }
        )

    def forward(self, features: FeatureMaps, targets: FeatureMaps) -> Tensor:
        """Compute the relative squared distance to the cells taken, summed over the batch."""
        losses = []
        for layer, feature in features.items():
            aim = to_accumulation(targets[layer])
            size = aim.shape[-2], aim.shape[-1]
            fitting = _resized(to_accumulation(feature), size)
            weight = features.weight(layer)
            weight = None if weight is None else _resized(weight, size)
            distance = _mean_square(fitting - aim, weight)
            losses.append(distance / (_mean_square(aim, weight) + _SMALLEST))
        return torch.stack(losses).mean()


def _mean_square(maps: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean over positions of the squared length, summed over the batch."""
    squares = to_accumulation(maps).square().sum(dim=1, keepdim=True)
    if weight is None:
        return squares.mean(dim=(2, 3)).sum()
    # A convolution may leave out the last rows and columns, and a region with them.
    return ((squares * weight).sum(dim=(2, 3)) / weight.sum().clamp_min(_SMALLEST)).sum()


def _collage(cells: Tensor, chosen: Tensor, grid: tuple[int, int], times: int) -> Tensor:
    """Return the map whose cells, in a grid of its own, are the chosen ones."""
    taken = cells.flatten(2)[..., chosen].reshape(1, -1, *grid)
    return F.pixel_shuffle(taken, max(1, times))
