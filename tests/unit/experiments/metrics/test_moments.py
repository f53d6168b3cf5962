"""Mean and Gram matrix of feature maps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.experiments.metrics import Moments, feature_moments
from nst_core.experiments.metrics import moments as module
from nst_core.experiments.metrics.moments import relative_gram_distance
from nst_core.ops import gram_reference


def feature(seed: int, height: int = 5, width: int = 7) -> torch.Tensor:
    return torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(seed)) + 0.5


@settings(deadline=None)
@given(seed=st.integers(0, 100), height=st.integers(1, 9), width=st.integers(1, 9))
def test_moments_are_means_over_positions(seed, height, width):
    maps = feature(seed, height, width)
    found = feature_moments(maps)
    values = maps[0].flatten(1).double()
    assert found.mean.dtype == found.gram.dtype == torch.float64
    torch.testing.assert_close(found.mean, values.mean(dim=1))
    torch.testing.assert_close(found.gram, gram_reference(maps.double())[0] / (height * width))
    torch.testing.assert_close(found.covariance, torch.cov(values, correction=0).reshape(4, 4))


def test_a_map_of_many_positions_is_summed_in_blocks(monkeypatch):
    whole = feature_moments(feature(1))
    monkeypatch.setattr(module, "_BLOCK", 8)
    for own, other in zip(feature_moments(feature(1)), whole, strict=True):
        torch.testing.assert_close(own, other)


def test_the_distance_of_gram_matrices_is_relative():
    first, second = (feature_moments(feature(seed)) for seed in (1, 2))
    expected = float((first.gram - second.gram).norm() / second.gram.norm())
    assert relative_gram_distance(first, second) == pytest.approx(expected)
    assert relative_gram_distance(first, first) == 0
    nothing = Moments(torch.zeros(4).double(), torch.zeros(4, 4).double())
    assert relative_gram_distance(nothing, second) == pytest.approx(1)
    assert relative_gram_distance(first, nothing) == pytest.approx(float(first.gram.norm()))
