"""A run whose job is changed goes on from the image that there is, to the new objective."""

from __future__ import annotations

import pytest
import torch
from runs import CONTENT, LEVELS, STYLE, begin, picture, same, with_actions

from nst_core import Checkpoint, JobError, Session, UnknownNameError, make_job
from nst_core.engine.loop import Loop

CHANGES = [
    {"strength": 0.9},
    {"plugins": ["w2-style"]},
    {"plugins": ["tv:weight=3"], "style_weight": 5e6},
    {"style_layers": ["a"]},
    {"style_scale": 0.7},
    {"normalize_gradients": True},
    {"color": "match"},
    {"color": "luminance"},
]


@pytest.mark.parametrize("options", CHANGES, ids=lambda options: "-".join(options))
def test_the_next_evaluation_is_of_the_new_objective_at_the_best_image(registry, options):
    run = begin(registry, steps=6)
    best: list[torch.Tensor] = []
    for step in run:
        if step.number == 4:
            loop = run._loop
            best.append(loop.problem.parametrization.decode(loop.best.variable))
            run.change(**options)
        if step.number == 5:
            problem = run.prepared.problem(image=best[0])
            evaluation, _ = problem.evaluate()
            assert step.total == pytest.approx(float(evaluation.total), rel=1e-4)
    found = run.result()
    changed = make_job(CONTENT, STYLE, session=Session(registry), base=begin(registry, steps=6).prepared.job, **options)
    assert (found.job.terms, found.job.color, found.job.strength) == (changed.terms, changed.color, changed.strength)
    assert found.remarks[-1] == "the job was changed during the run; the recipe has only the last options"


def test_the_level_begins_again_and_the_others_stay(registry):
    run, seen = begin(registry, **LEVELS), []  # 8, 5 and 4 evaluations
    for step in run:
        seen.append((step.number, step.steps, max(step.image.shape)))
        if step.number == 10:
            run.change(strength=0.8)
    assert seen == [
        *((number, 17, 16) for number in range(1, 9)),
        *((number, 17, 24) for number in (9, 10)),
        *((number, 19, 24) for number in range(11, 16)),
        *((number, 19, 32) for number in range(16, 20)),
    ]
    result = run.result()
    assert [level.evaluations for level in result.levels] == [8, 5, 4]
    assert len(result.history) == 19


def test_the_new_objective_is_optimized(registry):
    """The picture is nearer to the one made with the new options from the start than to that of the old ones."""
    options = {"steps": 40, "preset": "content"}
    old, new = (begin(registry, strength=strength, **options).exhaust().image for strength in (0.1, 0.9))
    changed = with_actions(begin(registry, strength=0.1, **options), {20: lambda run: run.change(strength=0.9)}).image
    assert (changed - new).square().mean() < 0.5 * (changed - old).square().mean()


def test_changes_add_up_and_the_last_counts(registry):
    def change(run) -> None:
        run.reweight("mse-content", 3.0)
        run.change(strength=0.7)
        run.change(plugins=["w2-style"])
        run.change(strength=0.6)

    found = with_actions(begin(registry, steps=4), {2: change}).job
    assert [term.loss for term in found.terms] == ["mse-content", "w2-style"]
    assert (found.strength, found.terms[0].weight) == (0.6, 3.0)


def test_shares_of_a_blend_change(registry):
    job = make_job(
        CONTENT, [STYLE, picture(30, 30, 5)], session=(session := Session(registry)), extractor="tiny", steps=4
    )
    run = session.run(job, content=CONTENT, styles=[STYLE, picture(30, 30, 5)])
    next(run)
    run.change(blend=[0.25, 0.75])
    assert run.exhaust().job.blend == (0.25, 0.75)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"size": 64}, "a run cannot change size; end it, and begin another one"),
        ({"seed": 3, "steps": 9}, "a run cannot change steps and seed"),
        ({"extractor": "vgg19"}, "a run cannot change extractor"),
        ({"init": "noise"}, "a run cannot change initializer"),
        ({"strength": 2.0}, "strength"),
        ({"style_layers": ["z"]}, "layer 'z'"),
    ],
)
def test_what_a_run_cannot_change_is_refused_and_it_goes_on(registry, options, problem):
    run = begin(registry, steps=5)
    next(run)
    with pytest.raises(JobError, match=problem):
        run.change(**options)
    same(run.exhaust(), begin(registry, steps=5).exhaust())


def test_an_option_that_does_not_exist_is_refused(registry):
    with pytest.raises(UnknownNameError, match="strenght"):
        begin(registry).change(strenght=0.4)


def test_before_the_new_objective_is_evaluated_the_old_picture_is_the_result(registry, monkeypatch):
    run = begin(registry, steps=6)
    for _ in range(3):
        next(run)
    before = run.result()
    run.change(strength=0.9)
    assert torch.equal(run.result().image, before.image)

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Loop, "measure", interrupted)
    found = run.exhaust()
    assert found.stopped == "cancelled"
    assert torch.equal(found.image, before.image)


@pytest.mark.parametrize("options", CHANGES, ids=lambda options: "-".join(options))
def test_a_run_that_was_changed_is_continued_to_the_same_pixels(registry, options, tmp_path):
    whole = with_actions(begin(registry, **LEVELS), {10: lambda run: run.change(**options)})
    path = tmp_path / "run.ckpt"
    first = begin(registry, keep=path, **LEVELS)
    with_actions(first, {10: lambda run: run.change(**options), 13: lambda run: run.cancel()})
    saved = Checkpoint(path).read()
    assert saved.job == first.prepared.job
    second = Session(registry).run(saved.job, content=CONTENT, styles=[STYLE], checkpoint=Checkpoint(path))
    steps = list(second)
    assert [(step.number, step.steps) for step in steps] == [(number, 19) for number in range(14, 20)]
    found = second.result()
    assert torch.equal(found.image, whole.image)
    assert found.history == whole.history


def test_ctrl_c_between_two_objectives_keeps_the_checkpoint_there_was(registry, tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    run = begin(registry, keep=path, **LEVELS)
    for _ in range(10):
        next(run)
    run.change(strength=0.9)

    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "measure", interrupted)
        run.exhaust()
    saved = Checkpoint(path).read()
    assert len(saved.levels) == 1
    assert saved.job.strength == 0.5
    again = Session(registry).run(saved.job, content=CONTENT, styles=[STYLE], checkpoint=Checkpoint(path))
    same(again.exhaust(), begin(registry, **LEVELS).exhaust())
