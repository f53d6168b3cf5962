"""The pixels themselves."""

from __future__ import annotations

import torch

from nst_plugins.parametrizations.pixels import Pixels

IMAGE = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(0))


def test_an_image_comes_back_and_shares_no_memory():
    variable = Pixels().encode(IMAGE)
    assert torch.equal(Pixels().decode(variable), IMAGE)
    assert variable.data_ptr() != IMAGE.data_ptr()


def test_pixels_outside_of_the_box_are_shown_inside():
    outside = 3 * IMAGE - 1
    assert torch.equal(Pixels().decode(outside), outside.clamp(0, 1))


def test_an_optimizer_can_come_back_from_outside():
    """Where a step downhill leads back into the box, the gradient stays."""
    variable = torch.tensor([-0.5, -0.5, 0.5, 1.5, 1.5]).reshape(1, 1, 1, 5).expand(1, 3, 1, 5)
    gradient = torch.tensor([-1.0, 1.0, 1.0, 1.0, -1.0]).reshape(1, 1, 1, 5).expand(1, 3, 1, 5).clone()
    pulled = Pixels().pull_back(variable, gradient)
    assert pulled[0, 0, 0, [0, 2, 3]].tolist() == [-1.0, 1.0, 1.0]
