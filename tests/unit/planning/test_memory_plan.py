"""Plans: what fits into memory, how, and what to do where nothing does."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
import torch
from tiny import plugin, tiny_registry

from nst_core import FeatureLoss, JobError, MemoryPlan, Optimizer, Resources, Session, make_job, plan, run
from nst_core.planning.memory_plan import less_memory
from nst_core.runtime.memory import memory_in_use

CPU = torch.device("cpu")
OPTIONS = {"extractor": "tiny", "precision": "fp32", "device": "cpu", "levels": "off"}
STYLE = torch.rand(1, 3, 50, 40, generator=torch.Generator().manual_seed(1))
CONTENT = torch.rand(1, 3, 1200, 1600, generator=torch.Generator().manual_seed(0))
LARGE = {"size": 1600, **OPTIONS}


def planned(registry, limit: int | None = None, tile: str | int = "auto", **options) -> MemoryPlan:
    job = make_job(CONTENT, STYLE, session=Session(registry), **{**LARGE, **options})
    return plan(job, content=CONTENT, styles=STYLE, session=Session(registry), resources=Resources(tile, limit))


def too_little(roomy: MemoryPlan) -> int:
    """Return less memory than the pastiche and the whole history of the optimizer need, but more than half."""
    return int(roomy.floor - 0.4 * (roomy.floor - memory_in_use(CPU)))


def test_with_memory_to_spare_nothing_is_cut(registry):
    (scale,) = planned(registry).levels
    assert (scale.width, scale.height, scale.rows, scale.columns, scale.overlap) == (1600, 1200, 1, 1, 1.0)
    assert scale.evaluations == 100


def test_less_memory_means_tiles_then_a_shorter_history(registry):
    roomy = planned(registry)
    assert roomy.fits
    tiled = planned(registry, limit=int(roomy.floor + 0.3 * (roomy.bytes - roomy.floor)))
    assert tiled.fits
    assert tiled.bytes <= tiled.limit
    assert tiled.levels[0].rows * tiled.levels[0].columns > 1
    assert not tiled.optimizer_reduced
    short = planned(registry, limit=too_little(roomy))
    assert short.fits
    assert 3 <= short.optimizer.params["history"] < 20
    assert short.bytes <= short.limit < roomy.floor


def test_a_history_that_somebody_chose_is_left_alone(registry):
    roomy = planned(registry, optimizer="lbfgs:history=20")
    short = planned(registry, limit=too_little(roomy), optimizer="lbfgs:history=20")
    assert not short.fits
    assert "The pastiche and the memory of 'lbfgs' alone need" in short.advice
    assert "use --optimizer adam" in short.advice.replace("Use", "use")
    assert "--size" in short.advice


def test_a_loss_on_whole_maps_does_not_fit_where_it_does_not():
    class Means(FeatureLoss):
        def forward(self, features, targets):
            return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)

    registry = tiny_registry(("means", plugin(losses={"means": Means})))
    options = {"plugins": ["means"], "optimizer": "lbfgs:history=20"}
    roomy = planned(registry, **options)
    short = planned(registry, limit=too_little(roomy), **options)
    assert not short.fits
    assert "'means' cannot be computed in tiles" in short.advice


def test_a_run_that_cannot_fit_ends_before_it_begins(registry):
    job = make_job(CONTENT, STYLE, session=Session(registry), **LARGE)
    with pytest.raises(
        JobError, match=r"1600×1200 pixels need .* GB, but only .* may be used\. The pastiche and the memory"
    ):
        run(
            job, content=CONTENT, styles=STYLE, session=Session(registry), resources=Resources(memory_limit=300_000_000)
        )


def test_a_run_within_a_limit_says_what_it_gave_up(registry):
    roomy = planned(registry)
    job = make_job(CONTENT, STYLE, session=Session(registry), **{**LARGE, "steps": 2})
    result = run(
        job,
        content=CONTENT,
        styles=STYLE,
        session=Session(registry),
        resources=Resources(memory_limit=too_little(roomy)),
    )
    assert any("the optimizer runs with history=" in remark for remark in result.remarks)
    assert result.job.optimizer.params["history"] < 20  # the recipe has what was really done


def test_the_command_shows_its_plan(nst):
    pair = ["photo.jpg", "painting.png", "--extractor", "tiny", "--device", "cpu", "--steps", "4"]
    done = nst("run", *pair, "--dry-run")
    assert done.code == 0
    assert "40×30  4 evaluations  whole" in done.out
    assert "it fits" in done.out
    found = json.loads(nst("run", *pair, "--dry-run", "--json").out)
    assert found["levels"][0]["width"] == 40
    assert found["fits"] is True
    done = nst("run", *pair, "--dry-run", "--memory-limit", "50MB")
    assert done.code == 1
    assert "it does not fit" in done.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tile", "large"], "--tile must be auto, off, or the side of a tile in pixels, not 'large'"),
        (["--tile", "5", "--steps", "1"], "tiles of 25 pixels are too small"),
        (["--memory-limit", "much"], "invalid amount of memory 'much': write 4GB"),
        (["--checkpoint", "x.ckpt", "--checkpoint-every", "soon"], "invalid duration 'soon': write 30s, 5m or 1h"),
    ],
)
def test_options_that_make_no_sense(options, message, nst):
    done = nst("run", "photo.jpg", "painting.png", "--extractor", "tiny", "--device", "cpu", *options)
    assert done.code == 2
    assert message in done.err


class Endless(Optimizer):
    """Can always give up more memory, or so it says."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def start(self, variable, damping=1.0):
        self.point = variable

    def step(self, loss, gradient):
        self.point = self.point - 0.001 * gradient.sign()
        return self.point

    def with_less_memory(self):
        return {"number": self.number + 1}

    def state_dict(self):
        return {"point": self.point}

    def load_state_dict(self, state):
        self.point = state["point"]


