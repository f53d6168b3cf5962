"""SSIM of images and of edges."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.experiments.metrics import edge_ssim, ssim
from nst_core.experiments.metrics.similarity import luma


def image(seed: int, height: int = 20, width: int = 24) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("measure", [ssim, edge_ssim])
@settings(deadline=None)
@given(seed=st.integers(0, 50), height=st.integers(1, 30), width=st.integers(1, 30))
def test_it_is_one_for_equal_images_and_less_for_others_at_any_size(measure, seed, height, width):
    first, second = image(seed, height, width), image(seed + 1, height, width)
    assert measure(first, first) == pytest.approx(1, abs=1e-4)
    assert -1 <= measure(first, second) <= 1 + 1e-6
    assert measure(second, first) == pytest.approx(measure(first, second), abs=1e-5)


def test_two_flat_images_have_the_index_of_the_paper():
    """Without variance there is only the comparison of means, (2 μ₁ μ₂ + C₁) / (μ₁² + μ₂² + C₁) with C₁ = 0.01²."""
    first, second = torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.6)
    assert ssim(first, second) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), rel=1e-3)
    assert edge_ssim(first, second) == pytest.approx(1)


def test_luma_weighs_green_most():
    colours = torch.eye(3)[:, :, None, None]
    assert luma(colours).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_edges_are_where_the_picture_changes_whatever_its_shades():
    steps = torch.zeros(1, 3, 24, 24)
    steps[..., 12:] = 0.5
    other = torch.zeros(1, 3, 24, 24)
    other[..., 12:, :] = 0.5
    assert edge_ssim(1 - steps, steps) == pytest.approx(1, abs=1e-5)
    assert edge_ssim(steps + 0.3, steps) == pytest.approx(1, abs=1e-3)
    assert edge_ssim(other, steps) < 0.6
    assert ssim(1 - steps, steps) < 0.5
