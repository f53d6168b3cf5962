"""Targets: blends of several styles as means of statistics, whatever the sizes and the tiles, and their cache."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from tiny import LAYERS, TinyExtractor, plugin, tiny_registry
from torch import Tensor

from nst_core import (
    FeatureLoss,
    Job,
    JobError,
    Objective,
    Resources,
    Run,
    Session,
    StatisticLoss,
    TargetImage,
    Targets,
    make_job,
    run,
)
from nst_core.objective.binding import bind_terms
from nst_core.runtime.cache import Cache
from nst_plugins.losses.gram_style import GramStyle

BUILTIN = tiny_registry()
OPTIONS = {"extractor": "tiny", "precision": "fp32", "device": "cpu"}
STATISTICS = [
    e.name
    for e in BUILTIN.entries("loss")
    if issubclass(e.cls, StatisticLoss)
    and e.cls.role == "style"
    and e.cls.prepared_target is StatisticLoss.prepared_target
]


def image(height: int, width: int, seed: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def smooth(height: int, width: int, seed: int) -> Tensor:
    small = image(4, 5, seed)
    return torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 1)


CONTENT, ONE, OTHER = smooth(24, 32, 0), smooth(32, 20, 1), 0.5 * smooth(32, 26, 2)


def job_of(styles: list[Tensor], registry=BUILTIN, **options) -> Job:
    return make_job(CONTENT, styles, session=Session(registry), **{**OPTIONS, **options})


def objective_of(*losses: str, registry=BUILTIN, dtype: torch.dtype = torch.float32) -> Objective:
    """Return an objective of style losses on the tiny network."""
    job = job_of([ONE], registry, plugins=list(losses), without=["mse-content"])
    extractor = TinyExtractor()
    layers = [layer for layer in LAYERS if any(layer in term.layers for term in job.terms)]
    network = extractor.build(layers).to(dtype)
    return Objective(network, layers, bind_terms(job, registry, extractor), taps=extractor.taps())


def blended(objective: Objective, *images: tuple[Tensor, float], **more) -> Targets:
    return objective.targets({"style": [TargetImage(pixels, share) for pixels, share in images]}, **more)


def features(pixels: Tensor) -> dict[str, Tensor]:
    maps = TinyExtractor().build(list(LAYERS)).to(pixels.dtype)(pixels)
    return {layer: found[0].flatten(1) for layer, found in zip(LAYERS, maps, strict=True)}


# A blend is the mean of means


def gram_moments(f: Tensor) -> tuple[Tensor, ...]:
    return (f @ f.T / f.shape[1],)


def channel_moments(f: Tensor) -> tuple[Tensor, ...]:
    return f.mean(1), f.square().mean(1)


def cross_moments(f: Tensor) -> tuple[Tensor, ...]:
    return f.mean(1), f @ f.T / f.shape[1]


MOMENTS = {
    "gram-style": gram_moments,
    "covariance-style": cross_moments,
    "mean-std-style": channel_moments,
    "w2-style": cross_moments,
}


def test_every_statistic_is_tested():
    assert set(MOMENTS) == {*STATISTICS, "w2-style"}  # whose targets are no statistics any more


def test_a_target_is_prepared_from_the_blend():
    """Of the blended moments, once: covariances themselves are not linear."""
    shares = (0.7, 0.3)
    objective = objective_of("w2-style:rank=0", dtype=torch.float64)
    ((target,),) = blended(objective, (ONE.double(), shares[0]), (OTHER.double(), shares[1])).by_term
    for layer in LAYERS:
        moments = [cross_moments(features(pixels.double())[layer]) for pixels in (ONE, OTHER)]
        mean, second = (sum(s * m for s, m in zip(shares, both, strict=True)) for both in zip(*moments, strict=True))
        aim = target[layer]
        torch.testing.assert_close(aim.mean[0], mean)
        torch.testing.assert_close((aim.axes * aim.variances[:, None]) @ aim.axes.mT, (second - mean.outer(mean))[None])


@pytest.mark.parametrize("name", STATISTICS)
def test_a_blend_is_the_mean_of_means_by_share(name):
    """Of images of different sizes, where a sum would be the larger one's."""
    shares = (0.7, 0.3)
    objective = objective_of(name, dtype=torch.float64)
    one, other = ONE.double(), OTHER.double()
    ((target,),) = blended(objective, (one, shares[0]), (other, shares[1])).by_term
    found = [features(one), features(other)]
    for layer in LAYERS:
        expected = [
            sum(share * moment for share, moment in zip(shares, moments, strict=True))
            for moments in zip(*(MOMENTS[name](maps[layer]) for maps in found), strict=True)
        ]
        for mean, wanted in zip(target[layer].means(), expected, strict=True):
            torch.testing.assert_close(mean[0], wanted, rtol=1e-9, atol=1e-12)


