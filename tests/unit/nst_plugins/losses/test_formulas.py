"""The losses against the formulas of the design, computed with plain numpy, and their additivity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core import Statistic, Tap, Term
from nst_core.objective.features import TileFeatures
from nst_core.objective.guides import Guides
from nst_core.objective.terms import bind
from nst_core.objective.tiling import Tiling
from nst_core.ops import gram
from nst_plugins.losses.gram_style import GramStyle
from nst_plugins.losses.mse_content import MseContent
from nst_plugins.losses.total_variation import TotalVariation

SHAPES = [(3, 4, 5), (1, 1, 1), (7, 9, 2), (16, 3, 3)]


def maps(shape: tuple[int, int, int], seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def averaged_gram(feature: torch.Tensor) -> np.ndarray:
    flat = feature[0].double().numpy().reshape(feature.shape[1], -1)
    return flat @ flat.T / flat.shape[1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("normalization", ["mean", "gatys", "relative"])
def test_style_loss_is_the_formula(shape, normalization):
    channels, height, width = shape
    pastiche, style = maps(shape, 0), maps((channels, height + 2, width + 1), 1)
    squares = ((averaged_gram(style) - averaged_gram(pastiche)) ** 2).sum()
    expected = {
        "mean": squares / channels**4,
        "gatys": squares / (4 * channels**2),
        "relative": squares / (averaged_gram(style) ** 2).sum(),
    }[normalization]
    loss = GramStyle(normalization)
    found = loss.criterion(loss.statistic(pastiche), loss.statistic(style), channels)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_gatys_normalization_is_the_brief_where_sizes_agree():
    n, m = 5, 12
    pastiche, style = maps((n, 3, 4), 0), maps((n, 3, 4), 1)
    a, b = (x[0].double().numpy().reshape(n, m) for x in (pastiche, style))
    brief = ((a @ a.T - b @ b.T) ** 2).sum() / (4 * n**2 * m**2)
    loss = GramStyle("gatys")
    assert float(loss.criterion(loss.statistic(pastiche), loss.statistic(style), n)) == pytest.approx(brief, rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_content_loss_is_the_formula(shape, reduction):
    pastiche, content = maps(shape, 0), maps(shape, 1)
    squares = (pastiche.double().numpy() - content.double().numpy()) ** 2
    expected = squares.mean() if reduction == "mean" else 0.5 * squares.sum()
    taps = {"l": Tap(shape[0], 1, 1)}
    term = bind("c", MseContent(reduction), Term("c", 1.0, ("l",)), taps)
    (whole,) = Tiling().tiles(*shape[1:])
    observed = term.accumulator(("l",))
    observed.add(TileFeatures(whole, {"l": content}, taps, shape[1:], {}))
    target = term.blend([observed.result()], [1.0], [Guides()])
    (found,) = term.judge(
        term.collect(TileFeatures(whole, {"l": pastiche}, taps, shape[1:], {}), target, Guides()), target
    )
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_nominal_channels_and_not_the_tensors_normalise():
    """A compact extractor returns fewer channels with the same squared norms; α and β must not notice."""
    pastiche, style = maps((4, 5, 5), 0), maps((4, 5, 5), 1)
    wide = [torch.cat([x, torch.zeros_like(x)], dim=1) for x in (pastiche, style)]
    for loss in (GramStyle("mean"), GramStyle("gatys")):
        narrow = loss.criterion(loss.statistic(pastiche), loss.statistic(style), 8)
        assert float(narrow) == pytest.approx(float(loss.criterion(*map(loss.statistic, wide), 8)), rel=1e-6)
    content = MseContent()
    assert content.scale(25.0, 8) * float(content.pointwise(pastiche, style)) == pytest.approx(
        float((wide[0] - wide[1]).square().mean()), rel=1e-5
    )


def test_total_variation_is_the_formula():
    image = torch.rand(2, 3, 6, 7, generator=torch.Generator().manual_seed(0))
    x = image.double().numpy()
    expected = (((x[:, :, 1:] - x[:, :, :-1]) ** 2).sum() + ((x[..., 1:] - x[..., :-1]) ** 2).sum()) / 42
    found = TotalVariation().density(image).mean(dim=(-2, -1)).sum()
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert not TotalVariation().density(torch.full((1, 3, 4, 4), 0.3)).any()


@settings(deadline=None, max_examples=40)
@given(
    channels=st.integers(1, 6),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    data=st.data(),
)
def test_statistic_of_a_map_is_the_sum_over_its_parts(channels, height, width, data):
    row, column = data.draw(st.integers(1, height - 1)), data.draw(st.integers(1, width - 1))
    weighted = data.draw(st.booleans())
    feature = maps((channels, height, width), data.draw(st.integers(0, 99)), torch.float64)
    weight = torch.rand(1, 1, height, width, dtype=torch.float64) if weighted else None
    loss = GramStyle()
    parts = [
        loss.statistic(feature[..., rows, columns], None if weight is None else weight[..., rows, columns])
        for rows in (slice(0, row), slice(row, None))
        for columns in (slice(0, column), slice(column, None))
    ]
    together = parts[0] + parts[1] + parts[2] + parts[3]
    whole = loss.statistic(feature, weight)
    torch.testing.assert_close(together.sums, whole.sums)
    torch.testing.assert_close(together.weight, whole.weight)
    torch.testing.assert_close(together.means(), whole.means())


def test_weight_zero_hides_positions_and_two_counts_twice():
    feature = maps((3, 2, 4), 0)
    weight = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]])[None, None]
    loss = GramStyle()
    torch.testing.assert_close(loss.statistic(feature, weight).means(), loss.statistic(feature[..., 2:]).means())
    torch.testing.assert_close(
        loss.statistic(feature, 2 * torch.ones(1, 1, 2, 4)).means(), loss.statistic(feature).means()
    )
    nothing = loss.statistic(feature, torch.zeros(1, 1, 2, 4))
    assert not nothing.means()[0].any()
    content = MseContent()
    hidden = content.pointwise(feature, torch.zeros_like(feature), weight)
    torch.testing.assert_close(hidden, feature[..., 2:].square().sum())


def test_losses_are_zero_at_their_target_and_finite_on_constant_maps():
    for feature in (maps((3, 4, 4), 0), torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)):
        for normalization in ("mean", "gatys", "relative"):
            loss = GramStyle(normalization)
            statistic = loss.statistic(feature)
            assert float(loss.criterion(statistic, statistic.detach(), 3)) == 0
        assert float(MseContent().pointwise(feature, feature)) == 0


def test_statistics_of_bfloat16_features_are_float32():
    feature = maps((8, 30, 30), 0).bfloat16()
    (gram,) = GramStyle().statistic(feature).sums
    assert gram.dtype == torch.float32
    exact = feature.double().flatten(2) @ feature.double().flatten(2).transpose(1, 2)
    assert float((gram.double() - exact).norm() / exact.norm()) < 1e-5


@pytest.mark.parametrize("normalization", ["mean", "gatys", "relative"])
def test_style_gradient(normalization):
    loss = GramStyle(normalization)
    target = loss.statistic(maps((3, 4, 4), 1, torch.float64))
    weight = torch.rand(1, 1, 3, 4, dtype=torch.float64)
    for mask in (None, weight):
        feature = maps((3, 3, 4), 0, torch.float64).requires_grad_()
        assert torch.autograd.gradcheck(lambda x, m=mask: loss.criterion(loss.statistic(x, m), target, 3), feature)


def test_content_and_regularizer_gradients():
    feature, target = maps((2, 3, 4), 0, torch.float64).requires_grad_(), maps((2, 3, 4), 1, torch.float64)
    assert torch.autograd.gradcheck(lambda x: MseContent().pointwise(x, target), feature)
    image = maps((3, 4, 5), 0, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: TotalVariation().density(x).sum(), image)


def test_batches_are_independent():
    one, two, style = maps((3, 4, 4), 0), maps((3, 4, 4), 1), maps((3, 5, 5), 2)
    loss = GramStyle()
    target = loss.statistic(style)
    both = loss.criterion(loss.statistic(torch.cat([one, two])), target, 3)
    apart = sum(loss.criterion(loss.statistic(x), target, 3) for x in (one, two))
    torch.testing.assert_close(both, apart)
    assert gram(torch.cat([one, two])).shape == (2, 3, 3)


def test_statistics_of_different_kinds_do_not_add():
    one = Statistic((torch.zeros(1, 2),), torch.ones(1))
    two = Statistic((torch.zeros(1, 2), torch.zeros(1)), torch.ones(1))
    with pytest.raises(ValueError, match="zip"):
        one + two
