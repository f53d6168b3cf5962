"""Guides: how a region's positions count at a layer, and what the terms of an objective make of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import LAYERS, TinyExtractor, plugin, tiny_registry
from torch import Tensor

from nst_core import (
    Component,
    FeatureLoss,
    JobError,
    Objective,
    PointwiseLoss,
    Session,
    StatisticLoss,
    Tap,
    TargetImage,
    make_job,
)
from nst_core.objective.binding import bind_terms
from nst_core.objective.guides import Guides, guide, shares_of
from nst_core.objective.tiling import Tiling

REGISTRY = tiny_registry()
BY_KIND = {
    kind: [e.name for e in REGISTRY.entries("loss") if issubclass(e.cls, kind) and e.cls.role == "style"]
    for kind in (StatisticLoss, FeatureLoss)
}
STYLES = [name for names in BY_KIND.values() for name in names]

taps = st.builds(lambda stride, more: Tap(4, stride, stride + more), st.sampled_from([1, 2, 4, 8]), st.integers(0, 20))
masks = st.builds(
    lambda height, width, seed, sharp: _mask(height, width, seed, sharp),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 999),
    st.booleans(),
)


def _mask(height: int, width: int, seed: int, sharp: bool) -> Tensor:
    values = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed))
    return (values > 0.3).float() if sharp else values


def image(height: int, width: int, seed: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


CONTENT, STYLE = image(24, 32, 0), image(28, 20, 1)
LEFT = torch.zeros(1, 1, 24, 32)
LEFT[..., :12] = 1.0


def objective_of(*losses: str, regions: list[Guides] | None = None, registry=REGISTRY, dtype=torch.float32):
    """Return an objective of style losses on the tiny network, with regions of the pastiche."""
    job = make_job(
        CONTENT, STYLE, session=Session(registry), extractor="tiny", plugins=list(losses), without=["mse-content"]
    )
    extractor = TinyExtractor()
    layers = [layer for layer in LAYERS if any(layer in term.layers for term in job.terms)]
    return Objective(
        extractor.build(layers).to(dtype),
        layers,
        bind_terms(job, registry, extractor),
        taps=extractor.taps(),
        regions={"style": regions} if regions else {},
    )


def with_styles(objective: Objective, *styles: tuple[Tensor, Guides], start: Tensor = CONTENT):
    images = [TargetImage(pixels, region=number, guides=guides) for number, (pixels, guides) in enumerate(styles)]
    return objective.targets({"style": images}, start=start)


# The guide of a mask


@given(masks, taps, st.sampled_from(["simple", "inside"]))
@settings(deadline=None)
def test_a_guide_has_a_value_for_every_position(mask, tap, mode):
    found = guide(mask, tap, mode)
    assert found.shape == (1, 1, -(-mask.shape[-2] // tap.stride), -(-mask.shape[-1] // tap.stride))
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


@given(masks, taps)
@settings(deadline=None)
def test_what_lies_inside_counts_at_most_as_much_as_its_area(mask, tap):
    assert bool((guide(mask, tap, "inside") <= guide(mask, tap, "simple") + 1e-6).all())


@given(st.integers(1, 5), st.integers(1, 5), taps, st.integers(0, 999))
@settings(deadline=None)
def test_areas_add_up_to_the_area_of_the_mask(rows, columns, tap, seed):
    mask = _mask(rows * tap.stride, columns * tap.stride, seed, False)
    found = guide(mask, tap).double().sum() * tap.stride**2
    assert float(found) == pytest.approx(float(mask.double().sum()), rel=1e-5)


@given(st.integers(1, 40), st.integers(1, 40), taps, st.sampled_from(["simple", "inside"]))
@settings(deadline=None)
def test_everything_is_everything_and_nothing_nothing(height, width, tap, mode):
    """To the last bit, at the borders of any size, too."""
    ones = torch.ones(1, 1, height, width)
    assert torch.equal(guide(ones, tap, mode), torch.ones_like(guide(ones, tap, mode)))
    assert not guide(torch.zeros_like(ones), tap, mode).any()


@given(masks, taps)
@settings(deadline=None)
def test_a_mask_and_the_rest_share_every_position(mask, tap):
    both = guide(mask, tap) + guide(1 - mask, tap)
    torch.testing.assert_close(both, torch.ones_like(both))


def test_inside_is_where_the_receptive_field_is():
    """Eight pixels with stride 2: three beyond the two of its own, on both sides."""
    mask = torch.zeros(1, 1, 2, 40)
    mask[..., 10:26] = 1.0
    found = guide(mask, Tap(6, 2, 8), "inside")[0, 0, 0]
    assert found.nonzero().flatten().tolist() == [7, 8, 9, 10]  # pixels 14 to 21, which see 11 to 24
    assert guide(mask, Tap(6, 2, 8), "simple")[0, 0, 0].nonzero().flatten().tolist() == [*range(5, 13)]


def test_a_region_that_no_receptive_field_fits_into_is_cut_by_area():
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 6:10, 6:10] = 1.0
    tap = Tap(8, 4, 18)
    assert torch.equal(guide(mask, tap, "inside"), guide(mask, tap))
    assert guide(mask, tap).any()


@pytest.mark.parametrize("name", BY_KIND[StatisticLoss])
def test_inside_sees_nothing_of_what_lies_outside(name):
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., :64] = 1.0
    for mode, blind in (("inside", True), ("simple", False)):
        objective = objective_of(name, regions=[Guides(mask, 1.0, mode)])
        gradient = objective.evaluate(image(64, 96, 3), with_styles(objective, (STYLE, Guides()))).gradient
        assert bool((gradient[..., 64:] == 0).all()) is blind
        assert gradient[..., :40].any()


def test_the_weight_of_a_position_is_its_squared_guide():
    mask, tap = _mask(16, 24, 1, False), Tap(6, 2, 8)
    guides = Guides(mask)
    exact = guide(mask, tap).square()
    assert torch.equal(guides.weight(tap), exact)
    assert torch.equal(guides.weight(tap, torch.bfloat16), exact.bfloat16().float())
    assert guides.weight(tap) is guides.weight(tap)
    assert Guides().weight(tap) is None


def test_a_region_counts_by_its_share_of_the_area_times_its_weight():
    assert shares_of([LEFT, 1 - LEFT], [1.0, 2.0]) == pytest.approx([12 / 32, 2 * 20 / 32])


# What terms make of it


@pytest.mark.parametrize("name", BY_KIND[StatisticLoss])
def test_the_statistics_of_parts_add_up_to_the_whole(name):
    loss = REGISTRY.create("loss", Component(name))
    maps = TinyExtractor().build(list(LAYERS))(CONTENT)
    for tap, feature in zip(LAYERS.values(), maps, strict=True):
        found = [loss.statistic(feature, Guides(mask).weight(tap)) for mask in (LEFT, 1 - LEFT)]
        both, whole = found[0] + found[1], loss.statistic(feature)
        torch.testing.assert_close(both.weight, whole.weight)
        for one, other in zip(both.sums, whole.sums, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("mode", ["simple", "inside"])
@pytest.mark.parametrize("size", [(24, 32), (25, 31)])
def test_a_region_that_is_everything_equals_none(name, mode, size):
    pixels = image(*size, 4)
    plain, whole = objective_of(name), objective_of(name, regions=[Guides(torch.ones(1, 1, *size), 1.0, mode)])
    everything = Guides(torch.ones(1, 1, 28, 20), 1.0, mode)
    expected = plain.evaluate(pixels, with_styles(plain, (STYLE, Guides()), start=pixels))
    for guides in (Guides(), everything):
        found = whole.evaluate(pixels, with_styles(whole, (STYLE, guides), start=pixels))
        torch.testing.assert_close(found.losses, expected.losses, rtol=1e-4, atol=0)
        assert float((found.gradient - expected.gradient).norm()) <= 1e-4 * float(expected.gradient.norm())


@pytest.mark.parametrize("name", STYLES)
def test_two_regions_of_one_style_add_up_by_their_shares(name):
    shares = shares_of([LEFT, 1 - LEFT], [1.0, 3.0])
    alone = [objective_of(name, regions=[Guides(mask)]) for mask in (LEFT, 1 - LEFT)]
    values = [float(each(CONTENT, with_styles(each, (STYLE, Guides()))).total) for each in alone]
    both = objective_of(name, regions=[Guides(m, s) for m, s in zip((LEFT, 1 - LEFT), shares, strict=True)])
    found = both(CONTENT, with_styles(both, (STYLE, Guides()), (STYLE, Guides())))
    assert float(found.total) == pytest.approx(shares[0] * values[0] + shares[1] * values[1], rel=1e-4)


@pytest.mark.parametrize("name", STYLES)
def test_what_a_style_mask_leaves_out_does_not_matter(name):
    """Beyond a receptive field of what it takes."""
    mask = torch.zeros(1, 1, 48, 64)
    mask[..., :24] = 1.0
    one, other = image(48, 64, 5), image(48, 64, 6)
    other[..., :44] = one[..., :44]
    objective = objective_of(name, regions=[Guides(LEFT)])
    found = [objective(CONTENT, with_styles(objective, (style, Guides(mask)))).losses for style in (one, other)]
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", STYLES)
def test_a_region_at_the_border_that_no_position_sees_is_no_nan(name):
    """The deep layers have no position for the last row and columns of an odd size."""
    mask = torch.zeros(1, 1, 27, 35)
    mask[..., 32:] = 1.0
    objective = objective_of(name, regions=[Guides(mask)])
    pixels = image(27, 35, 3)
    found = objective.evaluate(pixels, with_styles(objective, (STYLE, Guides()), start=pixels))
    assert torch.isfinite(found.losses).all()
    assert torch.isfinite(found.gradient).all()


@pytest.mark.parametrize("name", BY_KIND[StatisticLoss])
def test_the_gradient_is_that_of_finite_differences(name):
    soft = _mask(8, 12, 1, False)
    objective = objective_of(name, regions=[Guides(soft, 0.4), Guides(1 - soft, 0.6, "inside")], dtype=torch.float64)
    styles = (STYLE.double(), Guides(_mask(28, 20, 2, False))), (STYLE.double().flip(3), Guides())
    targets = with_styles(objective, *styles)
    pixels = image(8, 12, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: objective(x, targets).total.log(), pixels, atol=1e-4)
    (slope,) = torch.autograd.grad(objective(pixels, targets).total, pixels)
    torch.testing.assert_close(objective.evaluate(pixels, targets).gradient, slope)


@pytest.mark.parametrize("name", BY_KIND[StatisticLoss])
def test_tiles_add_up_to_the_whole(name):
    soft = _mask(80, 90, 1, False)
    regions = [Guides(soft, 0.4), Guides(1 - soft, 0.6, "inside")]
    objective = objective_of(name, regions=regions)
    tiling = Tiling.of(LAYERS.values(), max_pixels=50 * 50)
    style, pixels, part = image(70, 101, 2), image(80, 90, 3), Guides(_mask(70, 101, 5, False))
    found = []
    for cut in (None, tiling):
        images = [TargetImage(style, guides=part), TargetImage(style, region=1)]
        targets = objective.targets({"style": images}, tiling=cut)
        found.append(objective.evaluate(pixels, targets, tiling=cut))
    whole, tiled = found
    torch.testing.assert_close(tiled.losses, whole.losses, rtol=1e-5, atol=1e-5 * float(whole.losses.max()))
    assert float((tiled.gradient - whole.gradient).norm()) <= 1e-5 * float(whole.gradient.norm())


@pytest.mark.parametrize("name", STYLES)
def test_a_batch_is_the_sum_of_its_images(name):
    if getattr(REGISTRY.create("loss", Component(name)), "has_level_targets", False):
        pytest.skip("its targets are of one image")
    objective = objective_of(name, regions=[Guides(LEFT)])
    targets = with_styles(objective, (STYLE, Guides()))
    pixels = [image(24, 32, seed) for seed in (3, 4)]
    apart = sum(objective(each, targets).losses for each in pixels)
    torch.testing.assert_close(objective(torch.cat(pixels), targets).losses, apart, rtol=1e-4, atol=0)


class Differences(PointwiseLoss):
    """The mean of squares of differences, of a style of the pastiche's own size."""

    role = "style"

    def pointwise(self, feature, target, weight=None):
        squares = (feature - target).square()
        return (squares if weight is None else squares * weight).sum()

    def scale(self, positions, channels):
        return 1 / (positions * channels)


