"""A frame is told from none."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.experiments.metrics import rim_ratio
from nst_core.experiments.metrics.rim import relative_rim


def texture(seed: int, height: int = 200, width: int = 260) -> torch.Tensor:
    noise = torch.rand(1, 3, height + 4, width + 4, generator=torch.Generator().manual_seed(seed))
    return F.avg_pool2d(noise, 5, stride=1)


def framed(picture: torch.Tensor, wide: int, frame: torch.Tensor | float) -> torch.Tensor:
    inside = torch.zeros_like(picture, dtype=torch.bool)
    inside[..., wide:-wide, wide:-wide] = True
    return torch.where(inside, picture, frame)


@settings(deadline=None)
@given(first=st.integers(0, 100), second=st.integers(101, 200))
def test_two_textures_without_a_frame_are_about_one(first, second):
    assert 0.7 < relative_rim(texture(first), texture(second)) < 1.4


@pytest.mark.parametrize("wide", [1, 2, 3, 4])
@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_a_flat_frame_stands_out(wide, shade):
    assert relative_rim(framed(texture(0), wide, shade), texture(0)) > 3


@pytest.mark.parametrize("wide", [1, 2, 4])
def test_a_frame_of_noise_and_a_darker_rim_stand_out(wide):
    picture = texture(0)
    noise = torch.rand(picture.shape, generator=torch.Generator().manual_seed(9))
    assert relative_rim(framed(picture, wide, noise), picture) > 3
    assert relative_rim(framed(picture, wide, picture * 0.5), picture) > 3


def test_a_wide_frame_is_flat():
    """Wider than the rim and not wider than the band beside it."""
    assert relative_rim(framed(texture(0), 8, 0.5), texture(0)) < 0.2


def test_another_contrast_of_the_whole_picture_is_no_frame():
    picture = texture(3)
    assert relative_rim(0.5 + 0.5 * (picture - 0.5), picture) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (4, 4), (5, 7), (30, 12)])
def test_small_and_flat_pictures_have_a_ratio(size):
    assert rim_ratio(torch.full((1, 3, *size), 0.4)) == 1
    assert relative_rim(torch.rand(1, 3, *size), torch.zeros(1, 3, *size)) > 0
