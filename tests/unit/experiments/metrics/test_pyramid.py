"""Which sizes are compared, and the mean over them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.experiments.metrics import feature_moments, octaves, pyramid_distance


def test_full_half_and_quarter_size():
    assert octaves((384, 512), (406, 512), 16) == [
        ((384, 512), (406, 512)),
        ((192, 256), (203, 256)),
        ((96, 128), (102, 128)),
    ]


def test_octaves_too_small_for_the_network_are_left_out():
    assert octaves((192, 256), (256, 203), 16)[-1] == ((96, 128), (128, 102))
    assert octaves((256, 256), (256, 100), 16) == [((256, 256), (256, 100))]  # the painting's side would be 50
    assert octaves((3, 3), (3, 3), 16) == [((3, 3), (3, 3))]


@settings(deadline=None)
@given(height=st.integers(1, 3000), width=st.integers(1, 3000), stride=st.sampled_from([1, 2, 4, 8, 16]))
def test_every_octave_but_the_first_has_four_positions(height, width, stride):
    sizes = octaves((height, width), (width, height), stride)
    assert sizes[0] == ((height, width), (width, height))
    assert all(min(*own, *other) >= 4 * stride for own, other in sizes[1:])
    assert [max(own) for own, _ in sizes] == sorted((max(own) for own, _ in sizes), reverse=True)


def test_the_distance_is_the_mean_of_squares():
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, 3, 6, 6, generator=generator) for _ in range(4)]
    first, second, third, fourth = (feature_moments(x) for x in maps)

    def squared(a, b):
        return float((a.gram - b.gram).square().sum() / b.gram.square().sum())

    found = pyramid_distance([{"a": first}, {"a": second}], [{"a": third}, {"a": fourth}])
    assert found == pytest.approx((squared(first, third) + squared(second, fourth)) / 2)
    assert pyramid_distance([{"a": first, "b": second}], [{"a": first, "b": second}]) == 0
