"""Mask files for tests."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

__all__ = ["part", "saved_mask", "soft"]


def part(height: int, width: int, rows: slice = slice(None), columns: slice = slice(None)) -> Tensor:
    """Return a mask ``(height, width)`` that is one in a rectangle."""
    mask = torch.zeros(height, width)
    mask[rows, columns] = 1.0
    return mask


def soft(height: int, width: int, seed: int = 0) -> Tensor:
    """Return a mask ``(height, width)`` with every grey, smooth."""
    small = torch.rand(1, 1, 3, 4, generator=torch.Generator().manual_seed(seed))
    large = torch.nn.functional.interpolate(small, size=(height, width), mode="bilinear", align_corners=True)
    return (large[0, 0] * 1.6 - 0.3).clamp(0, 1)


def saved_mask(path: Path, mask: Tensor) -> str:
    """Save a mask ``(H, W)`` in [0, 1] with 8 bits."""
    Image.fromarray(mask.mul(255).round().byte().numpy()).save(path)
    return str(path)
