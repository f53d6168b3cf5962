"""Styles on white or cream paper, whose pixels lie at the bounds of the box: made here, not loaded."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["PAPER_STYLES"]


def _grid(size: int) -> tuple[Tensor, Tensor]:
    line = torch.linspace(0, 1, size)
    return torch.meshgrid(line, line, indexing="ij")


def _inked(size: int, paper: tuple[float, float, float], *layers: tuple[Tensor, tuple[float, float, float]]) -> Tensor:
    """Lay inks over paper, each where its mask is 1."""
    image = torch.tensor(paper).reshape(3, 1, 1).expand(3, size, size)
    for mask, ink in layers:
        image = torch.lerp(image, torch.tensor(ink).reshape(3, 1, 1).expand_as(image), mask.clamp(0, 1))
    return image[None].contiguous()


def _strokes(size: int, seed: int) -> Tensor:
    """Sixty curved pencil strokes."""
    generator = torch.Generator().manual_seed(seed)
    y, x = _grid(size)
    mask = torch.zeros(size, size)
    for _ in range(60):
        left, top, angle, bend, length = torch.rand(5, generator=generator).tolist()
        t = torch.linspace(0, 0.1 + 0.4 * length, 24)
        direction = angle * math.tau + (bend - 0.5) * 6 * t
        points = torch.stack([left + (direction.cos() * t), top + (direction.sin() * t)])
        for px, py in points.T.tolist():
            mask = torch.maximum(mask, 1.1 - size * torch.hypot(x - px, y - py))
    return mask


def sketch(size: int) -> Tensor:
    """Grey pencil on white paper."""
    return _inked(size, (1.0, 1.0, 1.0), (0.8 * _strokes(size, 0).clamp(0, 1), (0.15, 0.15, 0.17)))


def cream(size: int) -> Tensor:
    """Brown pencil on cream paper."""
    return _inked(size, (0.98, 0.96, 0.9), (_strokes(size, 1), (0.35, 0.2, 0.1)))


def logo(size: int) -> Tensor:
    """A blue ring and a red bar on white."""
    y, x = _grid(size)
    radius = torch.hypot(x - 0.5, y - 0.5)
    ring = torch.minimum(0.35 - radius, radius - 0.25) * size
    bar = torch.minimum(0.06 - (x - 0.5).abs(), 0.4 - (y - 0.5).abs()) * size
    return _inked(size, (1.0, 1.0, 1.0), (ring, (0.0, 0.25, 0.8)), (bar, (0.9, 0.1, 0.1)))


def engraving(size: int) -> Tensor:
    """Wavy lines that swell and thin, nearly black on nearly white."""
    y, x = _grid(size)
    tone = 0.5 + 0.5 * torch.sin(5 * x + 3 * torch.sin(4 * y))
    line = 0.5 + 0.5 * torch.sin(math.tau * size / 6 * (y + 0.03 * torch.sin(9 * x)))
    return _inked(size, (0.99, 0.98, 0.95), (6 * (0.9 * tone - line), (0.05, 0.04, 0.03)))


def print_(size: int) -> Tensor:
    """Black blots on white: every pixel at a bound."""
    noise = torch.randn(1, 1, size // 16, size // 16, generator=torch.Generator().manual_seed(3))
    blots = F.interpolate(noise, size=(size, size), mode="bicubic")[0, 0]
    return _inked(size, (1.0, 1.0, 1.0), (8 * blots, (0.0, 0.0, 0.0)))


PAPER_STYLES = {"sketch": sketch, "cream": cream, "logo": logo, "engraving": engraving, "print": print_}
"""Name to a function of the size in pixels that returns ``(1, 3, size, size)`` in [0, 1]."""
