"""The loop at one level: measure, advance and again, and what a saved state continues."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from problems import problem_of
from tiny import plugin, tiny_registry
from torch import Tensor

from nst_core import JobError, Optimizer, PluginError, Problem, Registry, Session, make_job, run
from nst_core.engine.loop import DAMPING, FIRST_FORCE, FORCE_DECAY, LEAST_FORCE, Loop
from nst_core.engine.progress import PATIENCE, RESTARTS

OPTIONS = {"preset": "content", "extractor": "tiny", "precision": "fp32", "device": "cpu"}


def picture(height: int, width: int, seed: int) -> Tensor:
    small = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 1)


CONTENT, STYLE = picture(24, 32, 0), picture(28, 20, 1)


def problem_with(registry: Registry, content: Tensor = CONTENT, **options) -> Problem:
    job = make_job(content, STYLE, session=Session(registry), **{**OPTIONS, "steps": 10, **options})
    return problem_of(job, registry, content, STYLE)


def loop_of(registry: Registry, content: Tensor = CONTENT, **options) -> Loop:
    return Loop(problem_with(registry, content, **options), lambda c: registry.create("optimizer", c))


def proceed(loop: Loop, times: int = 10**6) -> list[float]:
    """Make evaluations and steps; return the totals of these."""
    before = len(loop.history)
    while not loop.complete and len(loop.history) < before + times:
        loop.measure()
        if not loop.complete:
            loop.advance()
    return loop.history[before:]


class Listed(Optimizer):
    """Goes a little down the gradient, and remembers everything it was told."""

    def start(self, variable, damping=1.0):
        self.point = variable
        self.told = [*getattr(self, "told", []), ("start", damping)]

    def step(self, loss, gradient):
        self.told.append(("step", loss, float(gradient.abs().mean())))
        self.point = self.point - 0.002 * gradient.sign()
        return self.point

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class Waiting(Listed):
    """Has converged after its third step."""

    def step(self, loss, gradient):
        following = super().step(loss, gradient)
        return None if len(self.told) > 3 else following


class Motionless(Listed):
    """Goes nowhere, as optimizers do that have lost their way."""

    def step(self, loss, gradient):
        super().step(loss, gradient)
        return self.start_point

    def start(self, variable, damping=1.0):
        super().start(variable, damping)
        self.start_point = variable


class Leaping(Listed):
    """Leaves the box by 0.3 in its first step, and keeps the gradients it is given."""

    def step(self, loss, gradient):
        self.gradients = [*getattr(self, "gradients", []), gradient.clone()]
        return torch.full_like(self.point, 1.3)


class Reshaping(Listed):
    def step(self, loss, gradient):
        return super().step(loss, gradient).flatten()


OPTIMIZERS = tiny_registry(
    (
        "listed",
        plugin(
            optimizers={
                "listed": Listed,
                "waiting": Waiting,
                "reshaping": Reshaping,
                "motionless": Motionless,
                "leaping": Leaping,
            }
        ),
    )
)


def test_a_loop_measures_and_advances_until_it_is_complete(registry):
    loop = loop_of(registry, steps=5)
    assert loop.best is None
    measured = loop.measure()
    assert loop.history == [measured.total]
    assert torch.equal(measured.image, CONTENT)
    assert loop.best.total == measured.total
    assert not loop.consistent
    assert loop.advance()
    assert loop.consistent
    proceed(loop)
    assert len(loop.history) == 5
    assert loop.complete
    assert loop.consistent
    assert not loop.converged
    assert loop.best.total == min(loop.history)
    assert torch.equal(loop.image(), loop.problem.parametrization.decode(loop.best.variable))
    result = loop.result()
    assert (result.size, result.evaluations, result.total) == (32, 5, loop.best.total)
    assert 0 < result.seconds == loop.seconds


def test_the_optimizer_sees_a_first_gradient_of_one(registry):
    """And losses in the same proportion, whatever the weights."""
    told = []
    for weight in (1e-3, 1e9):
        loop = loop_of(OPTIMIZERS, optimizer="listed", style_weight=weight, content_weight=weight)
        totals = proceed(loop, 4)
        steps = loop.problem.optimizer.told[1:]
        assert steps[0][2] == pytest.approx(1.0, rel=1e-5)
        assert [loss / steps[0][1] for _, loss, _ in steps] == pytest.approx([t / totals[0] for t in totals], rel=1e-5)
        told.append([step[1:] for step in steps])
    assert told[0] == [pytest.approx(step, rel=1e-3) for step in told[1]]


def test_a_loop_whose_optimizer_has_converged_is_complete():
    loop = loop_of(OPTIMIZERS, optimizer="waiting")
    proceed(loop)
    assert loop.converged
    assert loop.complete
    assert len(loop.history) == 3
    again = loop_of(OPTIMIZERS, optimizer="waiting")
    again.load_state_dict(loop.state_dict())
    assert again.complete


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "lbfgs:line_search=strong-wolfe"])
@pytest.mark.parametrize("number", [0, 1, 6])
def test_a_state_continues_to_the_same_values(registry, optimizer, number):
    whole = loop_of(registry, optimizer=optimizer)
    proceed(whole)
    first, second = (loop_of(registry, optimizer=optimizer) for _ in range(2))
    proceed(first, number)
    second.load_state_dict(first.state_dict())
    assert second.history == whole.history[:number]
    proceed(second)
    assert second.history == whole.history
    assert torch.equal(second.image(), whole.image())


def test_a_state_has_the_weights_and_the_tiles(registry):
    content = picture(90, 100, 3)
    problem = problem_with(registry, content, size=100)
    tiling = replace(problem.tiling, max_pixels=45 * 100)
    first = Loop(replace(problem, tiling=tiling), lambda _: problem.optimizer)
    second = loop_of(registry, content, size=100)
    proceed(first, 2)
    first.reweight([2 * weight for weight in first.weights])
    second.load_state_dict(first.state_dict())
    assert second.weights == first.weights != second.problem.weights
    assert proceed(second, 1) == proceed(first, 1)
    assert second.state_dict()["max_pixels"] == 45 * 100


def test_other_weights_are_those_of_the_next_evaluation_and_of_the_best_so_far(registry):
    loop = loop_of(registry)
    proceed(loop, 4)
    best, point = loop.best, loop.state_dict()["variable"]
    weights = [weight * factor for weight, factor in zip(loop.weights, (5, 1, 2, 3), strict=True)]
    loop.reweight(weights)
    assert loop.weights == tuple(weights)
    assert torch.equal(loop.best.variable, best.variable)
    assert loop.best.total == pytest.approx(sum(w * float(v) for w, v in zip(weights, best.losses, strict=True)))
    measured = loop.measure()
    assert torch.equal(measured.image, loop.problem.parametrization.decode(point))  # on from where it is
    assert measured.total == pytest.approx(
        sum(w * float(v) for w, v in zip(weights, measured.losses, strict=True)), rel=1e-5
    )


def test_other_weights_before_the_first_evaluation(registry):
    loop = loop_of(registry)
    loop.reweight([0.0, *loop.weights[1:]])
    assert loop.best is None
    measured = loop.measure()
    assert measured.total == pytest.approx(
        sum(w * float(v) for w, v in zip(loop.weights, measured.losses, strict=True)), rel=1e-5
    )


def test_a_larger_level_pulls_as_strongly_as_the_smaller_one():
    """Losses are means over positions: with four times the pixels, each has a quarter of the gradient."""
    small, large = (loop_of(OPTIMIZERS, picture(*size, 0), optimizer="listed") for size in ((24, 32), (48, 64)))
    proceed(small, 3)
    large.continue_from(small)
    proceed(large, 1)
    *_, (_, _, gradient) = large.problem.optimizer.told
    assert gradient == pytest.approx(1.0, rel=0.5)
    assert large.state_dict()["scale"] == 4 * small.state_dict()["scale"]


class Wild(Listed):
    """Every second step ends in NaN unless it is damped enough."""

    def start(self, variable, damping=1.0):
        super().start(variable, damping)
        self.damping = damping

    def step(self, loss, gradient):
        following = super().step(loss, gradient)
        return torch.full_like(following, math.nan) if self.damping > 0.005 else following


WILD = tiny_registry(("wild", plugin(optimizers={"wild": Wild})))


def test_after_a_value_that_is_not_finite_steps_are_shorter_from_the_best_image():
    loop = loop_of(WILD, optimizer="wild", steps=12)
    notes = []
    while not loop.complete:
        notes.append(loop.measure().note)
        if not loop.complete:
            assert loop.advance()
        if not math.isfinite(loop.history[-1]):
            assert torch.equal(loop.state_dict()["variable"], loop.best.variable)
    starts = [told[1] for told in loop.problem.optimizer.told if told[0] == "start"]
    assert starts == pytest.approx([DAMPING**k for k in range(4)])
    assert [math.isfinite(total) for total in loop.history] == [True, False] * 3 + [True] * 6
    assert notes[1] == "the objective is not finite; returning to the best image, with shorter steps"
    assert not any(notes[:1] + notes[2:])


def test_damping_survives_a_saved_state():
    loop, other = (loop_of(WILD, optimizer="wild", steps=12) for _ in range(2))
    proceed(loop, 4)
    other.load_state_dict(loop.state_dict())
    other.measure()
    other.advance()
    other.measure()
    other.advance()
    assert other.state_dict()["damping"] == pytest.approx(DAMPING**3)


def test_a_point_of_another_shape_is_named():
    with pytest.raises(PluginError, match=r"optimizer 'reshaping' \(plugin .*was at a point of shape \(1, 3, 24, 32\)"):
        run(
            make_job(CONTENT, STYLE, session=Session(OPTIMIZERS), optimizer="reshaping", steps=3, **OPTIONS),
            content=CONTENT,
            styles=STYLE,
            session=Session(OPTIMIZERS),
        )


def test_an_image_in_tiles_of_no_use_is_an_error_and_not_a_retry(registry):
    """Only memory that runs out makes the loop try again."""
    problem = problem_with(registry, picture(90, 100, 3), size=100)
    loop = Loop(replace(problem, tiling=replace(problem.tiling, max_pixels=9)), lambda _: problem.optimizer)
    with pytest.raises(JobError, match="tiles of 9 pixels are too small"):
        loop.measure()
    assert loop.history == []


def test_what_lies_outside_the_bounds_is_pulled_back():
    """The optimizer sees the gradient of the picture and, outside [0, 1], a pull to the bound that gets weaker."""
    loop = loop_of(OPTIMIZERS, optimizer="leaping", steps=90)
    proceed(loop, 80)
    white = torch.ones_like(CONTENT)
    straight = loop.problem.evaluate(white)[0].gradient
    first = loop.problem.evaluate()[0].gradient
    forces = {1: FIRST_FORCE * FORCE_DECAY**2, 19: FIRST_FORCE * FORCE_DECAY**20, -1: LEAST_FORCE}
    for step, force in forces.items():
        expected = straight / first.abs().mean() + force * 0.3
        torch.testing.assert_close(loop._optimizer.gradients[step], expected, rtol=1e-4, atol=1e-5)


def test_a_run_without_progress_restarts_at_its_best_and_then_ends():
    loop = loop_of(OPTIMIZERS, optimizer="motionless", steps=1000)
    notes = []
    while not loop.complete:
        notes.append(loop.measure().note)
        if not loop.complete:
            loop.advance()
    assert loop.converged
    assert len(loop.history) == 1 + PATIENCE * (1 + len(RESTARTS))
    said = [(number, note) for number, note in enumerate(notes, 1) if note]
    assert [number for number, _ in said] == [2 + PATIENCE * i for i in (1, 2, 3)]
    assert all("restarting at the best image" in note for _, note in said)
    assert [told for told in loop._optimizer.told if told[0] == "start"] == [
        ("start", damping) for damping in (1.0, *RESTARTS)
    ]


def test_a_stall_is_counted_on_in_a_resumed_run():
    whole = loop_of(OPTIMIZERS, optimizer="motionless", steps=1000)
    proceed(whole)
    first = loop_of(OPTIMIZERS, optimizer="motionless", steps=1000)
    proceed(first, 40)
    second = loop_of(OPTIMIZERS, optimizer="motionless", steps=1000)
    second.load_state_dict(first.state_dict())
    proceed(second)
    assert len(second.history) == len(whole.history)


def test_new_weights_are_a_new_chance():
    """What was a stall with other weights is none now."""
    loop = loop_of(OPTIMIZERS, optimizer="motionless", steps=1000)
    proceed(loop, PATIENCE)
    loop.reweight([2 * weight for weight in loop.weights])
    proceed(loop, PATIENCE)
    assert [told for told in loop._optimizer.told if told[0] == "start"][1:] == [("start", 1.0)]
