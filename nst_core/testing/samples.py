"""Seeded feature maps and images, and ways to cut them up."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from torch import Tensor

__all__ = ["CHANNELS", "SIZES", "Cut", "cuts", "feature_map", "image", "quietly", "weights_of"]

CHANNELS = 3
"""Of all sampled feature maps: as few as an image has, so that a loss on pixels can be checked too."""

SIZES = ((1, 1), (1, 5), (7, 1), (2, 3), (9, 16))
"""Heights and widths that every loss must take."""

Cut = tuple[int, int, int, int]

quietly = settings(
    phases=[phase for phase in Phase if phase is not Phase.explain],
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=list(HealthCheck),
)
"""How hypothesis is run: the same examples every time, nothing written to disk, no search for what else might fail."""


def feature_map(
    height: int = 4, width: int = 5, seed: int = 0, *, batch: int = 1, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Return normal numbers ``(batch, 3, height, width)`` of unit RMS."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, CHANNELS, height, width, generator=generator, dtype=torch.float64).to(dtype)


def image(height: int, width: int, seed: int = 0, *, batch: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return uniform pixels ``(batch, 3, height, width)`` in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, height, width, generator=generator, dtype=torch.float64).to(dtype)


def weights_of(height: int, width: int, seed: int) -> Tensor:
    """Return weights of positions ``(1, 1, height, width)``, some of them zero."""
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(1, 1, height, width, generator=generator, dtype=torch.float64) - 0.5).clamp_min(0)


def cuts() -> st.SearchStrategy[Cut]:
    """Draw height, width, and a row and column to cut at."""
    sides = st.integers(2, 9).flatmap(lambda side: st.tuples(st.just(side), st.integers(1, side - 1)))
    return st.tuples(sides, sides).map(lambda pair: (pair[0][0], pair[1][0], pair[0][1], pair[1][1]))
