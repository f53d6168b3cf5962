"""Sums over positions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.ops import sum_positions, to_accumulation, total_weight


def random(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize(
    ("dtype", "sums"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_sums_are_float32_or_wider(dtype, sums):
    values = random(2, 3, 4, 5, dtype=dtype)
    assert to_accumulation(values).dtype == sums
    assert total_weight(values).dtype == sums
    assert total_weight(values, torch.ones(1, 1, 4, 5, dtype=dtype)).dtype == sums


def test_what_is_wide_enough_is_not_copied():
    for dtype in (torch.float32, torch.float64):
        values = random(1, 1, 2, 2, dtype=dtype)
        assert to_accumulation(values) is values


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("height", "width"), [(3, 5), (64, 64), (97, 131)])
def test_sums_of_bfloat16_are_those_of_float64(height, width, layout):
    """Also where blocks of a large map are rounded before they are added up."""
    values = random(2, 5, height, width, dtype=torch.bfloat16).contiguous(memory_format=layout).requires_grad_()
    found = sum_positions(values)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), values.detach().double().sum(dim=(2, 3)), rtol=5e-4, atol=0)
    slope = random(2, 5).float()
    (gradient,) = torch.autograd.grad(found, values, slope)
    assert torch.equal(gradient, slope.bfloat16()[:, :, None, None].expand_as(values))


@pytest.mark.parametrize(("height", "width"), [(3, 5), (97, 131)])
def test_weighted_sums_of_bfloat16_are_those_of_float64(height, width):
    values = random(2, 5, height, width, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    weight = random(1, 1, height, width).bfloat16().float()
    values.requires_grad_()
    found = sum_positions(values, weight)
    expected = (values.detach().double() * weight.double()).sum(dim=(2, 3))
    torch.testing.assert_close(found.double(), expected, rtol=5e-4, atol=0)
    slope = random(2, 5).float()
    (gradient,) = torch.autograd.grad(found, values, slope)
    torch.testing.assert_close(gradient, (slope[:, :, None, None] * weight).bfloat16(), rtol=1e-2, atol=1e-3)


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(2, 6), st.data())
def test_sums_of_parts_add_up(batch, channels, height, width, data):
    values, weight = random(batch, channels, height, width), random(batch, 1, height, width) + 0.1
    cut = data.draw(st.integers(1, width - 1))
    whole, parts = sum_positions(values, weight), (slice(0, cut), slice(cut, None))
    torch.testing.assert_close(sum(sum_positions(values[..., p], weight[..., p]) for p in parts), whole)
    total = sum(total_weight(values[..., p], weight[..., p]) for p in parts)
    torch.testing.assert_close(total, total_weight(values, weight))


def test_no_weight_is_one_everywhere():
    values = random(2, 3, 4, 5)
    ones = torch.ones(2, 1, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(sum_positions(values), sum_positions(values, ones))
    assert total_weight(values).tolist() == total_weight(values, ones).tolist() == [20.0, 20.0]


def test_one_weight_serves_a_whole_batch():
    values, weight = random(3, 2, 4, 5), random(1, 1, 4, 5)
    assert total_weight(values, weight).shape == (3,)
    torch.testing.assert_close(sum_positions(values, weight), sum_positions(values, weight.expand(3, 1, 4, 5)))


def test_maps_without_positions_have_no_weight():
    assert total_weight(torch.zeros(2, 3, 0, 5)).tolist() == [0.0, 0.0]
