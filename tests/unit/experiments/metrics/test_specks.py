"""Specks are counted, and what is no speck is not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.experiments.metrics import speck_share


def smooth(shade: float = 0.5) -> torch.Tensor:
    ramp = torch.linspace(-0.2, 0.2, 40).expand(3, 30, 40) + shade
    return ramp[None].clamp(0, 1)


@settings(deadline=None)
@given(seed=st.integers(0, 100), share=st.sampled_from([0.0, 0.005, 0.01, 0.03]))
def test_salt_and_pepper_is_counted(seed, share):
    generator = torch.Generator().manual_seed(seed)
    hit = torch.zeros(30, 40, dtype=torch.bool)
    hit[2:-2, 2:-2] = torch.rand(26, 36, generator=generator) < share
    values = torch.randint(0, 2, (int(hit.sum()),), generator=generator).float()
    noisy = smooth()
    noisy[..., hit] = values
    assert speck_share(smooth()) == 0
    assert speck_share(noisy) == pytest.approx(float(hit.float().mean()), abs=1e-6)


def test_a_coloured_speck_counts_once_whichever_channels_are_clipped():
    picture = smooth()
    picture[0, :, 10, 10] = torch.tensor([1.0, 0.0, 0.5])
    picture[0, :, 20, 30] = torch.tensor([0.5, 0.5, 1.0])
    assert speck_share(picture) == pytest.approx(2 / 1200)


@pytest.mark.parametrize("value", [0.9, 0.1])
def test_outstanding_pixels_that_are_not_clipped_do_not_count(value):
    picture = smooth()
    picture[..., 10, 10] = value
    assert speck_share(picture) == 0


def test_clipped_areas_and_edges_are_no_specks():
    for shade in (0.0, 1.0):
        assert speck_share(torch.full((1, 3, 20, 20), shade)) == 0
    halves = torch.zeros(1, 3, 20, 20)
    halves[..., 10:] = 1
    assert speck_share(halves) == 0
    assert speck_share(smooth(0.95)) == 0
