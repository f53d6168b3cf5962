"""Laws of a :class:`nst_core.PointwiseLoss`."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from nst_core.components import PointwiseLoss
from nst_core.testing.check import close
from nst_core.testing.samples import CHANNELS, Cut, cuts, feature_map, quietly, weights_of
from nst_core.testing.values import COMMON, value_of

__all__ = ["LAWS"]


def sums_over_positions(loss: PointwiseLoss) -> None:
    """The sum over a map is the sum over its parts, wherever it is cut and whatever the weights: tile = whole."""

    @quietly
    @given(cut=cuts(), seed=st.integers(0, 99), weighted=st.booleans())
    def additive(cut: Cut, seed: int, weighted: bool) -> None:
        height, width, row, column = cut
        feature, target = feature_map(height, width, seed), feature_map(height, width, seed + 100)
        weight = weights_of(height, width, seed) if weighted else None
        parts = [
            loss.pointwise(feature[at], target[at], None if weight is None else weight[at])
            for rows in (slice(0, row), slice(row, None))
            for at in ((..., rows, slice(0, column)), (..., rows, slice(column, None)))
        ]
        what = f"{height}×{width} cut at row {row} and column {column}{' with weights' if weighted else ''}"
        close(torch.stack(parts).sum(), loss.pointwise(feature, target, weight), what)

    additive()


def splits_weights(loss: PointwiseLoss) -> None:
    """Weights that add up give losses that add up, and weight zero hides a position."""

    @quietly
    @given(seed=st.integers(0, 99))
    def additive(seed: int) -> None:
        feature, target = feature_map(seed=seed), feature_map(seed=seed + 100)
        one, two = weights_of(4, 5, seed), weights_of(4, 5, seed + 100)
        together = loss.pointwise(feature, target, one) + loss.pointwise(feature, target, two)
        close(together, loss.pointwise(feature, target, one + two), "two weights and their sum")
        plain, ones = loss.pointwise(feature, target), loss.pointwise(feature, target, torch.ones_like(one))
        close(plain, ones, "no weights and weights of one")
        hidden = torch.ones_like(one)
        hidden[..., :2] = 0
        found = loss.pointwise(feature, target, hidden)
        close(found, loss.pointwise(feature[..., 2:], target[..., 2:]), "hidden positions and a smaller map")

    additive()


def has_the_right_gradient_with_weights(loss: PointwiseLoss) -> None:
    """With weights of positions, too, its gradient is the one of finite differences."""
    weight, target = weights_of(4, 5, 1), feature_map(seed=1)
    torch.autograd.gradcheck(lambda x: loss.pointwise(x, target, weight), feature_map().requires_grad_())


def normalises_by_the_nominal_channels(loss: PointwiseLoss) -> None:
    """Channels of zeros change nothing: what normalises is the argument ``channels``, not the tensor's shape."""
    feature, target = feature_map(), feature_map(seed=1)
    wide = [torch.cat([x, torch.zeros_like(x)], dim=1) for x in (feature, target)]
    found = loss.pointwise(wide[0], wide[1]) * loss.scale(20.0, CHANNELS)
    close(found, value_of(loss, feature, target), "with and without channels of zeros", 1e-6)


LAWS = (
    *COMMON,
    sums_over_positions,
    splits_weights,
    has_the_right_gradient_with_weights,
    normalises_by_the_nominal_channels,
)
"""All that is demanded of a pointwise loss."""
