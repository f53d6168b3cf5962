"""Laws of a :class:`nst_core.StatisticLoss`: what makes tiles, masks and blends of styles exact."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nst_core.components import Statistic, StatisticLoss
from nst_core.ops import Projection
from nst_core.testing.check import NotApplicable, close, require
from nst_core.testing.samples import CHANNELS, Cut, cuts, feature_map, quietly, weights_of
from nst_core.testing.values import COMMON, target_of, value_of

__all__ = ["LAWS"]


def sums_over_positions(loss: StatisticLoss) -> None:
    """The statistic of a map is the sum of the statistics of its parts, wherever it is cut and whatever the weights."""

    @quietly
    @given(cut=cuts(), seed=st.integers(0, 99), weighted=st.booleans())
    def additive(cut: Cut, seed: int, weighted: bool) -> None:
        height, width, row, column = cut
        feature = feature_map(height, width, seed)
        weight = weights_of(height, width, seed) if weighted else None
        whole = loss.statistic(feature, weight)
        parts = _parts(loss, feature, weight, row, column)
        what = f"{height}×{width} cut at row {row} and column {column}{' with weights' if weighted else ''}"
        _same(parts, whole, what)

    additive()


def splits_weights(loss: StatisticLoss) -> None:
    """Weights that add up give statistics that add up: a mask and its complement make the whole."""

    @quietly
    @given(seed=st.integers(0, 99))
    def additive(seed: int) -> None:
        feature, one, two = feature_map(seed=seed), weights_of(4, 5, seed), weights_of(4, 5, seed + 100)
        together = loss.statistic(feature, one) + loss.statistic(feature, two)
        _same(together, loss.statistic(feature, one + two), "two weights and their sum")
        _same(loss.statistic(feature), loss.statistic(feature, torch.ones_like(one)), "no weights and weights of one")

    additive()


def carries_its_weight(loss: StatisticLoss) -> None:
    """The statistic says the total weight of its positions; weight zero hides a position and alters nothing else."""
    feature, weight = feature_map(batch=2), weights_of(4, 5, 3).expand(2, -1, -1, -1)
    close(loss.statistic(feature).weight, torch.full((2,), 20.0, dtype=torch.float64), "weight and number of positions")
    close(loss.statistic(feature, weight).weight, weight.sum(dim=(1, 2, 3)), "weight and the sum of the weights")
    hidden = torch.ones_like(weight)
    hidden[..., :2] = 0
    _same(loss.statistic(feature, hidden), loss.statistic(feature[..., 2:]), "hidden positions and a smaller map")
    nothing = loss.statistic(feature, torch.zeros_like(weight))
    value = loss.criterion(nothing, target_of(loss, feature_map(seed=1)), CHANNELS)
    require(torch.isfinite(value), f"without any weight the loss is {float(value)}")


def sums_in_float32(loss: StatisticLoss) -> None:
    """The sums are float32 or wider for bfloat16 features, float64 for float64 ones, and begin with the batch."""
    for dtype, allowed in (
        (torch.bfloat16, (torch.float32, torch.float64)),
        (torch.float32, (torch.float32, torch.float64)),
        (torch.float64, (torch.float64,)),
    ):
        for weight in (None, weights_of(4, 5, 0).float().expand(2, -1, -1, -1)):
            found = loss.statistic(feature_map(batch=2, dtype=dtype), weight)
            for tensor in (*found.sums, found.weight):
                require(tensor.dtype in allowed, f"from {dtype} features a sum is {tensor.dtype}")
                require(tensor.shape[:1] == (2,), f"a sum has shape {tuple(tensor.shape)} for a batch of 2")


def is_the_same_in_tiles(loss: StatisticLoss) -> None:
    """Value and gradient from tiles are those from the whole map."""
    target = target_of(loss, feature_map(6, 3, 1))
    leaf = feature_map(6, 7).requires_grad_()
    whole = loss.criterion(loss.statistic(leaf), target, CHANNELS)
    tiled = loss.criterion(_parts(loss, leaf, None, 2, 3), target, CHANNELS)
    close(tiled, whole, "tiles and whole", 1e-7)
    (one,), (other,) = (torch.autograd.grad(value, leaf) for value in (tiled, whole))
    close(one, other, "gradients from tiles and whole", 1e-6)


def has_the_right_gradient_with_weights(loss: StatisticLoss) -> None:
    """With weights of positions, too, its gradient is the one of finite differences."""
    weight, target = weights_of(4, 5, 1), target_of(loss, feature_map(6, 3, 1))
    torch.autograd.gradcheck(
        lambda x: loss.criterion(loss.statistic(x, weight), target, CHANNELS), feature_map().requires_grad_()
    )


def normalises_by_the_nominal_channels(loss: StatisticLoss) -> None:
    """Channels of zeros change nothing: what normalises is the argument ``channels``, not the tensor's shape."""
    feature, target = feature_map(), feature_map(6, 3, 1)
    wide = [torch.cat([x, torch.zeros_like(x)], dim=1) for x in (feature, target)]
    found = loss.criterion(loss.statistic(wide[0]), target_of(loss, wide[1]), CHANNELS)
    close(found, value_of(loss, feature, target), "with and without channels of zeros", 1e-3)


def projected_statistic(loss: StatisticLoss) -> None:
    """``projected_statistic`` of a projection and a map is the statistic of the projected map."""
    if not loss.has_projected_statistic:
        raise NotApplicable("it is given the maps themselves")
    generator = torch.Generator().manual_seed(0)
    weight, bias = (
        torch.randn(shape, generator=generator).double() for shape in ((CHANNELS + 1, CHANNELS), (CHANNELS + 1,))
    )
    projection = Projection(weight, bias)
    target = target_of(loss, projection(feature_map(6, 3, 1)))
    for positions in (None, weights_of(4, 5, 1)):
        leaf = feature_map().requires_grad_()
        found, expected = (
            loss.projected_statistic(projection, leaf, positions),
            loss.statistic(projection(leaf), positions),
        )
        _same(found, expected, "the projected statistic and that of the projected map")
        (one,), (other,) = (torch.autograd.grad(loss.criterion(s, target, CHANNELS), leaf) for s in (found, expected))
        close(one, other, "gradients of the projected statistic and of that of the projected map", 1e-6)


def _parts(loss: StatisticLoss, feature: Tensor, weight: Tensor | None, row: int, column: int) -> Statistic:
    parts = [
        loss.statistic(feature[..., rows, columns], None if weight is None else weight[..., rows, columns])
        for rows in (slice(0, row), slice(row, None))
        for columns in (slice(0, column), slice(column, None))
    ]
    return parts[0] + parts[1] + parts[2] + parts[3]


def _same(found: Statistic, expected: Statistic, what: str) -> None:
    close(found.weight, expected.weight, f"weights of {what}")
    for one, other in zip(found.sums, expected.sums, strict=True):
        close(one, other, what)


LAWS = (
    *COMMON,
    sums_over_positions,
    splits_weights,
    carries_its_weight,
    sums_in_float32,
    is_the_same_in_tiles,
    has_the_right_gradient_with_weights,
    normalises_by_the_nominal_channels,
    projected_statistic,
)
"""All that is demanded of a statistic loss."""
