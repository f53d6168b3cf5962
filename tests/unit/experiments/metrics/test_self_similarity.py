"""Which places are like which."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.experiments.metrics import self_similarity_distance
from nst_plugins.losses.self_similarity_content import SelfSimilarityContent


def feature(seed: int, height: int = 6, width: int = 7) -> torch.Tensor:
    return torch.randn(1, 5, height, width, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(seed=st.integers(0, 50), height=st.integers(1, 9), width=st.integers(1, 9))
def test_it_is_between_nothing_and_two_and_symmetric(seed, height, width):
    own, aim = feature(seed, height, width), feature(seed + 1, height, width)
    found = self_similarity_distance(own, aim)
    assert 0 <= found <= 2 + 1e-5
    assert self_similarity_distance(aim, own) == pytest.approx(found)
    assert self_similarity_distance(own, own) == 0


def test_turning_and_brightening_all_features_alike_changes_nothing():
    own, aim = feature(1), feature(2)
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))
    turned = 3 * torch.einsum("cd,bdhw->bchw", turn, own)
    assert self_similarity_distance(turned, aim) == pytest.approx(self_similarity_distance(own, aim), rel=1e-4)


@pytest.mark.parametrize("positions", [1, 10, 1024])
def test_it_is_what_the_loss_of_the_paper_measures(positions):
    own, aim = feature(1, 12, 16), feature(2, 12, 16)
    loss = SelfSimilarityContent(positions=positions).forward({"a": own}, {"a": aim})
    assert self_similarity_distance(own, aim, positions) == pytest.approx(float(loss), abs=1e-5)


def test_another_layout_is_far_and_other_colours_are_not():
    """Left and right differ, in other features; and above and below."""
    left = torch.zeros(1, 4, 8, 8)
    left[:, 0, :, :4], left[:, 1, :, 4:] = 1, 1
    others = torch.zeros(1, 4, 8, 8)
    others[:, 2, :, :4], others[:, 3, :, 4:] = 2, 5
    assert self_similarity_distance(others, left) == pytest.approx(0, abs=1e-4)
    assert self_similarity_distance(left.transpose(2, 3), left) == pytest.approx(1, abs=0.05)


def test_features_of_one_direction_are_no_division_by_zero():
    flat = torch.ones(1, 5, 4, 4)
    for one in (flat, torch.zeros_like(flat)):
        assert 0 <= self_similarity_distance(one, feature(1, 4, 4)) <= 2
        assert self_similarity_distance(one, one) == 0
