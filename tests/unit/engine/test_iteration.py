"""A run as an iterator: its steps, its end, its continuation and its threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from runs import CONTENT, LEVELS, STYLE, begin, carry_out, job, picture, same, with_actions
from tiny import tiny_registry

from nst_core import (
    CancelledError,
    Checkpoint,
    Job,
    Resources,
    Result,
    Run,
    Session,
    Step,
    make_job,
    run,
)


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
