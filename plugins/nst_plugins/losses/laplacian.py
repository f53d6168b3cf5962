"""The Laplacian of the picture as content, Li et al., "Laplacian-steered neural style transfer", arXiv:1707.01253."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core import FeatureLoss
from nst_core.ops import to_accumulation

__all__ = ["Laplacian", "laplacian"]


def laplacian(image: Tensor, pool: int) -> Tensor:
    """Average cells of ``pool``² pixels, take the five-point Laplacian, and add up the channels.

    Args:
        image: ``(B, N, H, W)``, float32 or wider; beyond its border the cells go on as they are there.
        pool: side of a cell, at least 1.

    Returns:
        ``(B, ⌈H / pool⌉, ⌈W / pool⌉)``.
    """
    cells = F.avg_pool2d(image, pool, ceil_mode=True) if pool > 1 else image
    grey = F.pad(cells.sum(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")[:, 0]
    across = grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    down = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1]
    return across + down - 4 * grey[:, 1:-1, 1:-1]


class Laplacian(FeatureLoss):
    """Edges and fine detail of the photograph, in the pixels themselves; best together with ``mse-content``.

    The mean over cells of (D(x_C) - D(x_G))², D the Laplacian of the picture averaged over cells of ``pool``² pixels,
    the three channels added up: the Laplacian loss of the paper with a mean in place of the sum. The paper uses cells
    of 4 or 16 pixels.
    """

    role = "content"
    default_layers = ("pixels",)
    default_weight = 1e2

    def __init__(self, pool: int = 4) -> None:
        if pool < 1:
            raise ValueError(f"pool must be at least 1, not {pool}")
        self.pool = pool

    def forward(self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Compare the Laplacians of both images, summed over layers and batch."""
        losses = [
            (laplacian(to_accumulation(x), self.pool) - laplacian(to_accumulation(targets[layer]), self.pool))
            .square()
            .mean(dim=(1, 2))
            .sum()
            for layer, x in features.items()
        ]
        return torch.stack(losses).sum()
