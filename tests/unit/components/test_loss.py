"""What the kinds of loss share: sums, means, blends, and who knows the statistic of a projected map."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core import FeatureLoss, PointwiseLoss, Statistic, StatisticLoss, WeightedMaps


def statistic(value: float, weight: float, batch: int = 1) -> Statistic:
    """A statistic with the mean ``value``."""
    total = torch.full((batch,), weight, dtype=torch.float64)
    sums = (torch.full((batch, 2), value * weight, dtype=torch.float64), total * value)
    return Statistic(sums, total)


def test_sums_and_weights_add_up():
    both = statistic(2.0, 3.0) + statistic(4.0, 1.0)
    assert float(both.weight) == 4.0
    assert both.means()[0].tolist() == [[2.5, 2.5]]
    assert both.means()[1].tolist() == [2.5]


def test_means_without_any_weight_are_zero_and_have_gradients():
    sums = torch.zeros(1, 2, requires_grad=True)
    (mean,) = Statistic((sums,), torch.zeros(1)).means()
    assert mean.tolist() == [[0.0, 0.0]]
    (gradient,) = torch.autograd.grad(mean.sum(), sums)
    assert gradient.isfinite().all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 100), st.floats(0.1, 1)), min_size=1, max_size=4))
def test_a_blend_has_the_weighted_means(parts):
    """However large the images are: the weight of positions has no influence."""
    total = sum(share for _, _, share in parts)
    shares = [share / total for _, _, share in parts]
    blend = Statistic.blend([statistic(value, weight) for value, weight, _ in parts], shares)
    expected = sum(share * value for share, (value, _, _) in zip(shares, parts, strict=True))
    for mean in blend.means():
        assert mean.flatten().tolist() == pytest.approx([expected] * mean.numel(), abs=1e-9)


def test_one_style_stays_as_it_is():
    only = statistic(2.0, 3.0)
    assert Statistic.blend([only], [1.0]) is only


def test_a_detached_statistic_has_no_graph():
    value = torch.ones(1, 2, requires_grad=True)
    found = Statistic((value * 2,), value.sum(1)).detach()
    assert not found.sums[0].requires_grad
    assert not found.weight.requires_grad


class Plain(StatisticLoss):
    def statistic(self, feature, weight=None):
        return Statistic((feature.sum((2, 3)),), torch.ones(len(feature)))

    def criterion(self, statistic, target, channels):
        raise NotImplementedError


class Knowing(Plain):
    def projected_statistic(self, projection, feature, weight=None):
        raise NotImplementedError


class Forgetful(Knowing):
    """Another statistic: what the base knows of its own does not hold."""

    def statistic(self, feature, weight=None):
        raise NotImplementedError


class Both(Forgetful):
    def statistic(self, feature, weight=None):
        raise NotImplementedError

    def projected_statistic(self, projection, feature, weight=None):
        raise NotImplementedError


def test_who_has_a_projected_statistic():
    found = {cls: cls().has_projected_statistic for cls in (Plain, Knowing, Forgetful, Both)}
    assert found == {Plain: False, Knowing: True, Forgetful: False, Both: True}


def test_without_one_the_projection_is_computed():
    feature = torch.rand(1, 3, 2, 2)
    found = Plain().projected_statistic(lambda x: 2 * x, feature)
    torch.testing.assert_close(found.sums[0], 2 * feature.sum((2, 3)))


class Distance(FeatureLoss):
    def forward(self, features, targets):
        return (features["a"].mean() - targets["a"].mean()).square()


def test_a_loss_on_whole_maps_blends_its_values():
    maps = [
        WeightedMaps({"a": torch.full((1, 1, 2, 2), value)}, weight) for value, weight in ((1.0, 0.25), (3.0, 0.75))
    ]
    assert float(Distance().forward_blend({"a": torch.zeros(1, 1, 2, 2)}, maps)) == 0.25 * 1 + 0.75 * 9


def test_a_pointwise_loss_is_a_plain_sum_unless_it_says_otherwise():
    class Sum(PointwiseLoss):
        def pointwise(self, feature, target, weight=None):
            raise NotImplementedError

    assert Sum().scale(100.0, 3) == 1.0
