"""The nearest neighbour of every cell of a picture among the cells of another, and neighbours that lie side by side."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["coherent", "directions_of", "nearest"]

# Similarities held at once: 16 MB in float32.
_BLOCK = 4 * 2**20
# Of the squared length of a column, which is about the number of layers: its direction stays smooth where it vanishes.
_SHORTEST = 1e-6

_BESIDE = ((0, 1), (1, 0), (0, -1), (-1, 0))
_NOWHERE = -1
_SWEEPS = 24

Grid = tuple[int, int]


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


@torch.no_grad()
def coherent(chosen: Tensor, queries: Tensor, keys: Tensor, grids: tuple[Grid, Grid], gain: float) -> Tensor:
    """Let cells that lie side by side choose keys that lie side by side, where these are nearly as similar.

    A cell's score is the inner product with its key plus ``gain`` for each of its four neighbours whose key lies to its
    own as the neighbour to the cell. Cells of either colour of a chessboard in turn take the best of what they have
    and what would continue the key of a neighbour. So the sum of all inner products, and of the gain once for every
    coherent pair, never falls. It is the coherence of Ashikhmin, "Synthesizing natural textures", 2001, spread as in
    PatchMatch, Barnes et al., 2009.

    Args:
        chosen: indices ``(M,)`` of keys to begin with.
        queries: ``(D, M)``, row by row of their grid.
        keys: ``(D, M')``, the same of theirs.
        grids: height and width of the queries' grid and of the keys'.
        gain: of every coherent neighbour, in units of the inner product; 0 changes nothing.

    Returns:
        Indices ``(M,)`` of keys.
    """
    (height, width), (_, wide) = grids
    by_query, by_key = queries.T.contiguous(), keys.T.contiguous()
    limits = torch.tensor(grids[1], device=chosen.device)[:, None, None]
    place = torch.stack([chosen // wide, chosen % wide]).reshape(2, height, width)
    alike = (by_query * by_key[chosen]).sum(dim=1).reshape(height, width)
    index = torch.arange(height * width, device=chosen.device).reshape(height, width)
    odd = (index // width + index % width) % 2 == 1
    for sweep in range(_SWEEPS if gain > 0 else 0):
        options = _continued(place)
        usable = ((options >= 0) & (options < limits)).all(dim=1)
        turn = odd if sweep % 2 else ~odd
        best = alike + gain * _agreeing(options, usable, place)
        following = place
        for option, allowed in zip(options, usable, strict=True):
            where = turn & allowed & (option != place).any(dim=0)
            row, column = option[:, where]
            found = torch.full_like(best, -torch.inf)
            found[where] = (by_query[index[where]] * by_key[row * wide + column]).sum(dim=1)
            score = found + gain * _agreeing(options, usable, option)
            better = score > best
            best, alike = torch.where(better, score, best), torch.where(better, found, alike)
            following = torch.where(better, option, following)
        settled, place = torch.equal(following, place), following
        if settled and sweep:
            break
    return (place[0] * wide + place[1]).flatten()


def _continued(place: Tensor) -> Tensor:
    """Return the keys ``(4, 2, H, W)`` that would continue the key of each neighbour, or negative ones without one."""
    height, width = place.shape[-2:]
    options = torch.full_like(place, _NOWHERE).expand(len(_BESIDE), -1, -1, -1).clone()
    for option, (down, right) in zip(options, _BESIDE, strict=True):
        rows, columns = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
        beside = place[:, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
        option[:, rows, columns] = beside - beside.new_tensor([down, right])[:, None, None]
    return options


def _agreeing(options: Tensor, usable: Tensor, place: Tensor) -> Tensor:
    """Count the neighbours of every cell whose keys are continued by the key at ``place``."""
    return (usable & (options == place).all(dim=1)).sum(dim=0)
