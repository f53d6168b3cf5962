"""Measuring the scale of a network's features on generated images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["dead_leaves", "tap_rms"]

_SMALLEST, _LARGEST = 4.0, 120.0
# Average number of discs over a pixel; fewer than one pixel in a thousand stays uncovered.
_COVERAGE = 7.0
_SHADING = 0.3
_SATURATION = 0.4


def dead_leaves(height: int, width: int, generator: torch.Generator) -> Tensor:
    """Generate an image of shaded, overlapping discs, whose edges and areas resemble those of natural images.

    The dead leaves model of Lee, Mumford and Huang, "Occlusion models for natural images" (IJCV 2001): the centres of
    the discs are uniformly distributed and the density of their radii r is proportional to r⁻³, here between 4 and 120
    pixels, which makes the image nearly scale-invariant. Colours are uniformly distributed and then blended with
    grey, because the channels of natural images are correlated.

    Args:
        height: height of the image in pixels.
        width: width of the image in pixels.
        generator: random generator on the CPU; the same state gives the same image.

    Returns:
        ``(1, 3, height, width)`` float32 in [0, 1].
    """
    small, large = _SMALLEST**-2, _LARGEST**-2
    mean_area = 2 * math.pi * math.log(_LARGEST / _SMALLEST) / (small - large)
    ground = (height + 2 * _LARGEST) * (width + 2 * _LARGEST)
    count = math.ceil(_COVERAGE * ground / mean_area)
    random = torch.rand((count, 8), generator=generator, dtype=torch.float64)
    radius = (large + random[:, 0] * (small - large)).rsqrt()
    y = random[:, 1] * (height + 2 * _LARGEST) - _LARGEST
    x = random[:, 2] * (width + 2 * _LARGEST) - _LARGEST
    seen = (y > -radius) & (y < height + radius) & (x > -radius) & (x < width + radius)
    angle = 2 * math.pi * random[:, 3]
    discs = torch.stack((y, x, radius, _SHADING * angle.sin(), _SHADING * angle.cos()), dim=1)[seen]
    grey, hue = random[seen, 4:5], random[seen, 5:]
    colours = torch.lerp(grey, hue, _SATURATION).float()[:, :, None, None]

    image = torch.full((3, height, width), 0.5)
    rows = torch.arange(height, dtype=torch.float32)[:, None] + 0.5
    columns = torch.arange(width, dtype=torch.float32) + 0.5
    for (cy, cx, r, down, right), colour in zip(discs.tolist(), colours, strict=True):
        box_y = slice(max(0, math.floor(cy - r - 1)), max(0, math.ceil(cy + r + 1)))
        box_x = slice(max(0, math.floor(cx - r - 1)), max(0, math.ceil(cx + r + 1)))
        dy, dx = rows[box_y] - cy, columns[box_x] - cx
        inside = (r + 0.5 - (dy.square() + dx.square()).sqrt()).clamp(0, 1)
        light = 1 + dy * (down / r) + dx * (right / r)
        image[:, box_y, box_x].lerp_(colour * light, inside)
    return image.clamp_(0, 1)[None]


@torch.no_grad()
def tap_rms(network: nn.Module, layers: Sequence[str], images: Iterable[Tensor]) -> dict[str, float]:
    """Measure the root mean square (RMS) of feature maps over all images, channels and positions.

    Args:
        network: maps an image to a list of feature maps, as the network of an :class:`nst_core.Extractor` does.
        layers: names of the feature maps, in order.
        images: one or more images ``(B, 3, H, W)`` in [0, 1].

    Returns:
        RMS by layer, computed in float64.

    Raises:
        ValueError: ``images`` is empty.
    """
    squares = [0.0] * len(layers)
    counts = [0] * len(layers)
    for image in images:
        for i, feature in enumerate(network(image)):
            squares[i] += feature.float().square().sum(dtype=torch.float64).item()
            counts[i] += feature.numel()
    if not all(counts):
        raise ValueError("tap_rms needs at least one image")
    return {layer: math.sqrt(s / n) for layer, s, n in zip(layers, squares, counts, strict=True)}
