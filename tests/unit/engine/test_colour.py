"""Colour modes on their way through preparation and run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from problems import problem_of
from runs import CONTENT, STYLE, begin, carry_out, job, picture, same, with_actions
from tiny import plugin, tiny_registry

from nst_core import (
    Component,
    ImageTransform,
    Job,
    JobError,
    PluginError,
    Resources,
    Session,
    UnknownNameError,
    make_job,
    reconstruct,
    run,
    synthesize,
)
from nst_core.engine.colour import check_transforms, color_mode, parametrization_of
from nst_core.experiments.sweep import parse_variation, varied_job
from nst_plugins.losses.gram_style import GramStyle
from nst_plugins.transforms.match import Match
from nst_plugins.ycbcr import luminance, with_chroma_of

MODES = ["match", "match:cholesky", "match:pca", "luminance", "content"]
GREY = CONTENT[:, :1].repeat(1, 3, 1, 1)
FLAT = torch.tensor([0.9, 0.1, 0.4]).reshape(1, 3, 1, 1).repeat(1, 1, 24, 32)


class Tinted(ImageTransform):
    """A colour mode of a third party, that needs no photograph, and counts."""

    calls: ClassVar[Counter[str]] = Counter()

    def transform(self, image, content):
        self.calls["none" if content is None else "some"] += 1
        return image / 2

    def content_image(self, content):
        return 1 - content

    def finish(self, pastiche, content):
        return pastiche / 4


class Counting(GramStyle):
    def statistic(self, feature, weight=None):
        if not torch.is_grad_enabled():
            Tinted.calls["statistic"] += 1
        return super().statistic(feature, weight)


OTHERS = tiny_registry(("others", plugin(transforms={"tinted": Tinted}, losses={"counting": Counting})))


@pytest.fixture(autouse=True)
def calls(monkeypatch) -> Counter[str]:
    monkeypatch.setattr(Tinted, "calls", Counter())
    return Tinted.calls


# What is optimized


def test_match_changes_the_style_images_alone(registry):
    found = carry_out(registry, color="match")
    plain = run(job(registry), content=CONTENT, styles=Match().transform(STYLE, CONTENT), session=Session(registry))
    assert torch.equal(found.image, plain.image)
    assert not torch.equal(found.image, carry_out(registry).image)


def test_the_same_transform_of_the_style_images_alone(registry):
    both = carry_out(registry, color="match"), carry_out(registry, style_transform="match")
    assert torch.equal(both[0].image, both[1].image)
    alone = carry_out(registry, style_transform="content")
    assert torch.equal(alone.image, carry_out(registry).image)


def test_luminance_paints_in_grey_and_takes_the_photographs_chroma(registry):
    problem = problem_of(job(registry, color="luminance"), registry, CONTENT, STYLE)
    assert problem.variable.shape == (1, 1, 24, 32)
    assert torch.equal(problem.variable, luminance(luminance(CONTENT).repeat(1, 3, 1, 1)))
    found, image = problem.evaluate()
    assert float(found.losses[0]) < 1e-6  # the content loss, of the grey photograph
    assert found.gradient.shape == problem.variable.shape
    assert torch.equal(problem.finished(image), with_chroma_of(image, CONTENT))
    result = carry_out(registry, color="luminance")
    assert result.total < 0.9 * result.first_total
    inside = ((result.image > 0) & (result.image < 1)).all(1, keepdim=True).expand_as(result.image)
    assert inside.float().mean() > 0.5
    chroma, expected = result.image - luminance(result.image), CONTENT - luminance(CONTENT)
    torch.testing.assert_close(chroma[inside], expected[inside], atol=1e-5, rtol=0)


def test_the_gradient_of_luminance_is_that_of_its_variable(registry):
    problem = problem_of(job(registry, color="luminance"), registry, CONTENT, STYLE)
    point = luminance(picture(24, 32, 2)) * 0.8 + 0.1
    gradient = problem.evaluate(point)[0].gradient
    step = 0.03 * gradient / gradient.norm()
    slope = problem.evaluate(point + step)[0].total - problem.evaluate(point - step)[0].total
    assert float(slope) == pytest.approx(2 * float((gradient * step).sum()), rel=0.02)


def test_content_only_recombines(registry):
    steps, plain = [], []
    found = carry_out(registry, lambda step: steps.append(step.image), color="content")
    expected = carry_out(registry, lambda step: plain.append(step.image))
    assert found.history == expected.history
    assert torch.equal(found.image, with_chroma_of(expected.image, CONTENT))
    for one, other in zip(steps, plain, strict=True):
        assert torch.equal(one, with_chroma_of(other, CONTENT))


def test_a_transform_of_the_style_image_comes_before_the_colour_mode():
    one = problem_of(job(OTHERS, style_transform="tinted", color="match"), OTHERS, CONTENT, STYLE)
    other = problem_of(job(OTHERS, color="match"), OTHERS, CONTENT, STYLE / 2)
    assert torch.equal(one.evaluate()[0].losses, other.evaluate()[0].losses)


def test_a_third_partys_colour_mode_has_all_stages(calls):
    found = problem_of(job(OTHERS, color="tinted"), OTHERS, CONTENT, STYLE)
    other = problem_of(job(OTHERS), OTHERS, 1 - CONTENT, STYLE / 2)
    assert torch.equal(found.variable, other.variable)
    assert torch.equal(found.evaluate()[0].losses, other.evaluate()[0].losses)
    assert torch.equal(found.photograph, CONTENT)
    result = carry_out(OTHERS, color="tinted")
    assert float(result.image.max()) <= 0.25
    assert calls["none"] == 0


def test_a_texture_may_have_a_colour_mode_that_needs_no_photograph(calls):
    options = {"preset": "noise", "extractor": "tiny", "steps": 3, "precision": "fp32", "content_weight": 0}
    texture = make_job(None, STYLE, session=Session(OTHERS), color="tinted", **options)
    result = run(texture, styles=STYLE, session=Session(OTHERS))
    assert float(result.image.max()) <= 0.25
    assert calls["some"] == 0


def test_the_photograph_starts_the_picture_as_the_network_sees_it():
    problem = problem_of(job(OTHERS, color="tinted", init="content"), OTHERS, CONTENT, STYLE)
    assert torch.equal(problem.variable, 1 - CONTENT)


# Targets are cached


@pytest.mark.parametrize(("color", "misses"), [("match", 2), ("luminance", 2), ("content", 1), ("style", 1)])
def test_statistics_of_a_style_are_cached_for_every_photograph_that_they_depend_on(calls, color, misses):
    session = Session(OTHERS)
    bright = (CONTENT + 0.3).clamp(0, 1)
    for content in (CONTENT, bright, CONTENT, bright):
        given = job(OTHERS, color=color, plugins=["counting"])
        prepared = session.prepare(
            replace(given, content=replace(given.content, sha256="")), content=content, styles=[STYLE]
        )
        found = prepared.problem().evaluate()[0].losses
        calls["fresh"] = calls["statistic"]
        anew = Session(OTHERS).prepare(prepared.job, content=content, styles=[STYLE]).problem().evaluate()[0].losses
        assert torch.equal(found, anew)
        calls["statistic"] = calls["fresh"]
    assert calls["statistic"] == 3 * misses


def test_modes_of_one_session_are_told_apart(registry):
    session = Session(registry)
    found = []
    for color in ("style", *MODES):
        given = job(registry, color=color)
        losses = session.prepare(given, content=CONTENT, styles=[STYLE]).problem().evaluate()[0].losses
        assert torch.equal(losses, problem_of(given, registry, CONTENT, STYLE).evaluate()[0].losses)
        found.append(float(losses[1]))
    assert len({*found}) == len(found) - 1  # 'content' optimizes what 'style' does


# Whole runs


@pytest.mark.parametrize("color", MODES)
@pytest.mark.parametrize(
    ("content", "style"),
    [(CONTENT, STYLE), (GREY, STYLE), (CONTENT, GREY), (GREY, GREY), (FLAT, STYLE), (CONTENT, FLAT), (FLAT, FLAT)],
    ids=["colours", "grey photo", "grey style", "grey", "flat photo", "flat style", "flat"],
)
def test_every_mode_makes_a_picture_of_any_images(registry, color, content, style):
    given = make_job(
        content,
        style,
        session=Session(registry),
        preset="content",
        extractor="tiny",
        steps=4,
        precision="fp32",
        color=color,
    )
    result = run(given, content=content, styles=style, session=Session(registry))
    assert torch.isfinite(result.image).all()
    assert 0 <= float(result.image.min()) <= float(result.image.max()) <= 1
    if content is not CONTENT and color in ("luminance", "content"):
        chroma = (result.image - luminance(result.image)) - (content - luminance(content))
        assert float(chroma.abs().median()) < 1e-5


@pytest.mark.parametrize("color", ["match", "luminance", "content"])
def test_tiles_give_the_same_picture(registry, color):
    content, style = picture(90, 100, 3), picture(80, 70, 4)
    options = {"preset": "content", "extractor": "tiny", "steps": 3, "precision": "fp32", "size": 100}
    given = make_job(content, style, session=Session(registry), color=color, **options)
    whole, tiled = (
        run(given, content=content, styles=style, session=Session(registry), resources=Resources(tile=tile))
        for tile in ("off", 60)
    )
    torch.testing.assert_close(tiled.image, whole.image, atol=2e-3, rtol=0)


@pytest.mark.parametrize("color", ["match", "luminance", "content"])
def test_a_resumed_run_gives_the_same_pixels(registry, color, tmp_path):
    options = {"levels": "16,24,32", "steps": 8, "color": color}
    whole = with_actions(begin(registry, **options), {})
    kept = tmp_path / "run.ckpt"
    for number in (3, 8, 15):  # within a level, between two, and in the last one
        with_actions(begin(registry, keep=kept, **options), {number: lambda run: run.cancel()})
    same(with_actions(begin(registry, keep=kept, **options), {}), whole)


# What is written down


def test_a_mode_is_part_of_the_recipe(registry):
    result = carry_out(registry, color="match:pca", steps=2)
    assert '[color]\nname = "match"' in result.recipe
    again = Job.from_toml(result.recipe)
    assert again.color == Component("match", {"method": "pca"})
    repeated = run(again, content=CONTENT, styles=STYLE, session=Session(registry))
    assert torch.equal(repeated.image, result.image)
    assert make_job(base=again, session=Session(registry), color="style").color is None


def test_a_mode_can_be_varied(registry):
    base = make_job("a.jpg", "b.jpg", session=Session(registry))
    values = parse_variation("color=style,match:method=pca,luminance", base, registry).values
    assert values == ("style", "match:method=pca", "luminance")
    colors = [varied_job(Session(registry), "a.jpg", ["b.jpg"], None, {}, {"color": value}).color for value in values]
    assert colors == [None, Component("match", {"method": "pca"}), Component("luminance")]


# What cannot be


@pytest.mark.parametrize(
    ("color", "message"),
    [
        ("lumiance", "unknown transform 'lumiance'; did you mean 'luminance'"),
        ("match:method=chol", "unknown value for 'method' of 'match': 'chol'; did you mean 'cholesky'"),
        ("match:strength=2", "unknown parameter of 'match': 'strength'"),
    ],
)
def test_bad_modes_are_explained(registry, color, message):
    with pytest.raises(JobError, match=message):
        job(registry, color=color)


@pytest.mark.parametrize("option", ["color", "style_transform"])
@pytest.mark.parametrize("mode", ["match", "luminance", "content"])
def test_a_texture_has_no_photograph_to_take_colours_from(registry, mode, option):
    texture = make_job(None, STYLE, session=Session(registry), preset="noise", extractor="tiny", **{option: mode})
    flag = {"color": "color style", "style_transform": "style-transform none"}[option]
    with pytest.raises(JobError, match=rf"image transform '{mode}' needs a content image.*use --{flag}"):
        Session(registry).prepare(texture, styles=[STYLE])


def test_a_texture_from_the_recipe_of_a_pastiche_has_no_colour_mode(registry):
    options = {"session": Session(registry), "steps": 2, "init": "noise"}
    recipe = job(registry, color="luminance")
    texture = synthesize(STYLE, base=recipe, **options)
    assert torch.equal(texture.image, synthesize(STYLE, base=replace(recipe, color=None), **options).image)
    assert reconstruct(CONTENT, "b", base=recipe, **options).job.color is None
    assert reconstruct(CONTENT, "b", base=recipe, color="luminance", **options).job.color == Component("luminance")
    tinted = synthesize(STYLE, base=replace(job(OTHERS), color=None), color="tinted", session=Session(OTHERS), steps=2)
    again = synthesize(STYLE, base=tinted.job, session=Session(OTHERS))
    assert torch.equal(again.image, tinted.image)


def test_a_mode_that_does_not_exist_is_said_before_any_image_is_opened(registry):
    given = replace(job(registry), color=Component("nothing"))
    with pytest.raises(UnknownNameError, match="unknown transform 'nothing'"):
        Session(registry).prepare(given)


def test_the_parametrization_is_the_modes_or_the_jobs():
    class Logits(Match):
        parametrization = "no-such"

    registry = tiny_registry(("others", plugin(transforms={"logits": Logits})))
    given = job(registry)
    assert color_mode(given, registry) is None
    assert parametrization_of(given, registry) == given.parametrization
    assert parametrization_of(replace(given, color=Component("match")), registry) == given.parametrization
    grey = replace(given, color=Component("luminance"))
    assert parametrization_of(grey, registry) == Component("luminance")
    chosen = replace(grey, parametrization=Component("luminance"))
    assert parametrization_of(chosen, registry) == chosen.parametrization
    other = replace(grey, parametrization=Component("fourier"))
    with pytest.raises(JobError, match="'luminance' needs the parametrization 'luminance', but the job has 'fourier'"):
        check_transforms(other, registry)
    with pytest.raises(UnknownNameError, match="unknown parametrization 'no-such'"):
        check_transforms(replace(given, color=Component("logits")), registry)


@pytest.mark.parametrize("stage", ["transform", "content_image", "finish"])
def test_a_stage_that_breaks_its_contract_is_named(stage):
    def wrong(self, image, content=None):
        return image[..., 1:]

    class Broken(ImageTransform):
        def transform(self, image, content):
            return image

    setattr(Broken, stage, wrong)
    registry = tiny_registry(("broken", plugin(transforms={"broken": Broken})))
    with pytest.raises(PluginError, match=r"transform 'broken' \(plugin 'broken' .*must give finite pixels of shape"):
        carry_out(registry, color="broken")
