"""Coarse to fine: which scales there are, and what happens from one to the next."""

from __future__ import annotations

import json

import pytest
import torch

from nst_core import JobError, Step, make_job, preview, run
from nst_core.job.schedule import Scale, job_at, scales_of
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
        registry=registry,
        **{**OPTIONS, **({} if "scales" in options else {"size": 64}), "steps": 8, **options},
    )


@pytest.mark.parametrize(
    ("longest", "expected"),
    [
        (512, [(512, 300)]),
        (767, [(767, 300)]),
        (768, [(384, 300), (768, 150)]),
        (1024, [(512, 300), (1024, 150)]),
        (2048, [(512, 300), (1024, 150), (2048, 75)]),
        (6000, [(750, 300), (1500, 150), (3000, 75), (6000, 38)]),
    ],
)
def test_large_pictures_begin_small_by_default(longest, expected, registry):
    chosen = job(registry, size=6000, steps=300)
    assert [(s.size, s.steps) for s in scales_of(chosen, longest)] == expected


def test_scales_beyond_a_small_image_are_left_out(registry):
    chosen = job(registry, scales="32,64,500", size=500, steps=10)
    assert chosen.size == 500
    assert scales_of(chosen, 64) == (Scale(32, 10), Scale(64, 5))
    assert scales_of(job(registry, scales="off", size=4096), 4096) == (Scale(4096, 8),)


def test_the_style_image_is_scaled_along(registry):
    chosen = job(registry, style_scale=1.5, size=2048)
    small = job_at(chosen, Scale(512, 300), 2048)
    assert (small.size, small.style_scale, small.steps) == (512, 1.5, 300)
    # A content image of 1024 pixels, though 2048 was asked for: the style image stays twice as large beside it.
    assert job_at(chosen, Scale(512, 300), 1024).style_scale == 3.0


def test_a_run_goes_through_its_scales(registry):
    steps: list[Step] = []
    chosen = job(registry, scales="16,32,64")
    result = run(chosen, content=CONTENT, style=STYLE, registry=registry, observers=[steps.append])
    assert [step.number for step in steps] == list(range(1, 15))
    assert {step.steps for step in steps} == {14}
    assert [max(step.image.shape) for step in steps] == [16] * 8 + [32] * 4 + [64] * 2
    assert [(s.size, s.evaluations) for s in result.stages] == [(16, 8), (32, 4), (64, 2)]
    assert result.image.shape == CONTENT.shape
    assert result.total == min(result.history[-2:])
    assert result.seconds == pytest.approx(sum(s.seconds for s in result.stages))
    again = run(result.job, content=CONTENT, style=STYLE, registry=registry)
    assert torch.equal(again.image, result.image)
    assert result.job.scales == (16, 32)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_scale_begins_with_the_result_of_the_one_before(optimizer, registry):
    steps: list[Step] = []
    chosen = job(registry, scales="32,64", preset="noise", optimizer=optimizer, steps=60)
    run(chosen, content=CONTENT, style=STYLE, registry=registry, observers=[steps.append])
    direct: list[Step] = []
    only = job(registry, scales="off", preset="noise", optimizer=optimizer, steps=1)
    run(only, content=CONTENT, style=STYLE, registry=registry, observers=[direct.append])
    assert steps[60].total < 0.7 * direct[0].total
    # … and goes on from there without a jump, whatever the optimizer remembers.
    assert steps[-1].best < steps[60].total
    assert max(step.total for step in steps[60:]) < 3 * steps[60].total


def test_a_texture_has_scales_too(registry):
    from nst_core.api import synthesize

    result = synthesize(STYLE, registry=registry, shape=(40, 80), scales="20,40,80", steps=4, **OPTIONS)
    assert result.image.shape == (1, 3, 40, 80)
    assert [s.size for s in result.stages] == [20, 40, 80]


def test_a_preview_is_the_smallest_scale(registry, tmp_path):
    from nst_core import save_image

    save_image(CONTENT, tmp_path / "c.png")
    chosen = make_job(str(tmp_path / "c.png"), STYLE, registry=registry, scales="16,64", **OPTIONS)
    small = preview(chosen)
    assert (small.size, small.scales, small.steps) == (16, (), 300)


@pytest.mark.parametrize(
    ("scales", "more", "message"),
    [
        ("64,32", {}, "scales must grow"),
        ("32,32,64", {}, "scales must grow"),
        ("big", {}, "scales must be auto, off, or sizes like 256,512,1024, not 'big'"),
        ("0,64", {}, "scales must grow"),
        ("32,64", {"size": 80}, "the last scale is the size of the picture"),
    ],
)
def test_scales_that_make_no_sense(scales, more, message, registry):
    options = {"scales": scales, **more}
    with pytest.raises(JobError, match=message):
        make_job(CONTENT, STYLE, registry=registry, **OPTIONS, **options)


def test_a_recipe_with_scales_survives_toml_and_a_smaller_size(registry):
    chosen = job(registry, scales="16,32,64")
    assert Job.from_toml(chosen.to_toml()) == chosen
    smaller = make_job(CONTENT, STYLE, registry=registry, base=chosen, size=32)
    assert (smaller.size, smaller.scales) == (32, (16,))


@pytest.mark.parametrize("scales", ["off", "32,64"])
def test_a_recipe_that_is_made_larger_begins_small_again(registry, scales):
    """The recipe of a small picture names no smaller scale; it would lose its large forms at a large size."""
    chosen = job(registry, scales=scales, size=64)
    for size, expected in ((64, chosen.scales), (2048, None)):
        assert make_job(base=chosen, registry=registry, size=size).scales == expected
    larger = make_job(base=chosen, registry=registry, size=2048)
    assert [scale.size for scale in scales_of(larger, 2048)] == [512, 1024, 2048]
    assert make_job(base=chosen, registry=registry, size=2048, scales="off").scales == ()


def test_the_command_makes_scales_and_previews(nst):
    pair = ["photo.jpg", "painting.png", "--extractor", "tiny", "--device", "cpu", "--steps", "4"]
    done = nst("run", *pair, "--scales", "20,40", "--json")
    assert done.code == 0
    stages = json.loads(done.out)["stages"]
    assert [(s["size"], s["evaluations"]) for s in stages] == [(20, 4), (40, 2)]
    done = nst("run", *pair, "--scales", "20,40", "--preview", "--json")
    assert [s["size"] for s in json.loads(done.out)["stages"]] == [20]
    done = nst("run", *pair, "--scales", "40,20")
    assert done.code == 2
    assert "scales must grow" in done.err
