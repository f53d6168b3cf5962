"""Preparation: the problem of every level, style transforms, and parametrizations other than pixels."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from parametrizations import Rows, Sigmoid
from problems import at, problem_of
from tiny import plugin, tiny_registry
from torch import Tensor

from nst_core import (
    Checkpoint,
    ImageTransform,
    Job,
    JobError,
    PluginError,
    Resources,
    Run,
    Session,
    make_job,
    run,
)
from nst_plugins.losses.gram_style import GramStyle

OPTIONS = {"preset": "content", "extractor": "tiny", "precision": "fp32", "device": "cpu"}


def picture(height: int, width: int, seed: int) -> Tensor:
    small = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 1)


CONTENT, STYLE, POINT = picture(24, 32, 0), picture(32, 20, 1), picture(24, 32, 2)


def job_of(registry, content: Tensor = CONTENT, **options) -> Job:
    return make_job(content, STYLE, session=Session(registry), **{**OPTIONS, **options})


# Problems


def test_a_problem_begins_with_the_initial_image(registry):
    for init, first in (("content", CONTENT), ("noise", None)):
        problem = problem_of(job_of(registry, init=init, seed=5), registry, CONTENT, STYLE)
        again = problem_of(job_of(registry, init=init, seed=5), registry, CONTENT, STYLE)
        assert torch.equal(problem.variable, again.variable)
        assert (problem.size, problem.dtype) == ((24, 32), torch.float32)
        if first is not None:
            assert torch.equal(problem.variable, first)


def test_evaluating_a_problem_is_evaluating_its_objective(registry):
    problem = problem_of(job_of(registry, plugins=["tv"]), registry, CONTENT, STYLE)
    found, image = problem.evaluate(POINT)
    expected = problem.objective.evaluate(POINT, problem.targets)
    assert torch.equal(image, POINT)
    assert torch.equal(found.losses, expected.losses)
    assert torch.equal(found.gradient, expected.gradient)
    first, image = problem.evaluate()
    assert torch.equal(image, CONTENT)
    assert first.losses[0] == 0


def test_a_problem_may_be_evaluated_with_other_weights_and_tiles(registry):
    content = picture(90, 100, 3)
    problem = problem_of(job_of(registry, content, size=100), registry, content, STYLE)
    point = picture(90, 100, 4)
    found, _ = problem.evaluate(point)
    assert float(found.total) == pytest.approx(float(at(problem, point).total), rel=1e-5)
    weights = [2.0, *[0.0] * (len(problem.weights) - 1)]
    assert float(problem.evaluate(point, weights=weights)[0].total) == pytest.approx(2 * float(found.losses[0]))
    tiled, _ = problem.evaluate(point, tiling=replace(problem.tiling, max_pixels=60 * 60))
    assert not torch.equal(tiled.gradient, found.gradient)
    torch.testing.assert_close(tiled.losses, found.losses, rtol=1e-4, atol=1e-6)
    assert float((tiled.gradient - found.gradient).norm()) < 1e-4 * float(found.gradient.norm())


def test_pixels_outside_the_box_are_evaluated_inside(registry):
    problem = problem_of(job_of(registry), registry, CONTENT, STYLE)
    outside = POINT * 3 - 1
    found, image = problem.evaluate(outside)
    assert torch.equal(image, outside.clamp(0, 1))
    assert torch.equal(found.losses, problem.evaluate(image)[0].losses)
    assert found.gradient[outside > 1].abs().max() > 0  # so that it can come back


def test_every_level_has_images_of_its_size(registry):
    job = job_of(registry, levels="16,32", steps=6, style_scale=0.5)
    prepared = Session(registry).prepare(job, content=CONTENT, styles=[STYLE])
    problems = [prepared.problem(number) for number in (0, 1)]
    assert [problem.size for problem in problems] == [(12, 16), (24, 32)]
    assert [problem.steps for problem in problems] == [6, 3]
    positions = [problem.targets.by_term[1][0]["a"].weight.item() for problem in problems]
    assert positions == [8 * 5, 16 * 10]  # of the style image at half its size, and along with the picture
    last, named = prepared.problem(), prepared.problem(1)
    assert torch.equal(last.evaluate(POINT)[0].losses, named.evaluate(POINT)[0].losses)


def test_a_level_begins_where_the_one_before_ended(registry):
    prepared = Session(registry).prepare(job_of(registry, levels="16,32"), content=CONTENT, styles=[STYLE])
    end = picture(12, 16, 8)
    begun = prepared.problem(1, end)
    assert begun.size == (24, 32)
    assert torch.equal(begun.variable, begun.parametrization.resize(end, (24, 32)))
    small = torch.nn.functional.interpolate(begun.variable, size=(12, 16), mode="area")
    assert float((small - end).abs().mean()) < 0.05
    assert float((small - prepared.problem(0).variable).abs().mean()) > 0.1


# Transforms of style images


class Inverted(ImageTransform):
    """Turns colours round, and takes the mean of the content image if asked to."""

    calls: ClassVar[Counter[str]] = Counter()

    def __init__(self, like_content: bool = False) -> None:
        self.like_content = like_content

    def transform(self, image, content):
        type(self).calls["transform"] += 1
        turned = 1 - image
        return (turned - turned.mean() + content.mean()).clamp(0, 1) if self.like_content else turned


class Counting(GramStyle):
    def statistic(self, feature, weight=None):
        if not torch.is_grad_enabled():
            Inverted.calls["statistic"] += 1
        return super().statistic(feature, weight)


TRANSFORMS = tiny_registry(("turned", plugin(transforms={"inverted": Inverted}, losses={"counting": Counting})))


@pytest.fixture(autouse=True)
def calls(monkeypatch) -> Counter[str]:
    monkeypatch.setattr(Inverted, "calls", Counter())
    return Inverted.calls


def losses_of(job: Job, session: Session, content: Tensor = CONTENT, style: Tensor = STYLE) -> Tensor:
    return session.prepare(job, content=content, styles=[style]).problem().evaluate(POINT)[0].losses


def test_a_style_is_seen_as_it_is_transformed():
    job = job_of(TRANSFORMS, style_transform="inverted")
    found = losses_of(job, Session(TRANSFORMS))
    plain = job_of(TRANSFORMS)
    assert torch.equal(found, losses_of(plain, Session(TRANSFORMS), style=1 - STYLE))
    assert not torch.equal(found, losses_of(plain, Session(TRANSFORMS)))
    assert 'name = "inverted"' in job.to_toml()
    assert Job.from_toml(job.to_toml()) == job


def test_the_initial_image_is_of_the_transformed_style():
    job = job_of(TRANSFORMS, style_transform="inverted", init="style")
    plain = job_of(TRANSFORMS, init="style")
    found = problem_of(job, TRANSFORMS, CONTENT, STYLE).variable
    assert torch.equal(found, problem_of(plain, TRANSFORMS, CONTENT, 1 - STYLE).variable)


@pytest.mark.parametrize("like_content", [False, True])
def test_statistics_of_a_transformed_style_are_cached_for_every_content(calls, like_content):
    session = Session(TRANSFORMS)
    text = f"inverted:like_content={'yes' if like_content else 'no'}"
    bright = (CONTENT + 0.3).clamp(0, 1)
    for content, misses in ((CONTENT, 1), (CONTENT, 1), (bright, 2), (CONTENT, 2)):
        job = job_of(TRANSFORMS, content, style_transform=text, plugins=["counting"])
        found = losses_of(job, session, content)
        assert calls["statistic"] == 3 * misses
        before = calls["statistic"]
        assert torch.equal(found, losses_of(job, Session(TRANSFORMS), content))
        calls["statistic"] = before


def test_a_style_without_a_transform_is_the_same_for_every_content(calls):
    session = Session(TRANSFORMS)
    for content in (CONTENT, CONTENT.flip(3), picture(30, 32, 7)):
        job = job_of(TRANSFORMS, content, plugins=["counting"])
        session.prepare(job, content=content, styles=[STYLE]).problem()
    assert calls == {"statistic": 3}


def test_transforms_of_one_style_are_told_apart():
    session = Session(TRANSFORMS)
    found = []
    for transform in ("none", "inverted", "inverted:like_content=yes"):
        job = job_of(TRANSFORMS, style_transform=transform)
        found.append(losses_of(job, session))
        assert torch.equal(found[-1], losses_of(job, Session(TRANSFORMS)))
    assert len({float(losses[1]) for losses in found}) == 3


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (lambda image: image[..., 1:], r"must give finite pixels of shape \(1, 3, 32, 20\) .* gave \(1, 3, 32, 19\)"),
        (lambda image: image / 0 * 0, "but gave some that are not finite"),
        (lambda image: image * 255, r"in \[0, 1\], but gave values from .* to \d"),
        (lambda _: None, "but gave a NoneType"),
    ],
)
def test_a_transform_that_breaks_its_contract_is_named(give, said):
    class Broken(ImageTransform):
        def transform(self, image, content):
            return give(image)

    registry = tiny_registry(("broken", plugin(transforms={"broken": Broken})))
    with pytest.raises(
        PluginError, match=rf"transform 'broken' \(plugin 'broken' of package broken-package 1.2\).*{said}"
    ):
        run(job_of(registry, style_transform="broken"), content=CONTENT, styles=STYLE, session=Session(registry))


# Parametrizations other than pixels

OTHERS = tiny_registry(("others", plugin(parametrizations={"sigmoid": Sigmoid, "rows": Rows})))


@pytest.mark.parametrize("name", ["sigmoid", "rows"])
def test_the_gradient_is_that_of_the_variable(name):
    problem = problem_of(job_of(OTHERS, parametrization=name), OTHERS, CONTENT, STYLE)
    point = problem.parametrization.encode(POINT)
    found, image = problem.evaluate(point)
    torch.testing.assert_close(image, POINT.clamp(0.01, 0.99), atol=1e-5, rtol=0)
    assert found.gradient.shape == point.shape
    step = 0.03 * found.gradient / found.gradient.norm()
    slope = problem.evaluate(point + step)[0].total - problem.evaluate(point - step)[0].total
    assert float(slope) == pytest.approx(2 * float((found.gradient * step).sum()), rel=0.02)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam:averaging=0.5"])
@pytest.mark.parametrize("name", ["sigmoid", "rows"])
def test_a_run_goes_through_levels_and_on_from_a_checkpoint(name, optimizer, tmp_path):
    job = job_of(OTHERS, parametrization=name, optimizer=optimizer, levels="16,24,32", steps=12)

    def begin() -> Run:
        return Session(OTHERS).run(
            job, content=CONTENT, styles=[STYLE], checkpoint=Checkpoint(tmp_path / "run.ckpt", every=0.0)
        )

    whole = run(job, content=CONTENT, styles=STYLE, session=Session(OTHERS))
    assert [level.size for level in whole.levels] == [16, 24, 32]
    assert whole.total < 0.9 * whole.first_total
    assert 0 < float(whole.image.min()) < float(whole.image.max()) < 1
    assert f'[parametrization]\nname = "{name}"' in whole.recipe
    assert Job.from_toml(whole.recipe).parametrization.name == name
    for number in (5, 12, 22):  # within a level, between two, and in the last one
        stopped = begin()
        for step in stopped:
            if step.number == number:
                stopped.cancel()
    resumed = begin().exhaust()
    assert torch.equal(resumed.image, whole.image)
    assert resumed.history == whole.history


def test_a_checkpoint_of_pixels_is_of_another_job(tmp_path):
    kept = Checkpoint(tmp_path / "run.ckpt", every=0.0)
    begun = Session(OTHERS).run(job_of(OTHERS), content=CONTENT, styles=[STYLE], checkpoint=kept)
    next(begun)
    begun.cancel()
    begun.exhaust()
    with pytest.raises(Exception, match=r"parametrization\.name was pixels and is sigmoid"):
        Session(OTHERS).run(job_of(OTHERS, parametrization="sigmoid"), content=CONTENT, styles=[STYLE], checkpoint=kept)


def test_a_parametrization_that_breaks_its_contract_is_named():
    class Half(Sigmoid):
        def decode(self, variable):
            return super().decode(variable)[..., ::2]

    registry = tiny_registry(("half", plugin(parametrizations={"half": Half})))
    with pytest.raises(PluginError, match=r"parametrization 'half' \(plugin 'half'.* but gave \(1, 3, 24, 16\)"):
        run(job_of(registry, parametrization="half"), content=CONTENT, styles=STYLE, session=Session(registry))


# What is missing


def test_a_loss_without_its_image_is_said_before_any_is_opened(registry):
    job = replace(job_of(registry), styles=())
    with pytest.raises(JobError, match="'gram-style' needs a style image, but none is given"):
        Session(registry).prepare(job, content=CONTENT)


def test_tiles_are_those_that_were_asked_for(registry):
    prepared = Session(registry).prepare(
        job_of(registry), content=CONTENT, styles=[STYLE], resources=Resources(tile=77)
    )
    assert prepared.max_pixels == prepared.problem().tiling.max_pixels == 77**2
