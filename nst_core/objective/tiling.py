"""Tiles of an image: which pixels each is computed from, and which positions of its feature maps are its own.

A feature map is a grid over the image. Cut the image at multiples of the network's stride and give every tile a margin
as wide as a position sees, and the positions inside are those of the whole image, to rounding. Where the tile ends at
the border of the image the network pads it as it would pad the image, so nothing there has to be hidden.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from nst_core.components import Tap
from nst_core.errors import JobError

__all__ = ["Span", "Tile", "Tiling"]

# Fast convolutions (Winograd's) compute blocks of 4×4 positions. Tiles begin at multiples of them in every layer, so
# that they are rounded as in the whole image.
BLOCK = 4


@dataclass(frozen=True)
class Span:
    """One direction of a tile, in pixels of the image.

    Attributes:
        start: first pixel that is computed; a multiple of the stride.
        stop: end of the pixels that are computed.
        first: first pixel that is the tile's own; a multiple of the stride.
        last: end of its own pixels; a multiple of the stride, or the end of the image.
        length: of the image.
    """

    start: int
    stop: int
    first: int
    last: int
    length: int

    @property
    def whole(self) -> bool:
        """Whether the span is all of the image."""
        return self.stop - self.start == self.length

    def interior(self, stride: int) -> slice:
        """Return the positions of a map of the tile that are its own; the last tile has what rounding leaves."""
        end = None if self.last == self.length else (self.last - self.start) // stride
        return slice((self.first - self.start) // stride, end)

    def place(self, stride: int) -> slice:
        """Return where these positions lie in the map of the whole image."""
        return slice(self.first // stride, None if self.last == self.length else self.last // stride)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the image."""

    rows: Span
    columns: Span

    @property
    def whole(self) -> bool:
        """Whether the tile is the image."""
        return self.rows.whole and self.columns.whole

    @property
    def pixels(self) -> int:
        """How many pixels are computed."""
        return (self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start)

    def cut(self, image: Tensor) -> Tensor:
        """Return the pixels that are computed, as a view."""
        if self.whole:
            return image
        return image[..., self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]

    def interior(self, feature: Tensor, stride: int) -> Tensor:
        """Return the tile's own positions of its map, in the layout that the map has; differentiable."""
        if self.whole:
            return feature
        cropped: Tensor = _Crop.apply(feature, self.rows.interior(stride), self.columns.interior(stride))
        return cropped

    def place(self, whole: Tensor, stride: int) -> Tensor:
        """Return the tile's own positions of the map of the whole image, as a view."""
        return whole if self.whole else whole[..., self.rows.place(stride), self.columns.place(stride)]


class _Crop(torch.autograd.Function):
    """A part of a map in the map's own layout. A slice would lose it, and every step after it would lay it out anew."""

    @staticmethod
    def forward(ctx: Any, feature: Tensor, rows: slice, columns: slice) -> Tensor:
        ctx.place = rows, columns
        ctx.shape, ctx.layout = feature.shape, _layout(feature)
        return feature[..., rows, columns].contiguous(memory_format=ctx.layout)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        whole = _zeros(gradient, ctx.shape, ctx.layout)
        rows, columns = ctx.place
        whole[..., rows, columns] = gradient
        return whole, None, None


def _zeros(like: Tensor, shape: torch.Size, layout: torch.memory_format) -> Tensor:
    """Make zeros in a layout; memory that the system hands out is zero already, and need not be written to."""
    if layout == torch.contiguous_format:
        return like.new_zeros(shape)
    batch, channels, height, width = shape
    return like.new_zeros(batch, height, width, channels).permute(0, 3, 1, 2)


def _layout(feature: Tensor) -> torch.memory_format:
    last = feature.is_contiguous(memory_format=torch.channels_last) and not feature.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


@dataclass(frozen=True)
class Tiling:
    """How images are cut.

    Attributes:
        stride: what tiles begin at multiples of; a multiple of the network's.
        halo: width of the margin, a multiple of the stride.
        max_pixels: of a tile, its margin included; ``None`` leaves images whole.
    """

    stride: int = 1
    halo: int = 0
    max_pixels: int | None = None

    @classmethod
    def of(cls, taps: Iterable[Tap], halo: int = 0, max_pixels: int | None = None) -> Tiling:
        """Return the tiling that suits the geometry of all layers used.

        A position of stride s that sees R pixels sees at most (R - s)/2 + s/2 beyond its own, even where convolutions
        with a stride look farther to one side.

        Args:
            taps: of the layers.
            halo: what losses on pixels look at around a pixel.
            max_pixels: see the class.
        """
        used = list(taps)
        stride = BLOCK * math.lcm(1, *(tap.stride for tap in used))
        reach = max([halo, *(math.ceil(tap.receptive_field / 2) for tap in used if tap.receptive_field > 1)])
        return cls(stride, -(-reach // stride) * stride, max_pixels)

    @property
    def min_pixels(self) -> int:
        """Smallest ``max_pixels`` that every image can be cut to: a square whose own part is one stride."""
        return (2 * self.halo + self.stride) ** 2

    def halved(self, pixels: int) -> Tiling | None:
        """Return the tiling with half as large tiles, for where memory ran out; ``None`` where they would be too small.

        Args:
            pixels: of the image that was too large.
        """
        half = min(self.max_pixels or pixels, pixels) // 2
        return None if half < self.min_pixels else replace(self, max_pixels=half)

    def tiles(self, height: int, width: int) -> list[Tile]:
        """Cut an image into as few computed pixels as the limit allows.

        Raises:
            JobError: the limit is smaller than a margin.
        """
        rows, columns = self.grid(height, width)
        return [Tile(r, c) for r in self._spans(height, rows) for c in self._spans(width, columns)]

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the number of rows and columns of tiles; see :meth:`tiles`."""
        if self.max_pixels is None or height * width <= self.max_pixels:
            return 1, 1
        tall, wide = self._choices(height), self._choices(width)
        fitting = [
            (high_total * wide_total, rows * columns, rows, columns)
            for rows, high, high_total in tall
            for columns, broad, wide_total in wide
            if high * broad <= self.max_pixels
        ]
        if not fitting:
            side = 2 * self.halo + self.stride
            raise JobError(
                f"tiles of {self.max_pixels} pixels are too small: the deepest layer sees {self.halo} pixels on every "
                f"side, so a tile needs at least {side}×{side}; give larger tiles or more memory, or use shallower "
                "layers"
            )
        return min(fitting)[2:]

    def _choices(self, length: int) -> list[tuple[int, int, int]]:
        """Return ways to cut one direction, each better than those before: parts, the longest part, the sum of all."""
        if length <= 2 * self.halo + self.stride:
            return [(1, length, length)]
        inner = -(-(length - 2 * self.halo) // self.stride)
        found = [(1, length, length)]
        for parts in range(2, inner + 1):
            own = -(-inner // parts)
            parts_needed = -(-inner // own)
            longest = 2 * self.halo + own * self.stride
            if parts_needed == parts and longest < found[-1][1]:
                found.append((parts, longest, length + 2 * self.halo * (parts - 1)))
        return found

    def _spans(self, length: int, parts: int) -> list[Span]:
        """Cut one direction into parts equally long with their margins: the outer ones have but one, so own more."""
        inner = -(-(length - 2 * self.halo) // self.stride)
        own = -(-inner // parts) * self.stride
        cuts = [0, *(self.halo + k * own for k in range(1, parts)), length]
        return [
            Span(max(0, first - self.halo), min(length, last + self.halo), first, last, length)
            for first, last in itertools.pairwise(cuts)
        ]
