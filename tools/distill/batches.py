"""Batches of crops: from the corpus at all scales, and from pictures that the student itself has made."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Batches", "Pool", "crop"]

# Side of the crops, how many of them make a batch, and how often.
SHAPES = ((128, 8, 0.15), (192, 4, 0.15), (256, 2, 0.7))
POOL_SHARE = 0.6
# Pixels that a position of the deepest layer stands for.
GRID = 16


class Pool:
    """The student's own pictures, the newest some hundreds of them."""

    def __init__(self, images: Iterable[Tensor] = (), most: int = 700) -> None:
        self.images: deque[Tensor] = deque(images, maxlen=most)

    @classmethod
    def of(cls, checkpoint: Path | None) -> Pool:
        """Return the pool of a checkpoint, an empty one for none."""
        return cls(torch.load(checkpoint)["pool"] if checkpoint else ())

    def add(self, image: Tensor) -> None:
        """Take in an image ``(3, H, W)`` in [0, 1]."""
        self.images.append(image.half())

    def crop(self, side: int, generator: torch.Generator) -> Tensor:
        """Cut ``(3, side, side)`` out of one of them, at its own scale; the newer half is taken twice as often.

        The poolings see the crop as they saw the picture: what the optimisation makes use of depends on where their
        grid lies, and is no longer there in a picture that is moved by a few pixels or mirrored.
        """
        count = len(self.images)
        place = max(_integer(count, generator), _integer(count, generator))
        image = self.images[place].float()
        top, left = (GRID * _integer((n - side) // GRID + 1, generator) for n in image.shape[1:])
        return image[:, top : top + side, left : left + side]


def crop(image: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Cut a square of any size out of a uint8 image ``(3, H, W)`` and scale it to float ``(3, side, side)`` in [0, 1].

    The size is uniform in its logarithm, from three quarters of ``side`` to all that the image has.
    """
    height, width = image.shape[1:]
    most = min(height, width)
    least = min(0.75 * side, most)
    size = int(least * (most / least) ** float(torch.rand((), generator=generator)))
    top, left = _integer(height - size + 1, generator), _integer(width - size + 1, generator)
    part = image[None, :, top : top + size, left : left + size].float() / 255
    if size != side:
        part = F.interpolate(part, (side, side), mode="bilinear", antialias=size > side, align_corners=False)
    return part[0].clamp(0, 1)


class Batches:
    """An endless supply of batches ``(B, 3, side, side)`` in [0, 1]."""

    def __init__(self, images: list[Tensor], pool: Pool, generator: torch.Generator) -> None:
        self.images = images
        self.pool = pool
        self.generator = generator

    def draw(self, side: int | None = None) -> Tensor:
        """Make the next batch, with crops of a given side or of any."""
        shares = torch.tensor([share for *_, share in SHAPES])
        drawn = SHAPES[int(torch.multinomial(shares, 1, generator=self.generator))]
        side, count, _ = next((shape for shape in SHAPES if shape[0] == side), drawn)
        return torch.stack([self._one(side) for _ in range(count)]).clamp_(0, 1)

    def _one(self, side: int) -> Tensor:
        if self._chance(POOL_SHARE) and len(self.pool.images) >= 12:
            return self.pool.crop(side, self.generator)
        image = crop(self.images[_integer(len(self.images), self.generator)], side, self.generator)
        if self._chance(0.35):
            image = self._recoloured(image)
        if self._chance(0.15):
            image = self._noisy(image)
        if self._chance(0.5):
            image = image.flip(2)
        if self._chance(0.15):
            image = image.flip(1)
        if self._chance(0.15):
            image = image.transpose(1, 2)
        return image

    def _chance(self, probability: float) -> bool:
        return float(torch.rand((), generator=self.generator)) < probability

    def _uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def _recoloured(self, image: Tensor) -> Tensor:
        """Change contrast, brightness and saturation, or exchange the channels."""
        if self._chance(0.3):
            image = image[torch.randperm(3, generator=self.generator)]
        grey = image.mean(0, keepdim=True)
        image = grey + (image - grey) * self._uniform(0.0, 2.0)
        gains = 1 + 0.3 * (torch.rand(3, 1, 1, generator=self.generator) - 0.5)
        image = (image - 0.5) * self._uniform(0.5, 1.5) * gains + 0.5 + self._uniform(-0.15, 0.15)
        return image.clamp(0, 1)

    def _noisy(self, image: Tensor) -> Tensor:
        """Blend with noise, white or a little smooth, from barely visible to nothing else."""
        noise = torch.rand(image.shape, generator=self.generator)
        if self._chance(0.3):
            noise = F.avg_pool2d(noise[None], 3, stride=1, padding=1)[0]
        if self._chance(0.2):
            noise = 0.5 + 0.05 * torch.randn(image.shape, generator=self.generator)
        share = math.exp(self._uniform(math.log(0.02), 0.0))
        return image + share * (noise - image)


def _integer(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(max(1, count), (), generator=generator))
