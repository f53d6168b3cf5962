"""The luminance as variable; the conformance kit checks the rest."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_plugins.parametrizations.luminance import Luminance
from nst_plugins.ycbcr import luminance

IMAGE = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(0))


class Decoded(torch.autograd.Function):
    """The decoded image, with the gradient that the parametrization says."""

    @staticmethod
    def forward(ctx, variable: Tensor) -> Tensor:
        ctx.save_for_backward(variable)
        return Luminance().decode(variable)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return Luminance().pull_back(*ctx.saved_tensors, gradient)


def test_one_value_a_pixel_is_decoded_to_grey():
    variable = Luminance().encode(IMAGE)
    assert variable.shape == (1, 1, 6, 5)
    found = Luminance().decode(variable)
    assert torch.equal(found, luminance(IMAGE).repeat(1, 3, 1, 1))
    assert torch.equal(Luminance().decode(3 * variable - 1)[:, :1], (3 * variable - 1).clamp(0, 1))


def test_the_gradient_is_the_vector_jacobian_product():
    variable = (0.1 + 0.8 * IMAGE[:, :1].double()).requires_grad_()
    weights = torch.randn(1, 3, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(Decoded.apply, variable)
    assert torch.autograd.gradcheck(lambda v: (weights * Decoded.apply(v).square()).sum(), variable)


def test_the_gradient_passes_the_bounds():
    gradient = torch.ones(1, 3, 1, 3)
    outside = torch.tensor([-0.5, 0.5, 1.5]).reshape(1, 1, 1, 3)
    assert Luminance().pull_back(outside, gradient).flatten().tolist() == [3.0, 3.0, 3.0]
