"""Linear maps of every position."""

from __future__ import annotations

import pytest
import torch

from nst_core.ops import Projection


def projection(dtype: torch.dtype) -> Projection:
    generator = torch.Generator().manual_seed(0)
    return Projection(torch.randn(4, 3, generator=generator).to(dtype), torch.randn(4, generator=generator).to(dtype))


def test_every_position_is_mapped_by_itself():
    mapped = projection(torch.float64)
    feature = torch.rand(2, 3, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.einsum("kn,bnhw->bkhw", mapped.weight, feature) + mapped.bias[:, None, None]
    torch.testing.assert_close(mapped(feature), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_the_affine_matrix_is_weight_and_bias_wide_enough_to_sum(dtype):
    mapped = projection(dtype)
    assert mapped.affine.shape == (4, 4)
    assert mapped.affine.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(mapped.affine[:, :3], mapped.weight.to(mapped.affine.dtype))
    torch.testing.assert_close(mapped.affine[:, 3], mapped.bias.to(mapped.affine.dtype))
    assert mapped.affine is mapped.affine
