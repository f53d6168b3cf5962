"""Coarse to fine: which levels there are, and what happens from one to the next."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import tiny_registry

from nst_core import JobError, Session, Step, make_job, preview, run
from nst_core.job.bounds import BOUNDS
from nst_core.job.schedule import Level, job_at, levels_of, style_size
from nst_core.job.schema import Job

OPTIONS = {"extractor": "tiny", "precision": "fp32", "device": "cpu"}
CONTENT, STYLE = (
    torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0)),
    0.5 * torch.rand(1, 3, 50, 40, generator=torch.Generator().manual_seed(1)),
)


def job(registry, **options) -> Job:
    return make_job(
        CONTENT,
        STYLE,
        session=Session(registry),
        **{**OPTIONS, **({} if "levels" in options else {"size": 64}), "steps": 8, **options},
    )


JOB = partial(job, tiny_registry())


@pytest.mark.parametrize(
    ("longest", "expected"),
    [
        (1, [(1, 300)]),
        (76, [(76, 300)]),
        (77, [(54, 300), (77, 210)]),
        (128, [(64, 300), (91, 211), (128, 150)]),
        (256, [(64, 300), (91, 211), (128, 150), (181, 106), (256, 75)]),
        (384, [(96, 300), (136, 212), (192, 150), (272, 106), (384, 75)]),
        (500, [(125, 300), (177, 212), (250, 150), (354, 106), (500, 75)]),
        (512, [(128, 300), (181, 212), (256, 150), (362, 106), (512, 75)]),
    ],
)
def test_pictures_begin_small_by_default(longest, expected, registry):
    chosen = job(registry, size=6000, steps=300)
    assert [(s.size, s.steps) for s in levels_of(chosen, longest)] == expected


@given(longest=st.integers(1, 50_000))
def test_levels_grow_evenly_from_near_the_smallest(longest):
    sizes = [level.size for level in levels_of(JOB(size=50_000), longest)]
    assert sizes[-1] == longest
    smallest = min(128, max(64, longest / 4))
    if len(sizes) > 1:
        assert smallest / 2**0.25 - 1 <= sizes[0] <= smallest * 2**0.25 + 1
        assert all(1.37 < after / before < 1.45 for before, after in itertools.pairwise(sizes))
    else:
        assert longest <= 76


def test_levels_beyond_a_small_image_are_left_out(registry):
    chosen = job(registry, levels="32,64,500", size=500, steps=10)
    assert chosen.size == 500
    assert levels_of(chosen, 64) == (Level(32, 10), Level(64, 5))
    assert levels_of(job(registry, levels="off", size=4096), 4096) == (Level(4096, 8),)


def test_levels_that_cannot_be_used_are_left_out_but_not_those_that_were_chosen(registry):
    chosen = job(registry, size=2048, steps=300)
    found = levels_of(chosen, 2048, lambda size: size > 600)
    assert found == (Level(724, 300), Level(1024, 212), Level(1448, 150), Level(2048, 106))
    assert levels_of(chosen, 2048, lambda _: False) == (Level(2048, 300),)
    assert levels_of(job(registry, levels="512,2048"), 2048, lambda _: False)[0].size == 512


SIZES = st.integers(1, 3000)


@given(own=SIZES, longest=SIZES, level=SIZES, scale=st.floats(0.1, 8))
@example(own=300, longest=900, level=300, scale=1.0)
@example(own=200, longest=1024, level=512, scale=3.0)
def test_the_style_image_is_the_same_share_of_the_picture_at_every_level(own, longest, level, scale):
    level = min(level, longest)
    chosen = JOB(style_scale=scale, size=4096)
    assert style_size(chosen, chosen.styles[0], own, longest) == max(1, round(scale * longest))
    at = job_at(chosen, Level(level, 300), longest)
    assert at.size == (level if level < longest else 4096)
    assert style_size(at, at.styles[0], own, level) == max(1, round(scale * level))


@given(own=SIZES, size=SIZES, longest=SIZES, level=SIZES, scale=st.floats(0.1, 8))
@example(own=300, size=900, longest=900, level=300, scale=1.0)
@example(own=200, size=1024, longest=1024, level=512, scale=3.0)
def test_the_sample_is_the_same_share_of_a_texture_at_every_level(own, size, longest, level, scale):
    level = min(level, longest)
    chosen = replace(JOB(style_scale=scale, size=size), content=None, shape=(longest, longest))
    assert style_size(chosen, chosen.styles[0], own, longest) == max(1, round(scale * min(own, size)))
    at = job_at(chosen, Level(level, 300), longest)
    expected = max(1.0, scale * min(own, size) * level / longest)
    assert style_size(at, at.styles[0], own, level) == pytest.approx(expected, abs=1.0)


def test_a_texture_s_sample_has_a_size_of_its_own(registry):
    """It follows ``size``: a texture may be larger or smaller than its sample."""
    chosen = replace(JOB(size=400), content=None, shape=(1000, 800))
    assert style_size(chosen, chosen.styles[0], 5000, 1000) == 400
    small = job_at(chosen, Level(500, 300), 1000)
    assert small.shape == (500, 400)
    assert style_size(small, small.styles[0], 5000, 500) == 200


def test_the_greatest_and_least_scale_have_levels(registry):
    size = int(BOUNDS["size"].most)
    for scale in (BOUNDS["scale"].most, BOUNDS["scale"].least):
        chosen = job(registry, style_scale=scale, size=size)
        for job_of_level in (chosen, replace(chosen, content=None)):
            for level in levels_of(job_of_level, 1536):
                assert 0 < job_at(job_of_level, level, 1536).styles[0].scale <= scale


def test_a_run_goes_through_its_levels(registry):
    steps: list[Step] = []
    chosen = job(registry, levels="16,32,64")
    result = run(chosen, content=CONTENT, styles=STYLE, session=Session(registry), observers=[steps.append])
    assert [step.number for step in steps] == list(range(1, 15))
    assert {step.steps for step in steps} == {14}
    assert [max(step.image.shape) for step in steps] == [16] * 8 + [32] * 4 + [64] * 2
    assert [(s.size, s.evaluations) for s in result.levels] == [(16, 8), (32, 4), (64, 2)]
    assert result.image.shape == CONTENT.shape
    assert result.total == min(result.history[-2:])
    assert result.seconds == pytest.approx(sum(s.seconds for s in result.levels))
    again = run(result.job, content=CONTENT, styles=STYLE, session=Session(registry))
    assert torch.equal(again.image, result.image)
    assert result.job.levels == (16, 32)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_level_begins_with_the_result_of_the_one_before(optimizer, registry):
    steps: list[Step] = []
    chosen = job(registry, levels="32,64", preset="noise", optimizer=optimizer, steps=60)
    run(chosen, content=CONTENT, styles=STYLE, session=Session(registry), observers=[steps.append])
    direct: list[Step] = []
    only = job(registry, levels="off", preset="noise", optimizer=optimizer, steps=1)
    run(only, content=CONTENT, styles=STYLE, session=Session(registry), observers=[direct.append])
    assert steps[60].total < 0.7 * direct[0].total
    # … and goes on from there without a jump, whatever the optimizer remembers.
    assert steps[-1].best < steps[60].total
    assert max(step.total for step in steps[60:]) < 3 * steps[60].total


def test_a_texture_has_levels_too(registry):
    from nst_core.api import synthesize

    result = synthesize(STYLE, session=Session(registry), shape=(40, 80), levels="20,40,80", steps=4, **OPTIONS)
    assert result.image.shape == (1, 3, 40, 80)
    assert [s.size for s in result.levels] == [20, 40, 80]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ("16,24,64", (24, (16,), 100)),
        ("16,64", (16, (), 100)),
        ("48,64", (48, (), 100)),
        ("off", (64, (), 100)),
    ],
)
def test_a_preview_goes_through_the_levels_within_its_size(levels, expected, registry, tmp_path, monkeypatch):
    from nst_core import save_image

    monkeypatch.setattr("nst_core.engine.session.PREVIEW_SIZE", 30)
    save_image(CONTENT, tmp_path / "c.png")
    size = {} if "," in levels else {"size": 64}
    chosen = make_job(str(tmp_path / "c.png"), STYLE, session=Session(registry), levels=levels, **size, **OPTIONS)
    small = preview(chosen, styles=STYLE, session=Session(registry))
    assert (small.size, small.levels, small.steps) == expected


def test_a_preview_is_what_the_run_is_at_that_level(registry, monkeypatch):
    monkeypatch.setattr("nst_core.engine.session.PREVIEW_SIZE", 32)
    chosen = job(registry, levels="16,32,64")
    session = Session(registry)
    seen: list[Step] = []
    run(chosen, content=CONTENT, styles=STYLE, session=session, observers=[seen.append])
    small = preview(chosen, content=CONTENT, styles=STYLE, session=session)
    result = run(small, content=CONTENT, styles=STYLE, session=session)
    assert result.history == tuple(step.total for step in seen[: len(result.history)])


@pytest.mark.parametrize(
    ("levels", "more", "message"),
    [
        ("64,32", {}, "levels must increase"),
        ("32,32,64", {}, "levels must increase"),
        ("big", {}, "levels must be auto, off, or sizes like 256,512,1024, not 'big'"),
        ("0,64", {}, "levels must increase"),
        ("32,64", {"size": 80}, "the last level must be the size of the picture"),
    ],
)
def test_levels_that_make_no_sense(levels, more, message, registry):
    options = {"levels": levels, **more}
    with pytest.raises(JobError, match=message):
        make_job(CONTENT, STYLE, session=Session(registry), **OPTIONS, **options)


def test_a_recipe_with_levels_survives_toml_and_a_smaller_size(registry):
    chosen = job(registry, levels="16,32,64")
    assert Job.from_toml(chosen.to_toml()) == chosen
    smaller = make_job(CONTENT, STYLE, session=Session(registry), base=chosen, size=32)
    assert (smaller.size, smaller.levels) == (32, (16,))


@pytest.mark.parametrize("levels", ["off", "32,64"])
def test_a_recipe_with_levels_that_is_made_larger_gets_new_ones(registry, levels):
    """Those of the small picture would leave a gap; one level stays one."""
    chosen = job(registry, levels=levels, size=64)
    for size, expected in ((64, chosen.levels), (2048, () if levels == "off" else None)):
        assert make_job(base=chosen, session=Session(registry), size=size).levels == expected
    assert make_job(base=chosen, session=Session(registry), size=2048, levels="off").levels == ()


def test_the_command_makes_levels_and_previews(nst, monkeypatch):
    monkeypatch.setattr("nst_core.engine.session.PREVIEW_SIZE", 30)
    pair = ["photo.jpg", "painting.png", "--extractor", "tiny", "--device", "cpu", "--steps", "4"]
    done = nst("run", *pair, "--levels", "20,40", "--json")
    assert done.code == 0
    stages = json.loads(done.out)["levels"]
    assert [(s["size"], s["evaluations"]) for s in stages] == [(20, 4), (40, 2)]
    done = nst("run", *pair, "--levels", "20,40", "--preview", "--json")
    assert [s["size"] for s in json.loads(done.out)["levels"]] == [20]
    done = nst("run", *pair, "--levels", "40,20")
    assert done.code == 2
    assert "levels must increase" in done.err