def direct_gram(f: Tensor, target: tuple[Tensor, ...], channels: int) -> Tensor:
    return (f @ f.T / f.shape[1] - target[0]).square().sum() / channels**4


def direct_covariance(f: Tensor, target: tuple[Tensor, ...], channels: int) -> Tensor:
    mean, second = target
    aim, own = second - torch.outer(mean, mean), torch.cov(f, correction=0)
    return (own - aim).square().sum() / channels**2 + (f.mean(1) - mean).square().sum() / channels


def direct_mean_std(f: Tensor, target: tuple[Tensor, ...], channels: int) -> Tensor:
    mean, square = target
    aim, own = (square - mean.square() + 1e-5).sqrt(), (f.var(1, correction=0) + 1e-5).sqrt()
    return ((f.mean(1) - mean).square().sum() + (own - aim).square().sum()) / channels


def root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ values.clamp_min(0).sqrt().diag() @ vectors.T


def direct_w2(f: Tensor, target: tuple[Tensor, ...], channels: int) -> Tensor:
    mean, second = target
    noise = 0.01 * torch.eye(len(mean), dtype=f.dtype)
    aim, own = second - torch.outer(mean, mean) + noise, torch.cov(f, correction=0) + noise
    half = root(own)
    return ((f.mean(1) - mean).square().sum() + (own + aim - 2 * root(half @ aim @ half)).trace()) / channels


