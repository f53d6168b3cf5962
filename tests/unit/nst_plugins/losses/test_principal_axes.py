"""The principal axes of a Gaussian against a plain eigendecomposition."""

from __future__ import annotations

import pytest
import torch

from nst_plugins.losses.principal_axes import principal_axes

FACTOR = torch.randn(1, 6, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
COVARIANCE = FACTOR @ FACTOR.transpose(1, 2) / 9


@pytest.mark.parametrize("rank", [1, 4, 6, 9, 0])
def test_the_strongest_axes_and_the_mean_of_the_rest(rank):
    found = principal_axes(torch.zeros(1, 6), COVARIANCE, rank)
    values = torch.linalg.eigvalsh(COVARIANCE)[0]
    kept = min(rank or 6, 6)
    torch.testing.assert_close(found.variances[0], values[6 - kept :])
    torch.testing.assert_close(found.axes[0].T @ found.axes[0], torch.eye(kept, dtype=torch.float64))
    torch.testing.assert_close(COVARIANCE[0] @ found.axes[0], found.axes[0] * found.variances[0])
    rest = values[: 6 - kept].mean() if kept < 6 else torch.zeros((), dtype=torch.float64)
    torch.testing.assert_close(found.rest[0], rest)


def test_rounding_makes_no_negative_variance():
    flat = torch.full((1, 5, 5), 1.0) - 1e-7 * torch.eye(5)
    found = principal_axes(torch.zeros(1, 5), flat, 3)
    assert (found.variances >= 0).all()
    assert (found.rest >= 0).all()
