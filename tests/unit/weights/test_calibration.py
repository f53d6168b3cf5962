"""Generated images, and measuring features on them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nst_core import dead_leaves, tap_rms


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_dead_leaves_are_images_and_repeatable():
    image = dead_leaves(96, 128, generator())
    assert image.shape == (1, 3, 96, 128)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < 0.1
    assert 0.9 < image.max() <= 1
    assert torch.equal(image, dead_leaves(96, 128, generator()))
    assert not torch.equal(image, dead_leaves(96, 128, generator(1)))


def test_dead_leaves_have_areas_and_edges():
    """Most neighbours are nearly equal, some differ a lot: unlike noise, like photographs."""
    image = dead_leaves(256, 320, generator())
    difference = (image[..., 1:] - image[..., :-1]).abs().amax(dim=1)
    assert (difference < 0.02).float().mean() > 0.6
    assert (difference > 0.2).float().mean() > 0.02
    # Next to nothing is left of the grey ground.
    assert ((image - 0.5).abs().amax(dim=1) < 1e-6).float().mean() < 0.005


def test_tap_rms_is_over_all_images_channels_and_positions():
    class Net(nn.Module):
        def forward(self, image):
            return [image, image[:, :1, ::2, ::2] * 3]

    images = [torch.full((1, 3, 4, 4), 1.0), torch.full((2, 3, 4, 4), 2.0)]
    rms = tap_rms(Net(), ["a", "b"], images)
    assert rms == pytest.approx({"a": 3**0.5, "b": 3 * 3**0.5})
    with pytest.raises(ValueError, match="at least one"):
        tap_rms(Net(), ["a", "b"], [])
