"""Linear maps from the student's taps to the teacher's, by least squares."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["linear_maps"]

RIDGE = 1e-5


@torch.no_grad()
def linear_maps(
    student: nn.Module, teacher: nn.Module, layers: tuple[str, ...], images: Iterable[Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Fit a map for every tap, and print the share of the teacher's energy that it misses.

    Args:
        student: from an image to its taps, one for each of ``layers``.
        teacher: the same of the teacher.
        layers: names of the taps.
        images: ``(1, 3, H, W)`` in [0, 1]; each counts the same.

    Returns:
        Weight ``(N, C)`` and bias ``(N,)`` of each tap, float64.
    """
    regressions = {layer: _Regression() for layer in layers}
    for image in images:
        for layer, s, t in zip(layers, student(image), teacher(image), strict=True):
            regressions[layer].add(s, t)
    found = {}
    for layer, regression in regressions.items():
        weight, bias, missed = regression.solve()
        print(f"{layer} misses {missed:.4f}", flush=True)
        found[layer] = (weight, bias)
    return found


class _Regression:
    """Least squares from the student's tap to the teacher's, from sums over positions."""

    def __init__(self) -> None:
        self.inputs: Tensor | None = None
        self.products: Tensor | None = None
        self.energy = 0.0

    def add(self, student: Tensor, teacher: Tensor) -> None:
        """Take in feature maps ``(1, C, H, W)`` and ``(1, N, H, W)``; one image."""
        s = student[0].float().flatten(1)
        s = torch.cat((s, torch.ones_like(s[:1])))
        t = teacher[0].float().flatten(1)
        count = s.shape[1]
        inputs, products = s @ s.T / count, t @ s.T / count
        self.inputs = inputs.double() if self.inputs is None else self.inputs + inputs
        self.products = products.double() if self.products is None else self.products + products
        self.energy += float(t.square().sum(dtype=torch.float64)) / count

    def solve(self) -> tuple[Tensor, Tensor, float]:
        """Return weight ``(N, C)``, bias ``(N,)`` and the share of the teacher's energy that is missed."""
        assert self.inputs is not None and self.products is not None  # noqa: S101
        ridge = RIDGE * self.inputs.diagonal().mean() * torch.eye(len(self.inputs), dtype=torch.float64)
        both = torch.linalg.solve(self.inputs + ridge, self.products.T).T
        missed = self.energy - 2 * float((both * self.products).sum()) + float(((both @ self.inputs) * both).sum())
        return both[:, :-1], both[:, -1], missed / self.energy
