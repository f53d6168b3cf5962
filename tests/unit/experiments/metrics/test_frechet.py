"""The Fréchet distance of normal distributions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.experiments.metrics import Moments, feature_moments, frechet_distance


def moments(mean: torch.Tensor, covariance: torch.Tensor) -> Moments:
    return Moments(mean.double(), covariance.double() + torch.outer(mean, mean).double())


def drawn(seed: int, positions: int = 50, channels: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=generator)
    return (mixing @ torch.randn(channels, positions, generator=generator))[None, :, :, None] + seed % 3


@settings(deadline=None)
@given(
    means=st.lists(st.floats(-2, 2), min_size=6, max_size=6),
    deviations=st.lists(st.floats(0.1, 3), min_size=6, max_size=6),
)
def test_independent_channels_have_the_known_distance(means, deviations):
    """The squared differences of means and of standard deviations, summed over channels."""
    mean, deviation = torch.tensor(means).reshape(2, 3), torch.tensor(deviations).reshape(2, 3)
    own, aim = (moments(mean[i], deviation[i].square().diag()) for i in (0, 1))
    squared = float((mean[0] - mean[1]).square().sum() + (deviation[0] - deviation[1]).square().sum())
    norm = float((deviation[1].square() + mean[1].square()).sum())
    assert frechet_distance(own, aim) == pytest.approx(squared / norm, abs=1e-3, rel=1e-3)


@settings(deadline=None)
@given(first=st.integers(0, 50), second=st.integers(51, 100))
def test_it_is_symmetric_but_for_its_divisor_and_zero_to_itself(first, second):
    own, aim = (feature_moments(drawn(seed)) for seed in (first, second))
    there = frechet_distance(own, aim) * float(aim.gram.trace())
    back = frechet_distance(aim, own) * float(own.gram.trace())
    assert there == pytest.approx(back, rel=1e-6)
    assert there > 0
    assert frechet_distance(own, own) == pytest.approx(0, abs=1e-9)


@settings(deadline=None)
@given(seed=st.integers(0, 50), scale=st.floats(0.01, 100))
def test_neither_scale_nor_rotation_of_the_features_matters(seed, scale):
    maps = [drawn(seed).double(), drawn(seed + 1).double()]
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(seed)).double())
    turned = [scale * torch.einsum("cd,bdhw->bchw", turn, x) for x in maps]
    distances = [frechet_distance(*(feature_moments(x) for x in pair)) for pair in (maps, turned)]
    assert distances[1] == pytest.approx(distances[0], rel=1e-6)


@pytest.mark.parametrize("positions", [1, 3])
def test_fewer_positions_than_channels_leave_it_finite(positions):
    own, aim = (feature_moments(drawn(seed, positions, 8)) for seed in (1, 2))
    assert 0 < frechet_distance(own, aim) < 100
    assert frechet_distance(own, own) == pytest.approx(0, abs=1e-6)


def test_no_features_at_all():
    nothing = feature_moments(torch.zeros(1, 4, 3, 3))
    other = feature_moments(drawn(1))
    assert frechet_distance(nothing, nothing) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(nothing, other) == pytest.approx(1, rel=0.01)
    assert frechet_distance(other, nothing) == pytest.approx(float(other.gram.trace()), rel=0.01)
