"""What an evaluation costs: memory and time for every pixel, measured, and what an optimizer remembers, counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import LAYERS, plugin, tiny_registry

from nst_core import Component, FeatureLoss, Job, Optimizer, Region, Session, Source, make_job
from nst_core.objective import networks
from nst_core.objective.tiling import Tiling
from nst_core.planning import cost_model
from nst_core.planning.cost_model import CostModel, measured_costs, optimizer_bytes
from nst_core.runtime.cache import Cache

CPU = torch.device("cpu")
IMAGE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


class Means(FeatureLoss):
    def forward(self, features, targets):
        return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)


class Hoarder(Optimizer):
    """Remembers a number of points."""

    def __init__(self, points: int = 5) -> None:
        self.points = points

    def start(self, variable, damping=1.0):
        self.memory = [variable.clone() for _ in range(self.points)]

    def step(self, loss, gradient):
        return self.memory[0]

    def state_dict(self):
        return {"memory": self.memory, "again": self.memory[0]}

    def load_state_dict(self, state):
        self.memory = state["memory"]


REGISTRY = tiny_registry(("more", plugin(losses={"means": Means}, optimizers={"hoarder": Hoarder})))


def job(styles=IMAGE, **options) -> Job:
    given = {"extractor": "tiny", "precision": "fp32", "device": "cpu", **options}
    return make_job(IMAGE, styles, session=Session(REGISTRY), **given)


@pytest.fixture(scope="module")
def costs() -> CostModel:
    return CostModel(job(), REGISTRY, Cache(), CPU)


def test_an_evaluation_costs_something(costs):
    assert costs.base > 50e6
    # Its maps: 4 + 6/4 + 8/16 channels of float32, their gradients, and what convolutions need on the way.
    assert 12 < costs.tile_bytes < 1000
    assert 0 < costs.forward_seconds < 2 * costs.seconds


def test_the_geometry_is_that_of_the_objective(costs):
    assert costs.tiling == Tiling.of(LAYERS.values())
    assert costs.untileable == ()
    assert CostModel(job(plugins=["means"]), REGISTRY, Cache(), CPU).untileable == ("means",)


@pytest.mark.parametrize("points", [1, 5, 40])
def test_what_an_optimizer_remembers_is_counted(costs, points):
    """Each tensor once, in proportion to the pixels."""
    hoarder = Component("hoarder", {"points": points})
    least = costs.pixel_bytes(Component("hoarder", {"points": 1})) - 12
    assert costs.pixel_bytes(hoarder) == pytest.approx(least + 12 * points)
    small, large = costs.floor(1000, hoarder), costs.floor(3000, hoarder)
    assert large - small == pytest.approx(2000 * costs.pixel_bytes(hoarder))
    assert costs.floor(0, hoarder) >= costs.base


def test_lbfgs_costs_two_images_for_every_pair(costs):
    short, long = (costs.pixel_bytes(Component("lbfgs", {"history": history})) for history in (3, 13))
    assert long - short == pytest.approx(10 * 2 * 12, rel=1e-2)


@pytest.mark.parametrize(
    ("optimizer", "images"),
    [
        (Component("lbfgs", {"history": 3}), 3),  # the oldest pair and the gradient before
        (Component("lbfgs", {"history": 20}), 3),
        (Component("lbfgs", {"line_search": "strong-wolfe"}), 0),  # a search needs the loss first
        (Component("adam"), 0),
        (Component("hoarder"), 0),
    ],
)
def test_what_is_held_between_looking_ahead_and_the_step_counts_on_a_gpu(optimizer, images):
    there, here = (optimizer_bytes(optimizer, REGISTRY, torch.device(name)) for name in ("cuda", "cpu"))
    assert there - here == pytest.approx(images * 12, abs=1)


def test_a_model_of_a_gpu_counts_it(costs, monkeypatch):
    lbfgs = Component("lbfgs", {"history": 3})
    there = CostModel(job(), REGISTRY, Cache(), CPU)
    monkeypatch.setattr(there, "_device", torch.device("cuda"))
    assert there.pixel_bytes(lbfgs) - costs.pixel_bytes(lbfgs) == pytest.approx(36, abs=1)


def test_a_model_is_made_without_images_and_for_several_styles(monkeypatch):
    seen = []
    targets = cost_model.Objective.targets
    monkeypatch.setattr(
        cost_model.Objective,
        "targets",
        lambda self, images, **more: (
            seen.append([one.share for one in images["style"]]) or targets(self, images, **more)
        ),
    )
    assert CostModel(job([IMAGE, IMAGE], blend=[3, 1]), REGISTRY, Cache(), CPU).seconds > 0
    assert {tuple(shares) for shares in seen} == {(0.75, 0.25)}


def regions_of(count: int, **more) -> dict:
    return {"regions": [Region(f"r{n}", Source("mask.png"), **more) for n in range(count)]}


@pytest.mark.parametrize(
    ("options", "count", "masked"),
    [
        ({}, 0, 0),
        (regions_of(1), 2, 0),  # and what it does not cover
        ({**regions_of(3), "outside": "free"}, 3, 0),
        ({**regions_of(2, style_mask=Source("part.png")), "guide": "inside", "outside": "keep"}, 2, 2),
        (regions_of(3, style_mask=Source("part.png"), color="#0000ff"), 3, 3),  # which cover everything
    ],
)
def test_an_evaluation_has_the_regions_of_the_job(monkeypatch, options, count, masked):
    found = []

    class Watched(cost_model.Objective):
        def __init__(self, *given, regions, **more):
            super().__init__(*given, regions=regions, **more)
            self.given = regions

        def targets(self, images, **more):
            found.append((self.given.get("style", ()), images["style"]))
            return super().targets(images, **more)

    monkeypatch.setattr(networks, "Objective", Watched)
    CostModel(job(**options), REGISTRY, Cache(), CPU)
    assert found
    for regions, styles in found:
        assert len(regions) == count
        assert {guides.mode for guides in regions} <= {options.get("guide", "simple")}
        assert [style.region for style in styles] == [*range(count)] or not count
        assert sum(style.guides.mask is not None for style in styles) == masked
        if count:
            together = sum(guides.mask for guides in regions)
            assert torch.equal(together, torch.ones_like(together))
            assert sum(guides.share for guides in regions) == pytest.approx(1)


def test_guides_and_what_is_kept_count_for_every_pixel():
    plain, regions, kept = (
        CostModel(job(**options), REGISTRY, Cache(), CPU).pixel_bytes(Component("adam"))
        for options in ({}, {**regions_of(4), "outside": "free"}, {"keep": "face.png"})
    )
    # Of each region a mask, and its weights at the three layers, in float32; and the file, which is the same for all.
    expected = 4 * 4 * (1 + sum(1 / tap.stride**2 for tap in LAYERS.values())) + 7
    assert regions - plain == pytest.approx(expected, rel=0.02)
    assert kept - plain == pytest.approx(16 + 7)


def test_whole_maps_of_a_style_count_as_targets():
    statistics, maps = (
        CostModel(job(plugins=[loss], without=["mse-content"]), REGISTRY, Cache(), CPU)
        for loss in ("gram-style", "means")
    )
    optimizer = Component("adam")
    # Channels of the three layers, divided by the squares of their strides.
    expected = 4 * sum(tap.channels / tap.stride**2 for tap in LAYERS.values())
    assert maps.pixel_bytes(optimizer) - statistics.pixel_bytes(optimizer) == pytest.approx(expected, rel=0.01)


def test_jobs_of_one_method_are_measured_once(monkeypatch):
    made: list[Job] = []
    init = CostModel.__init__

    def counted(self, given, *rest):
        made.append(given)
        init(self, given, *rest)

    monkeypatch.setattr(CostModel, "__init__", counted)
    cache = Cache()
    first = measured_costs(job(), REGISTRY, cache, CPU)
    others = [job(size=300, seed=4, steps=7, levels="64,300"), replace(job(), content=Source("x.png"))]
    assert all(measured_costs(other, REGISTRY, cache, CPU) is first for other in others)
    assert len(made) == 1
    kept = [replace(job(), keep=Source(f"{name}.png"), content=Source("x.png")) for name in "ab"]
    assert measured_costs(kept[0], REGISTRY, cache, CPU) is measured_costs(kept[1], REGISTRY, cache, CPU)
    assert len(made) == 2
    assert measured_costs(job(plugins=["means"]), REGISTRY, cache, CPU) is not first
    assert measured_costs(job([IMAGE, IMAGE], blend=[3, 1]), REGISTRY, cache, CPU) is not first