class Blind(FeatureLoss):
    """Knows nothing of weights."""

    def forward(self, features, targets):
        return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)


OTHERS = tiny_registry(("others", plugin(losses={"differences": Differences, "blind": Blind})))


def test_a_loss_on_positions_is_the_mean_over_a_region():
    left, plain = (
        objective_of("differences", regions=[Guides(LEFT)], registry=OTHERS),
        objective_of("differences", registry=OTHERS),
    )
    style, pixels = image(24, 32, 7), image(24, 32, 8)
    found = left(torch.cat([pixels, pixels]), with_styles(left, (style, Guides()))).losses
    weights = [Guides(LEFT).weight(tap) for tap in LAYERS.values()]
    maps = zip(*(TinyExtractor().build(list(LAYERS))(each) for each in (pixels, style)), weights, strict=True)
    expected = [2 * float(((f - s).square() * w).sum() / (w.sum() * f.shape[1])) for f, s, w in maps]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    everything = objective_of("differences", regions=[Guides(torch.ones_like(LEFT))], registry=OTHERS)
    one, other = (each(pixels, with_styles(each, (style, Guides()))).losses for each in (everything, plain))
    torch.testing.assert_close(one, other)


def test_a_loss_that_takes_no_weights_has_no_regions():
    with pytest.raises(JobError, match="'blind' compares whole feature maps and knows no regions; use a loss on stat"):
        objective_of("blind", regions=[Guides(LEFT)], registry=OTHERS)
    assert objective_of("blind", registry=OTHERS).untileable == ("blind",)


def test_every_region_needs_a_style():
    objective = objective_of("gram-style", regions=[Guides(LEFT), Guides(1 - LEFT)])
    with pytest.raises(JobError, match="'gram-style' needs a style image"):
        with_styles(objective, (STYLE, Guides()))