class Circular(Endless):
    def with_less_memory(self):
        return {"number": (self.number + 1) % 3}


class Silent(Endless):
    def with_less_memory(self):
        return None


ENDLESS = tiny_registry(("endless", plugin(optimizers={"endless": Endless, "circular": Circular, "silent": Silent})))


@pytest.mark.parametrize(("name", "most"), [("endless", 100), ("circular", 4), ("silent", 1)])
def test_giving_up_memory_comes_to_an_end(name, most):
    job = make_job(CONTENT, STYLE, session=Session(ENDLESS), **{**LARGE, "optimizer": name})
    found = less_memory(job, ENDLESS)
    assert found[0] == job.optimizer
    assert len(found) == len(set(found))
    assert (len(found) == most) if most < 10 else (10 < len(found) <= most)
    short = planned(ENDLESS, limit=300_000_000, optimizer=name)
    assert not short.fits


@pytest.mark.parametrize("name", ["endless", "circular"])
def test_memory_that_runs_out_again_and_again_is_an_error(name, monkeypatch):
    def full(self, *args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Endless, "step", full)
    image = STYLE[..., :24, :32]
    job = make_job(image, image, session=Session(ENDLESS), optimizer=name, steps=10**6, size=32, **OPTIONS)
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        run(job, content=image, styles=image, session=Session(ENDLESS))


def test_a_plan_of_several_styles_and_no_content(registry):
    job = make_job(
        None,
        [STYLE, STYLE.flip(2)],
        session=Session(registry),
        **{**OPTIONS, "preset": "noise", "without": ["mse-content"], "levels": "20,50", "size": 50, "steps": 10},
    )
    found = plan(job, styles=[STYLE, STYLE.flip(2)], session=Session(registry))
    assert [(level.height, level.width, level.evaluations) for level in found.levels] == [(20, 16, 10), (50, 40, 4)]
    assert found.fits
    assert found.bytes == max(level.bytes for level in found.levels)
    assert found.to_dict()["optimizer"]["name"] == job.optimizer.name


@pytest.mark.parametrize(
    "resources", [Resources(), Resources("off"), Resources(512), Resources("auto", 10**9)], ids=str
)
@pytest.mark.parametrize("begin", [plan, run])
def test_a_picture_without_any_room_is_refused_before_anything_of_its_size_is_made(registry, begin, resources):
    job = make_job(None, STYLE, session=Session(registry), **{**OPTIONS, "preset": "noise", "without": ["mse-content"]})
    before = memory_in_use(CPU)
    began = time.perf_counter()
    with pytest.raises(
        JobError, match=r"^999999×1000000 pixels need at least .* GB, but only .* longest side below \d+ "
    ):
        begin(replace(job, shape=(1_000_000, 999_999)), styles=[STYLE], session=Session(registry), resources=resources)
    assert time.perf_counter() - began < 10
    assert memory_in_use(CPU) - before < 500e6


def test_the_size_that_is_advised_has_room(registry):
    job = make_job(None, STYLE, session=Session(registry), **{**OPTIONS, "preset": "noise", "without": ["mse-content"]})
    with pytest.raises(JobError, match="Use a longest side below 1740 pixels"):
        plan(
            replace(job, shape=(9000, 9000)),
            session=Session(registry),
            styles=[STYLE],
            resources=Resources("auto", 4 * 10**8),
        )


def test_tiles_of_a_size_are_planned_as_asked_for(registry):
    (level,) = planned(registry, tile=500).levels
    assert level.rows * level.columns > 1
    assert level.tile <= 500**2
    assert level.overlap > 1
    with pytest.raises(JobError, match="tiles of 100 pixels are too small"):
        planned(registry, tile=10)
