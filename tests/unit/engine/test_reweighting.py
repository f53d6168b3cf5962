"""Other weights of terms in the middle of a run."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from runs import LEVELS, begin, carry_out, same, with_actions

from nst_core import (
    Job,
    JobError,
    Run,
    Step,
    UnknownNameError,
)

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
