"""The rim of a picture against what lies inside it: a number that tells a frame."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["relative_rim", "rim_ratio"]

RIM, BESIDE = 0.02, 0.06
"""Where the rim and the band beside it end, as a share of the shorter side."""
_LEAST = 1e-4


def rim_ratio(image: Tensor) -> float:
    """Return the contrast of the strongest line along the border of an image over that of the band beside it.

    The contrast is the mean over pairs of neighbouring pixels of their squared difference, summed over channels. Lines
    are one pixel wide and lie in the outer 2 % of the shorter side, at least 2 pixels: each is made of the pairs whose
    outer pixel is as far from the border, so a frame shows at its inner edge, if it is flat, and everywhere, if it is
    noise. The band ends at 6 %, at least three times as far in. The interior next to the rim is taken, not the whole of
    it, because what a picture shows at its border (sky, ground) is usually not what it shows in its middle.

    Args:
        image: ``(1, 3, H, W)`` in [0, 1].

    Returns:
        At least 0. A small constant, the contrast of a step of 1 % between neighbours, keeps flat images finite.
    """
    height, width = image.shape[-2:]
    rim = max(2, round(RIM * min(height, width)))
    beside = max(3 * rim, round(BESIDE * min(height, width)))
    depth = _depth(height, width)
    squares, depths = [], []
    for dim in (0, 1):
        length = depth.shape[dim] - 1
        squares.append(image[0].diff(dim=dim + 1).square().sum(dim=0).flatten())
        depths.append(torch.minimum(depth.narrow(dim, 0, length), depth.narrow(dim, 1, length)).flatten())
    energy, line = torch.cat(squares).double().cpu(), torch.cat(depths)
    totals, counts = (torch.bincount(line, weights, minlength=beside)[:beside] for weights in (energy, None))
    strongest = float((totals / counts.clamp_min(1))[:rim].max())
    inside = float(totals[rim:].sum() / counts[rim:].sum().clamp_min(1))
    return (strongest + _LEAST) / (inside + _LEAST)


def _depth(height: int, width: int) -> Tensor:
    """Return how many pixels lie between each pixel and the nearest border, ``(H, W)``."""
    rows, columns = (torch.minimum(torch.arange(n), n - 1 - torch.arange(n)) for n in (height, width))
    return torch.minimum(rows[:, None], columns[None, :])


def relative_rim(image: Tensor, content: Tensor) -> float:
    """Return the :func:`rim_ratio` of a picture relative to that of its content image.

    Args:
        image: ``(1, 3, H, W)`` in [0, 1].
        content: the same shape.

    Returns:
        About 1 where there is no frame, more where the rim stands out, less where it is flat.
    """
    return rim_ratio(image) / rim_ratio(content)
