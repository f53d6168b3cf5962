"""The loop: what it reports, what it guards against, and that the saved picture is what was optimised."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from problems import at, problem_of
from tiny import plugin, tiny_registry

from nst_core import (
    CancelledError,
    Checkpoint,
    FeatureLoss,
    ImageLoss,
    Initializer,
    Job,
    JobError,
    NonFiniteError,
    Optimizer,
    PluginError,
    Resources,
    Result,
    Run,
    Session,
    Step,
    UnknownNameError,
    load_image,
    make_job,
    run,
)
from nst_core.ops import Native


def picture(height: int, width: int, seed: int) -> torch.Tensor:
    small = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 1)


CONTENT, STYLE = picture(24, 32, 0), picture(28, 20, 1)


def job(registry, **options) -> Job:
    given = {"extractor": "tiny", "steps": 25, "precision": "fp32"} | options
    return make_job(CONTENT, STYLE, session=Session(registry), **given)


def carry_out(registry, *observers, **options):
    return run(job(registry, **options), content=CONTENT, styles=STYLE, observers=observers, session=Session(registry))


def test_the_loss_goes_down_and_everything_is_reported(registry):
    steps: list[Step] = []
    result = carry_out(registry, steps.append)
    assert result.total < 0.2 * result.history[0]
    assert result.total == min(result.history)
    assert result.evaluations == len(steps) == 25
    assert [s.number for s in steps] == list(range(1, 26))
    assert [s.total for s in steps] == list(result.history)
    assert result.losses.keys() == {"mse-content", "gram-style"}
    assert result.losses["gram-style"].keys() == {"a", "b", "c"}
    assert result.image.shape == CONTENT.shape
    weighted = 10 * sum(result.losses["mse-content"].values()) + 1e7 * sum(result.losses["gram-style"].values())
    assert weighted == pytest.approx(result.total, rel=1e-5)
    assert result.stopped == "finished"


def test_one_seed_one_picture(registry):
    results = [carry_out(registry, preset="noise", seed=seed).image for seed in (0, 0, 1)]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "lbfgs:line_search=strong-wolfe"])
def test_the_magnitude_of_the_weights_does_not_matter(registry, optimizer):
    """α and β together times 10¹²: the same pictures, to rounding."""
    small, large = (
        carry_out(registry, optimizer=optimizer, steps=8, content_weight=a, style_weight=a * 1e6) for a in (1e-6, 1e6)
    )
    torch.testing.assert_close(small.image, large.image, atol=1e-3, rtol=0)
    assert large.total == pytest.approx(1e12 * small.total, rel=1e-2)


@pytest.mark.parametrize("preset", ["content", "noise"])
def test_the_saved_file_has_the_reported_loss(registry, preset, tmp_path):
    # Rough images, whose loss does not come down to what rounding to 8 bits makes.
    content, style = torch.rand(2, 1, 3, 24, 32, generator=torch.Generator().manual_seed(5))
    chosen = make_job(
        content, style, session=Session(registry), extractor="tiny", precision="fp32", preset=preset, steps=20
    )
    result = run(chosen, content=content, styles=style, session=Session(registry))
    outside = result.image.clamp(0.004, 0.996) != result.image
    assert outside.float().mean() > 0.02  # the box matters here
    result.save(tmp_path / "out.png")
    problem = problem_of(result.job, registry, content, style)
    saved = float(at(problem, load_image(tmp_path / "out.png").pixels).total)
    assert saved == pytest.approx(result.total, rel=0.02)


def test_the_result_is_inside_the_box_though_the_optimum_is_not(registry):
    class Brighter(ImageLoss):
        def density(self, image):
            return (image - 2).square().mean(dim=1)

    registry = tiny_registry(("bright", plugin(losses={"brighter": Brighter})))
    result = carry_out(registry, plugins=["brighter"], without=["gram-style", "mse-content"])
    assert result.image.max() <= 1
    assert result.image.min() == pytest.approx(1.0)
    assert result.total == pytest.approx(1.0, abs=1e-4)


def test_ctrl_c_gives_the_best_image_so_far(registry):
    def interrupt(step: Step) -> None:
        if step.number == 6:
            raise KeyboardInterrupt

    result = carry_out(registry, interrupt)
    assert result.stopped == "cancelled"
    assert result.evaluations == 6
    assert result.total == min(result.history)


def test_ctrl_c_before_the_first_evaluation_is_passed_on(registry, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("nst_core.engine.problem.Problem.evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        carry_out(registry)


class Cliff(Optimizer):
    """Steps of a fixed length along the gradient; the third ends in NaN unless it is damped."""

    def start(self, variable, damping=1.0):
        self.point, self.damping, self.count = variable, damping, 0

    def step(self, loss, gradient):
        self.count += 1
        if self.count == 3 and self.damping > self.brave:
            return torch.full_like(self.point, math.nan)
        self.point = self.point - 0.001 * self.damping * gradient.sign()
        return self.point

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

    brave = 0.05


class Doomed(Cliff):
    brave = 0.0


def test_a_non_finite_value_rolls_back_and_is_said_once():
    registry = tiny_registry(("cliff", plugin(optimizers={"cliff": Cliff})))
    steps: list[Step] = []
    result = carry_out(registry, steps.append, optimizer="cliff", steps=12)
    assert sum(not math.isfinite(t) for t in result.history) == 2
    assert [s.note != "" for s in steps].count(True) == 1
    assert math.isfinite(result.total)
    assert torch.isfinite(result.image).all()
    assert result.evaluations == 12
    assert result.history[3 + 1] == pytest.approx(min(result.history[:3]), rel=1e-6)  # back at the best


def test_the_engine_gives_up_with_an_error():
    registry = tiny_registry(("doomed", plugin(optimizers={"doomed": Doomed})))
    with pytest.raises(NonFiniteError, match=r"again after 4 restarts.*mse-content at b.*lower the weights"):
        carry_out(registry, optimizer="doomed", steps=100)


def test_a_first_image_without_a_finite_loss_is_an_error(registry):
    with pytest.raises(NonFiniteError, match="at the first image"):
        carry_out(registry, style_weight=1e300)


def test_it_stops_where_the_gradient_is_zero(registry):
    result = carry_out(registry, without=["gram-style"], init="content")
    assert (result.stopped, result.evaluations, result.total) == ("converged", 1, 0.0)
    torch.testing.assert_close(result.image, CONTENT)


def test_a_feature_loss_sees_whole_maps_of_all_its_layers():
    class Means(FeatureLoss):
        def forward(self, features, targets):
            return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)

    registry = tiny_registry(("means", plugin(losses={"means": Means})))
    result = carry_out(registry, plugins=["means:weight=3"], steps=3)
    assert result.losses["means"].keys() == {"a+b+c"}


def test_two_terms_of_one_loss_are_told_apart(registry):
    plugins = ["gram-style:layers=a", "gram-style:layers=b,weight=5"]
    result = carry_out(registry, plugins=plugins, steps=2)
    assert {k: list(v) for k, v in result.losses.items() if k != "mse-content"} == {
        "gram-style": ["a"],
        "gram-style#2": ["b"],
    }


def test_weights_of_the_network_never_get_gradients(registry):
    problem = problem_of(job(registry), registry, CONTENT, STYLE)
    assert all(not p.requires_grad for p in problem.objective._network.parameters())


def test_bfloat16_ends_near_float32(registry):
    results = [carry_out(registry, precision=precision, steps=40) for precision in ("fp32", "bf16")]
    assert results[1].job.precision == "bf16"
    assert results[1].image.dtype == torch.float32
    full, half = (min(result.history[:15]) for result in results)
    assert results[0].history[0] > 1000 * full
    assert half == pytest.approx(full, rel=0.25)
    # By the end three channels leave the noise of bfloat16 little to cancel in.
    assert results[1].history[0] > 10_000 * results[0].total
    assert results[1].total < 1.5 * results[0].total


def test_an_initializer_that_breaks_its_promise_is_named():
    class Small(Initializer):
        def initial(self, size, sources, generator):
            return torch.zeros(1, 3, 2, 2)

    registry = tiny_registry(("small", plugin(initializers={"small": Small})))
    with pytest.raises(
        PluginError, match=r"initializer .small. \(plugin .small. of package small-package 1.2\) must give"
    ):
        carry_out(registry, init="small")


def save(tensor: torch.Tensor, path: Path) -> str:
    array = (tensor[0].permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(array).save(path)
    return str(path)


def test_a_recipe_repeats_the_picture_exactly(registry, tmp_path):
    content, style = save(CONTENT, tmp_path / "c.png"), save(STYLE, tmp_path / "s.png")
    first = run(
        make_job(content, style, session=Session(registry), extractor="tiny", steps=5), session=Session(registry)
    )
    again = run(Job.from_toml(first.recipe), session=Session(registry))
    assert torch.equal(first.image, again.image)
    assert first.job.content.sha256 == again.job.content.sha256 != ""


def test_a_recipe_refuses_another_image(registry, tmp_path):
    content, style = save(CONTENT, tmp_path / "c.png"), save(STYLE, tmp_path / "s.png")
    done = run(
        make_job(content, style, session=Session(registry), extractor="tiny", steps=1), session=Session(registry)
    )
    save(STYLE, tmp_path / "c.png")
    with pytest.raises(Exception, match=r"content image .* is not the one the recipe was made with"):
        run(done.job, session=Session(registry))


def test_a_recipe_of_images_in_memory_needs_them_again(registry):
    done = carry_out(registry, steps=1)
    with pytest.raises(JobError, match="only in memory"):
        run(done.job, session=Session(registry))
    assert run(done.job, content=CONTENT, styles=STYLE, session=Session(registry)).total == done.total


def test_a_recipe_refuses_other_weights(registry):
    with pytest.raises(Exception, match="made with other weights"):
        run(replace(job(registry), weights_sha256="ab" * 32), content=CONTENT, styles=STYLE, session=Session(registry))


def test_starting_from_an_image_file_pins_its_content(registry, tmp_path):
    path = save(STYLE, tmp_path / "start.png")
    done = carry_out(registry, init=f"image:path={path}", steps=1)
    assert len(done.job.initializer.params["path_sha256"]) == 64
    save(CONTENT, tmp_path / "start.png")
    with pytest.raises(JobError, match="initial image"):
        run(done.job, content=CONTENT, styles=STYLE, session=Session(registry))


def test_images_that_are_too_small_say_which_layer_needs_more(registry):
    tiny_style = torch.rand(1, 3, 3, 9)
    with pytest.raises(Exception, match=r"style image has 9×3 pixels, but layer c needs at least 4×4"):
        run(job(registry), content=CONTENT, styles=tiny_style, session=Session(registry))


def test_small_images_are_not_enlarged_and_the_user_is_told(registry):
    result = carry_out(registry, steps=1, size=999)
    assert result.image.shape == CONTENT.shape
    assert any("content image has only 32×24" in remark for remark in result.remarks)


def test_size_and_style_scale(registry):
    result = carry_out(registry, steps=1, size=16, style_scale=0.5)
    assert result.image.shape == (1, 3, 12, 16)
    assert not any("content" in r for r in result.remarks)


def test_slow_kernels_are_remarked_on_unless_asked_for(registry, monkeypatch):
    monkeypatch.setattr("nst_core.ops.loading._load", lambda: Native(None, "they were not compiled"))
    monkeypatch.setenv("NST_NATIVE", "auto")
    assert any("slower Python kernels: they were not compiled" in r for r in carry_out(registry, steps=1).remarks)
    monkeypatch.setenv("NST_NATIVE", "0")
    assert not any("slower" in r for r in carry_out(registry, steps=1).remarks)
    monkeypatch.setenv("NST_NATIVE", "1")
    with pytest.raises(JobError, match="NST_NATIVE=1, but the native kernels cannot be used: they were not compiled"):
        carry_out(registry, steps=1)


def test_the_solution_of_an_optimizer_is_evaluated_last(registry):
    class Guesses(Optimizer):
        """Wanders off in small steps, and knows a good image."""

        def start(self, variable, damping=1.0):
            self.x = variable

        def step(self, loss, gradient):
            self.x = self.x + 0.001
            return self.x

        def solution(self):
            return CONTENT.clone()

        def state_dict(self):
            return {"x": self.x}

        def load_state_dict(self, state):
            self.x = state["x"]

    registry = tiny_registry(("guesses", plugin(optimizers={"guesses": Guesses})))
    seen = []
    result = carry_out(registry, seen.append, optimizer="guesses", steps=4, init="noise", style_weight=0)
    assert len(seen) == 4
    assert torch.equal(seen[-1].image, CONTENT)
    assert torch.equal(result.image, CONTENT)
    assert result.total == 0


# The run as an iterator


def begin(registry, *, session: Session | None = None, keep: Path | None = None, threads=None, **options) -> Run:
    """Begin a run, saved after every step if a file is named."""
    return (session or Session(registry)).run(
        job(registry, **options),
        content=CONTENT,
        styles=[STYLE],
        resources=Resources(threads=threads),
        checkpoint=Checkpoint(keep, every=0.0) if keep else None,
    )


def with_actions(run: Run, actions: Mapping[int, Callable[[Run], object]]) -> Result:
    """Make all steps that are left, and do something with the run after some of them, by number."""
    for step in run:
        if step.number in actions:
            actions[step.number](run)
    return run.result()


LEVELS = {"levels": "16,24,32", "steps": 8}  # 8, 5 and 4 evaluations


def test_a_run_is_an_iterator_of_its_steps(registry):
    run = begin(registry, steps=3)
    assert iter(run) is run
    assert run.stopped is None
    first = next(run)
    assert (first.number, first.steps, first.total) == (1, 3, first.best)
    assert [step.number for step in run] == [2, 3]
    assert run.stopped == "finished"
    with pytest.raises(StopIteration):
        next(run)
    assert torch.equal(run.result().image, carry_out(registry, steps=3).image)


def test_best_and_result_may_be_asked_for_between_any_two_steps(registry):
    run = begin(registry, **LEVELS)
    level: list[float] = []  # totals of the current level
    seen: list[float] = []
    for step in run:
        level = [] if len(seen) in (8, 13) else level
        level.append(step.total)
        seen.append(step.total)
        result = run.result()
        assert result.stopped == "cancelled"
        assert result.history == tuple(seen)
        assert result.total == step.best == min(level)
        assert sum(part.evaluations for part in result.levels) == result.evaluations == step.number
        assert torch.equal(result.image, run.best)
        assert result.image.shape == step.image.shape
        if step.total == step.best:
            assert torch.equal(result.image, step.image)
    assert run.result().stopped == "finished"
    assert len(seen) == 17


def test_before_the_first_step_there_is_nothing(registry):
    run = begin(registry)
    assert run.best is None
    with pytest.raises(CancelledError, match="cancelled before its first evaluation"):
        run.result()
    run.cancel()
    with pytest.raises(CancelledError):
        run.exhaust()
    assert run.stopped == "cancelled"


def test_another_thread_cancels_a_run(registry):
    run = begin(registry, steps=10**6)
    begun = threading.Event()

    def cancel() -> None:
        assert begun.wait(10)
        run.cancel()
        run.cancel()  # more than once is no harm

    canceller = threading.Thread(target=cancel)
    canceller.start()
    totals = []
    for step in run:
        totals.append(step.total)
        if step.number == 3:
            begun.set()
    canceller.join()
    assert run.stopped == "cancelled"
    assert 3 <= len(totals) < 10**6
    assert run.result().total == min(totals)
    assert torch.equal(run.best, run.result().image)


def test_an_observer_cancels_by_false_alone(registry):
    for answer, evaluations in ((None, 6), (0, 6), (True, 6), (False, 3)):
        seen: list[int] = []

        def watch(step: Step, answer: object = answer) -> object:
            return answer if step.number == 3 else None

        result = carry_out(registry, watch, lambda step, seen=seen: seen.append(step.number), steps=6)
        assert result.evaluations == len(seen) == evaluations  # every observer sees the last step, too
        assert result.stopped == ("cancelled" if answer is False else "finished")


@pytest.mark.parametrize(("number", "longest"), [(8, 16), (13, 24), (9, 24)])
def test_a_run_cancelled_between_two_levels_has_the_image_of_the_smaller_one(registry, number, longest):
    result = with_actions(begin(registry, **LEVELS), {number: Run.cancel})
    assert result.stopped == "cancelled"
    assert max(result.image.shape) == longest
    assert result.evaluations == number


def test_a_run_cancelled_after_its_last_evaluation_has_finished(registry):
    assert with_actions(begin(registry, steps=3), {3: Run.cancel}).stopped == "finished"


def same(found: Result, expected: Result) -> None:
    assert torch.equal(found.image, expected.image)
    assert found.history == expected.history
    assert found.total == expected.total
    assert found.losses == expected.losses
    assert found.job == expected.job
    assert found.remarks == expected.remarks
    assert found.stopped == expected.stopped
    assert [(x.size, x.evaluations, x.total) for x in found.levels] == [
        (x.size, x.evaluations, x.total) for x in expected.levels
    ]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam:averaging=0.9", "lbfgs:line_search=strong-wolfe"])
@pytest.mark.parametrize("number", [4, 8, 9, 16])
def test_a_cancelled_run_goes_on_to_the_same_pixels(registry, tmp_path, optimizer, number):
    whole = carry_out(registry, optimizer=optimizer, **LEVELS)
    kept = tmp_path / "run.ckpt"
    stopped = with_actions(begin(registry, keep=kept, optimizer=optimizer, **LEVELS), {number: Run.cancel})
    assert (stopped.stopped, stopped.evaluations) == ("cancelled", number)
    resumed = begin(registry, keep=kept, optimizer=optimizer, **LEVELS)
    assert next(resumed).number == number + 1
    same(resumed.exhaust(), whole)


@pytest.mark.parametrize("number", [3, 8])
def test_ctrl_c_in_an_observer_is_a_cancellation_that_can_be_continued(registry, tmp_path, number):
    def interrupt(step: Step) -> None:
        if step.number == number:
            raise KeyboardInterrupt

    kept = tmp_path / "run.ckpt"
    stopped = begin(registry, keep=kept, **LEVELS).exhaust([interrupt])
    assert (stopped.stopped, stopped.evaluations) == ("cancelled", number)
    same(begin(registry, keep=kept, **LEVELS).exhaust(), carry_out(registry, **LEVELS))


def test_a_level_that_had_converged_is_not_begun_again(registry, tmp_path):
    options = {**LEVELS, "optimizer": "lbfgs:tolerance=0.2"}
    whole = carry_out(registry, **options)
    first = whole.levels[0].evaluations
    assert first < 8
    kept = tmp_path / "run.ckpt"
    run = begin(registry, keep=kept, **options)
    problem, count = type(run.prepared).problem, []

    def interrupted(*arguments):
        count.append(1)
        if len(count) == 2:  # between the levels
            raise KeyboardInterrupt
        return problem(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(run.prepared), "problem", interrupted)
        assert run.exhaust().evaluations == first
    same(begin(registry, keep=kept, **options).exhaust(), whole)


@pytest.mark.parametrize("number", [2, 5])
def test_a_run_that_ran_out_of_memory_goes_on_to_the_same_pixels(registry, tmp_path, monkeypatch, number):
    """Every level begins with the tiles that the run was prepared with, as if it had not been interrupted."""
    from nst_core.objective.objective import Objective

    content, evaluate = picture(90, 100, 2), Objective.evaluate

    def full(self, image, targets, *, weights=None, tiling=None):
        if image.shape[-1] < 100 and tiling.max_pixels is None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return evaluate(self, image, targets, weights=weights, tiling=tiling)

    monkeypatch.setattr(Objective, "evaluate", full)
    options = {"extractor": "tiny", "precision": "fp32", "size": 100, "levels": "80,100", "steps": 4}
    made = make_job(content, STYLE, session=Session(registry), **options)

    def begun() -> Run:
        return Session(registry).run(
            made, content=content, styles=[STYLE], checkpoint=Checkpoint(tmp_path / "run.ckpt", every=0.0)
        )

    whole = run(made, content=content, styles=STYLE, session=Session(registry))
    with_actions(begun(), {number: Run.cancel})
    same(begun().exhaust(), whole)


def test_threads_are_those_of_a_step_alone(registry, tmp_path, monkeypatch):
    from nst_core import Problem

    evaluate, used = Problem.evaluate, []

    def counted(*arguments, **more):
        used.append(torch.get_num_threads())
        return evaluate(*arguments, **more)

    monkeypatch.setattr(Problem, "evaluate", counted)
    before = torch.get_num_threads()
    kept = tmp_path / "run.ckpt"
    run = begin(registry, keep=kept, threads=before + 1, steps=4)
    for step in run:
        assert torch.get_num_threads() == before
        if step.number == 2:
            break
    run.cancel()
    run.exhaust()
    said: list[str] = []
    resumed = Session(registry).run(
        job(registry, steps=4),
        content=CONTENT,
        styles=[STYLE],
        resources=Resources(threads=before + 1),
        checkpoint=Checkpoint(kept, say=said.append),
    )
    assert resumed.exhaust().evaluations == 4
    assert used == [before + 1] * 4
    assert said == []


def test_two_runs_at_once_on_one_session_give_the_pixels_of_two_in_turn():
    """With a network of the native kernels, whose memory all runs share."""
    registry = tiny_registry()
    content, style = picture(48, 64, 2), picture(40, 56, 3)
    made = [
        make_job(content, style, session=Session(registry), extractor="vgg19-lite", device="cpu", **options)
        for options in (
            {"size": 64, "levels": "32,64", "steps": 5, "precision": "fp32"},
            {"size": 64, "levels": "off", "steps": 6, "precision": "fp32", "style_weight": 3e6, "optimizer": "adam"},
        )
    ]
    in_turn = [run(one, content=content, styles=style, session=Session(registry)) for one in made]
    shared = Session(registry)
    together = threading.Barrier(2)

    def carry_one(one: Job) -> Result:
        begun = shared.run(one, content=content, styles=[style])
        together.wait()
        return begun.exhaust()

    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(carry_one, made))
    for found, expected in zip(at_once, in_turn, strict=True):
        same(found, expected)


# Other weights during a run

OPTIMIZERS = ["lbfgs", "adam", "lbfgs:line_search=strong-wolfe"]


def heavier(weight: float = 1e9, term: str = "gram-style") -> Callable[[Run], None]:
    return lambda run: run.reweight(term, weight)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_under_other_weights_the_loss_falls_on(registry, optimizer):
    run = begin(registry, optimizer=optimizer, steps=40)
    steps: list[Step] = []
    for step in run:
        steps.append(step)
        if step.number == 15:
            run.reweight("gram-style", 1e9)
    for step in steps:
        style, content = sum(step.losses["gram-style"].values()), sum(step.losses["mse-content"].values())
        weight = 1e7 if step.number <= 15 else 1e9
        assert step.weighted["gram-style"] == pytest.approx(weight * style, rel=1e-5)
        assert step.total == pytest.approx(weight * style + 10 * content, rel=1e-5)
    assert steps[15].best <= steps[15].total
    after = [step.total for step in steps[15:]]
    assert min(after) < 0.7 * after[0]
    assert steps[-1].weighted["gram-style"] < steps[15].weighted["gram-style"]
    result = run.result()
    assert result.total == pytest.approx(steps[-1].best) == pytest.approx(min(after))
    assert [term.weight for term in result.job.terms] == [10.0, 1e9]
    assert Job.from_toml(result.recipe) == result.job
    assert run.prepared.job.terms[1].weight == 1e7


def test_the_best_image_is_the_best_under_the_weights_of_now(registry):
    """What was best before is measured anew, so that a better image of the new kind takes its place."""
    run = begin(registry, steps=20)
    for step in run:
        if step.number == 10:
            before, image = run.result(), run.best
            run.reweight("gram-style", 1e10)
        if step.number == 11:
            style, content = (sum(before.losses[name].values()) for name in ("gram-style", "mse-content"))
            assert step.best == pytest.approx(min(1e10 * style + 10 * content, step.total), rel=1e-5)
    assert not torch.equal(run.best, image)


def test_one_term_alone_changes(registry):
    """Also where one loss is there twice, and with factors of layers."""
    plugins = ["gram-style:weight=3,layers=a+b=0.1", "gram-style:weight=7,layers=c"]
    run = begin(registry, plugins=plugins, steps=6)
    expected = {"mse-content": 10.0, "gram-style": 3.0, "gram-style#2": 7.0}
    for step in run:
        losses = step.losses["gram-style"]
        assert step.weighted["gram-style"] == pytest.approx(3.0 * (losses["a"] + 0.1 * losses["b"]), rel=1e-5)
        for term in ("mse-content", "gram-style#2"):
            assert step.weighted[term] == pytest.approx(expected[term] * sum(step.losses[term].values()), rel=1e-5)
        if step.number == 3:
            expected["gram-style#2"] = 70.0
            run.reweight("gram-style#2", 70.0)
    assert [term.weight for term in run.result().job.terms] == [10.0, 3.0, 70.0]


def test_weights_that_make_no_sense_are_refused_at_once(registry):
    run = begin(registry, steps=2)
    with pytest.raises(UnknownNameError, match="unknown term 'gram-stile'; did you mean 'gram-style'"):
        run.reweight("gram-stile", 1.0)
    for weight in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(JobError, match="weight of 'gram-style' must be positive and finite"):
            run.reweight("gram-style", weight)
    same(run.exhaust(), carry_out(registry, steps=2))
    normalized = begin(registry, normalize_gradients=True)
    with pytest.raises(JobError, match="gradients are normalized"):
        normalized.reweight("gram-style", 1.0)


def test_changed_weights_are_remarked_on_once(registry):
    result = with_actions(begin(registry, steps=8), {2: heavier(), 3: heavier(2e9), 5: heavier(3.0, "mse-content")})
    assert [remark for remark in result.remarks if "weights were changed" in remark] == [
        "weights were changed during the run; the recipe has only the new ones"
    ]
    assert [term.weight for term in result.job.terms] == [3.0, 2e9]
    assert not any("weights" in remark for remark in carry_out(registry, steps=2).remarks)


@pytest.mark.parametrize("number", [3, 8])
def test_other_weights_stay_at_the_larger_levels(registry, number):
    """Changed in the middle of a level, or with its last evaluation."""
    run = begin(registry, **LEVELS)
    for step in run:
        weight = 1e9 if step.number > number else 1e7
        assert step.weighted["gram-style"] == pytest.approx(weight * sum(step.losses["gram-style"].values()), rel=1e-5)
        if step.number == number:
            run.reweight("gram-style", 1e9)
    assert run.result().job.terms[1].weight == 1e9


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("number", [6, 8, 11, 15])
def test_a_run_with_other_weights_goes_on_with_them(registry, tmp_path, optimizer, number):
    """Interrupted at the level where they were changed, between that and the next, and later."""
    options = {**LEVELS, "optimizer": optimizer}
    whole = with_actions(begin(registry, **options), {4: heavier()})
    kept = tmp_path / "run.ckpt"
    stopped = with_actions(begin(registry, keep=kept, **options), {4: heavier(), number: Run.cancel})
    assert stopped.evaluations == number
    resumed = begin(registry, keep=kept, **options)
    assert next(resumed).number == number + 1
    assert resumed.result().job.terms[1].weight == 1e9
    same(resumed.exhaust(), whole)


def test_weights_may_be_changed_again_after_a_resumption(registry, tmp_path):
    whole = with_actions(begin(registry, **LEVELS), {4: heavier(), 10: heavier(5e8)})
    kept = tmp_path / "run.ckpt"
    with_actions(begin(registry, keep=kept, **LEVELS), {4: heavier(), 6: Run.cancel})
    same(with_actions(begin(registry, keep=kept, **LEVELS), {10: heavier(5e8)}), whole)