@pytest.mark.parametrize(
    ("name", "direct"),
    [
        ("gram-style", direct_gram),
        ("covariance-style", direct_covariance),
        ("mean-std-style", direct_mean_std),
        ("w2-style", direct_w2),
    ],
)
def test_a_loss_compares_with_the_blend(name, direct):
    """The criterion of the mean of means, which is not the mean of the criteria."""
    objective = objective_of(name, dtype=torch.float64)
    one, other, content = ONE.double(), OTHER.double(), CONTENT.double()
    found = objective(content, blended(objective, (one, 0.6), (other, 0.4)))
    maps = [features(one), features(other)]
    for (_, layer), loss in zip(objective.labels, found.losses, strict=True):
        moments = zip(*(MOMENTS[name](each[layer]) for each in maps), strict=True)
        target = tuple(0.6 * a + 0.4 * b for a, b in moments)
        expected = direct(features(content)[layer], target, LAYERS[layer].channels)
        torch.testing.assert_close(loss, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", STATISTICS)
def test_a_style_blended_with_itself_is_that_style(name):
    objective = objective_of(name)
    ((alone,),), ((equal,),) = (
        blended(objective, *images).by_term for images in ([(ONE, 1.0)], [(ONE, 0.5), (ONE, 0.5)])
    )
    for layer in LAYERS:
        for mean, wanted in zip(equal[layer].means(), alone[layer].means(), strict=True):
            torch.testing.assert_close(mean, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", STATISTICS)
def test_styles_weigh_by_their_shares_and_not_by_their_areas(name):
    """A style that is repeated four times has four times the positions, and nothing else (but at its seams)."""
    objective = objective_of(name, dtype=torch.float64)
    flat = torch.full((1, 3, 16, 16), 0.2, dtype=torch.float64)
    large = torch.nn.functional.interpolate(flat, size=(256, 256))

    def first_mean(*images: tuple[Tensor, float]) -> Tensor:
        return blended(objective, *images).by_term[0][0]["a"].means()[0]

    shared = first_mean((large, 0.5), (ONE.double(), 0.5))
    expected = 0.5 * first_mean((large, 1.0)) + 0.5 * first_mean((ONE.double(), 1.0))
    torch.testing.assert_close(shared, expected)
    by_area = 256 * 256 / (256 * 256 + 28 * 20)
    wrong = by_area * first_mean((large, 1.0)) + (1 - by_area) * first_mean((ONE.double(), 1.0))
    assert float((shared - wrong).norm()) > 0.1 * float(wrong.norm())


# Runs


@pytest.mark.parametrize("plugins", [[name] for name in STATISTICS] + [["swd-style"]])
def test_a_share_of_one_is_that_style_alone(plugins):
    """Bit for bit, whatever the other image is."""
    options = {"plugins": plugins, "steps": 4, "init": "content"}
    alone = run(job_of([ONE], **options), content=CONTENT, styles=[ONE], session=Session(BUILTIN))
    for shares, styles in (([1, 0], [ONE, OTHER]), ([0, 2.5], [OTHER, ONE])):
        job = job_of(styles, blend=shares, **options)
        blend = run(job, content=CONTENT, styles=styles, session=Session(BUILTIN))
        assert torch.equal(blend.image, alone.image)
        assert blend.history == alone.history


def test_shares_are_relative():
    results = [
        run(job_of([ONE, OTHER], blend=blend, steps=3), content=CONTENT, styles=[ONE, OTHER], session=Session(BUILTIN))
        for blend in ([1, 1], [3, 3], [1, 3])
    ]
    assert torch.equal(results[0].image, results[1].image)
    assert not torch.equal(results[0].image, results[2].image)


@pytest.mark.parametrize("name", STATISTICS)
def test_blends_are_exact_in_tiles(name):
    styles, content = [image(90, 75, 1), 0.4 * image(70, 101, 2)], image(80, 90, 3)
    job = make_job(
        content, styles, session=Session(BUILTIN), plugins=[name], blend=[0.3, 0.7], **{**OPTIONS, "size": 128}
    )
    found = []
    for tile in ("off", 50):
        prepared = Session(BUILTIN).prepare(job, content=content, styles=styles, resources=Resources(tile))
        problem = prepared.problem()
        assert (len(problem.tiling.tiles(*styles[0].shape[-2:])) > 1) == (tile == 50)
        found.append(problem.evaluate(image(80, 90, 4))[0])
    whole, tiled = found
    torch.testing.assert_close(tiled.losses, whole.losses, rtol=1e-5, atol=1e-5 * float(whole.losses.max()))
    assert float((tiled.gradient - whole.gradient).norm()) <= 1e-5 * float(whole.gradient.norm())


# Losses on whole maps


class Means(FeatureLoss):
    def forward(self, features, targets):
        return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)


class Nearest(Means):
    """Its own blend: the distance to the nearest image. Notes what it was given."""

    given: ClassVar[list[list[tuple[float, dict[str, tuple[int, ...]]]]]] = []

    def forward_blend(self, features, targets):
        shapes = [(one.weight, {k: tuple(f.shape) for k, f in one.maps.items()}) for one in targets]
        type(self).given.append(shapes)
        return torch.stack([self.forward(features, target.maps) for target in targets]).min()


MEANS = tiny_registry(("means", plugin(losses={"means": Means, "nearest": Nearest})))


def test_a_loss_on_whole_maps_is_the_mean_over_the_images_by_share():
    objective = objective_of("means", registry=MEANS, dtype=torch.float64)
    one, other, content = ONE.double(), OTHER.double(), CONTENT.double()
    (found,) = objective(content, blended(objective, (one, 0.8), (other, 0.2))).losses
    alone = [objective(content, blended(objective, (style, 1.0))).losses[0] for style in (one, other)]
    torch.testing.assert_close(found, 0.8 * alone[0] + 0.2 * alone[1])
    assert not torch.isclose(alone[0], alone[1])


def test_a_loss_on_whole_maps_may_blend_in_its_own_way(monkeypatch):
    monkeypatch.setattr(Nearest, "given", [])
    objective = objective_of("nearest", registry=MEANS)
    (found,) = objective(CONTENT, blended(objective, (ONE, 0.8), (OTHER, 0.2))).losses
    alone = [objective(CONTENT, blended(objective, (style, 1.0))).losses[0] for style in (ONE, OTHER)]
    assert found == min(alone)
    shapes = [
        {layer: (1, t.channels, h // t.stride, w // t.stride) for layer, t in LAYERS.items()}
        for h, w in ((32, 20), (32, 26))
    ]
    assert Nearest.given[0] == [(0.8, shapes[0]), (0.2, shapes[1])]
    assert [len(targets) for targets in Nearest.given] == [2, 1, 1]


def test_an_image_without_a_share_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(Nearest, "given", [])
    job = job_of([ONE, OTHER], MEANS, plugins=["nearest"], blend=[0, 1], steps=1)
    run(job, content=CONTENT, styles=[ONE, OTHER], session=Session(MEANS))
    assert {tuple(weight for weight, _ in targets) for targets in Nearest.given} == {(1.0,)}


class Departure(Means):
    """The distance of the means to those of the start and of the content image. Notes how often it was asked."""

    asked = 0

    def level_targets(self, targets, start, content):
        type(self).asked += 1
        return {
            layer: torch.cat([maps[layer].mean((2, 3), keepdim=True) for maps in (targets, start, content or targets)])
            for layer in targets
        }

    def forward(self, features, targets):
        return sum((features[k].mean((2, 3), keepdim=True) - targets[k]).square().sum() for k in features)


DEPARTURE = tiny_registry(("departure", plugin(losses={"departure": Departure})))


def test_targets_of_a_level_are_made_from_its_start_and_the_content():
    objective = objective_of("departure", registry=DEPARTURE)
    content, style = [TargetImage(CONTENT)], [TargetImage(ONE, 0.75), TargetImage(OTHER, 0.25)]
    start = smooth(24, 32, 5)
    targets = objective.targets({"content": content, "style": style}, start=start)
    means = objective_of("means", registry=MEANS)
    apart = [float(means(CONTENT, blended(means, (other, 1.0))).losses) for other in (ONE, OTHER, start, CONTENT)]
    found = float(objective(CONTENT, targets).losses)
    assert found == pytest.approx(0.75 * apart[0] + 0.25 * apart[1] + apart[2] + apart[3], rel=1e-5)
    without = objective.targets({"style": style}, start=start)
    assert float(objective(CONTENT, without).losses) == pytest.approx(1.5 * apart[0] + 0.5 * apart[1] + apart[2], 1e-5)


def test_targets_of_a_level_need_its_start():
    objective = objective_of("departure", registry=DEPARTURE)
    with pytest.raises(JobError, match="the targets of 'departure' depend on the image that a level starts from"):
        objective.targets({"style": [TargetImage(ONE)]})


def test_a_run_makes_the_targets_of_a_level_once(monkeypatch):
    monkeypatch.setattr(Departure, "asked", 0)
    job = job_of([ONE], DEPARTURE, plugins=["departure"], steps=8, size=32, levels=(20, 32))
    prepared = Session(DEPARTURE).prepare(job, content=CONTENT, styles=[ONE])
    before = Departure.asked  # the plan of its memory asks too
    Run(prepared).exhaust()
    assert Departure.asked == before + 2


def test_the_targets_of_a_level_are_those_of_its_own_start():
    """Though the session caches what does not depend on it."""
    job = job_of([ONE], DEPARTURE, plugins=["departure"], size=32)
    prepared = Session(DEPARTURE).prepare(job, content=CONTENT, styles=[ONE])
    variables = [smooth(24, 32, seed) for seed in (6, 7)]
    one, other, again = (prepared.problem(start=variables[n]).evaluate()[0].losses for n in (0, 1, 0))
    assert not torch.equal(one, other)
    assert torch.equal(one, again)


def test_positions_have_one_target():
    from nst_plugins.losses.mse_content import MseContent

    class Pointwise(MseContent):
        role = "style"

    registry = tiny_registry(("points", plugin(losses={"points": Pointwise})))
    with pytest.raises(JobError, match="'points' compares every position with its own target and cannot blend 2"):
        blended(objective_of("points", registry=registry), (CONTENT, 0.5), (CONTENT.flip(3), 0.5))


def test_a_style_that_is_not_given_is_an_error():
    objective = objective_of("gram-style")
    for images in ({}, {"style": []}, {"style": [TargetImage(ONE, 0.0)]}, {"content": [TargetImage(ONE)]}):
        with pytest.raises(JobError, match="'gram-style' needs a style image, but none is given"):
            objective.targets(images)


# The cache


class Counting(GramStyle):
    """Counts statistics by their layer's channels and number of positions."""

    calls: ClassVar[Counter[tuple[int, int]]] = Counter()

    def statistic(self, feature, weight=None):
        if not feature.requires_grad and not torch.is_grad_enabled():
            type(self).calls[feature.shape[1], feature.shape[2] * feature.shape[3]] += 1
        return super().statistic(feature, weight)


COUNTING = tiny_registry(("counting", plugin(losses={"counting": Counting})))


@pytest.fixture
def calls(monkeypatch) -> Counter[tuple[int, int]]:
    monkeypatch.setattr(Counting, "calls", Counter())
    return Counting.calls


def expected_calls(*images: Tensor, layers: str = "abc") -> Counter[tuple[int, int]]:
    return Counter(
        (LAYERS[k].channels, (i.shape[2] // LAYERS[k].stride) * (i.shape[3] // LAYERS[k].stride))
        for i in images
        for k in layers
    )


def problem_of(session: Session, styles: list[Tensor], **options) -> None:
    job = job_of(styles, COUNTING, plugins=["counting"], **options)
    session.prepare(job, content=CONTENT, styles=styles, resources=Resources(tile="off")).problem()


def test_the_statistics_of_every_style_are_computed_once(calls):
    third = smooth(32, 24, 5)
    session = Session(COUNTING)
    problem_of(session, [ONE, OTHER])
    assert calls == expected_calls(ONE, OTHER)
    problem_of(session, [OTHER, third], blend=[0.9, 0.1])
    assert calls == expected_calls(ONE, OTHER, third)
    problem_of(session, [third, ONE, OTHER], content_weight=3)
    assert calls == expected_calls(ONE, OTHER, third)


def test_a_layer_that_is_new_is_added(calls):
    session = Session(COUNTING)
    problem_of(session, [ONE], style_layers=["a"])
    problem_of(session, [ONE], style_layers=["a", "c"])
    assert calls == expected_calls(ONE, layers="ac")


def test_another_size_or_parameter_or_image_is_computed_anew(calls):
    session = Session(COUNTING)
    for options in ({}, {"style_scale": 0.5}, {"plugins": ["counting:normalization=relative"]}):
        job = job_of([ONE], COUNTING, **{"plugins": ["counting"], **options})
        session.prepare(job, content=CONTENT, styles=[ONE], resources=Resources(tile="off")).problem()
    assert sum(calls.values()) == 9
    problem_of(session, [ONE.flip(3)])
    assert sum(calls.values()) == 12


def test_cached_targets_are_those_that_are_computed():
    objective, cache = objective_of(*STATISTICS), Cache()
    images = {"style": [TargetImage(ONE, 0.4, "one"), TargetImage(OTHER, 0.6, "other")]}
    fresh = objective.targets(images)
    for _ in range(2):
        found = objective.targets(images, cache=cache)
        assert torch.equal(objective(CONTENT, found).losses, objective(CONTENT, fresh).losses)
    # Another blend of what is cached is no other statistic.
    swapped = {"style": [replace(one, share=1 - one.share) for one in images["style"]]}
    again = objective(CONTENT, objective.targets(swapped, cache=cache)).losses
    assert torch.equal(again, objective(CONTENT, objective.targets(swapped)).losses)
    assert not torch.equal(again, objective(CONTENT, fresh).losses)


def test_images_without_a_key_are_not_cached():
    objective, cache = objective_of("gram-style"), Cache()
    first, second = (objective.targets({"style": [TargetImage(style)]}, cache=cache) for style in (ONE, OTHER))
    assert not torch.equal(objective(CONTENT, first).losses, objective(CONTENT, second).losses)


def test_statistics_of_two_losses_are_not_mixed_up():
    """Their sums have the same shapes, and mean different things."""
    objective, cache = objective_of("covariance-style", "w2-style"), Cache()
    images = {"style": [TargetImage(ONE, 1.0, "one")]}
    objective.targets(images, cache=cache)
    alone = objective_of("w2-style")
    found = alone.targets(images, cache=cache)
    assert torch.equal(alone(CONTENT, found).losses, alone(CONTENT, alone.targets(images)).losses)
