"""Frames painted one after the other: what each begins with, what holds them together, and clips that go on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_benchmarks.clips import make_clip
from nst_core import CancelledError, JobError, Session, load_image
from nst_core.images.write import quantize
from nst_core.video.measures import warping_error
from nst_core.video.order import clip_job
from nst_core.video.painting import (
    ClipPainter,
    as_tensor,
    consistency_factor,
    first_job,
    following_job,
)

SIZE = (48, 80)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return quantize(load_image("sample:landscape", size=256).pixels)


def job_of(registry, **options):
    given = {"preset": "content", "extractor": "tiny", "steps": 10, "precision": "fp32", "size": 80} | options
    return clip_job("sample:brushwork", session=Session(registry), **given)


def painter_of(registry, **options) -> ClipPainter:
    settings = {name: options.pop(name) for name in ("consistency", "steps") if name in options}
    return ClipPainter(job_of(registry, **options), Session(registry), **{"steps": 5, **settings})


def painted(registry, frames, **options):
    painter = painter_of(registry, **options)
    return [painter.paint(frame) for frame in frames]


def error_of(found, clip) -> float:
    pairs = zip(found, found[1:], clip.flows, clip.visible, strict=False)
    return float(np.mean([warping_error(b.frame, a.frame, flow, seen) for a, b, flow, seen in pairs]))


def test_frames_that_follow_are_steadier_than_frames_on_their_own(registry, picture):
    clip = make_clip("pan", picture, SIZE, 4)
    alone, together = (painted(registry, clip.frames, consistency=c) for c in (0.0, 0.5))
    assert [p.kind for p in together] == ["first", "next", "next", "next"]
    assert all(p.evaluations == 5 for p in together[1:])
    assert np.array_equal(alone[0].frame, together[0].frame)
    assert alone[1].evaluations == alone[0].evaluations  # a whole run
    assert error_of(together, clip) < error_of(alone, clip)


def test_the_error_falls_as_the_consistency_grows(registry, picture):
    clip = make_clip("pan", picture, SIZE, 4)
    strong = {"plugins": ["mse-temporal:weight=1e5"]}
    errors = [error_of(painted(registry, clip.frames, consistency=c, **strong), clip) for c in (0.25, 0.5, 0.75, 1.0)]
    assert errors == sorted(errors, reverse=True)


def test_a_scene_cut_begins_anew(registry, picture):
    clip = make_clip("cut", picture, SIZE, 4)
    found = painted(registry, clip.frames)
    assert [p.kind for p in found] == ["first", "next", "cut", "next"]
    assert np.array_equal(found[2].frame, painted(registry, [clip.frames[2]])[0].frame)


def test_the_same_frame_again_costs_nothing(registry, picture):
    frame = make_clip("pan", picture, SIZE, 1).frames[0]
    first, again = painted(registry, [frame, frame.copy()])
    assert again.kind == "same"
    assert again.evaluations == 0
    assert np.array_equal(first.frame, again.frame)


@pytest.mark.parametrize("color", ["content", "luminance", "match", "style"])
def test_a_clip_that_goes_on_comes_out_the_same(registry, picture, color):
    clip = make_clip("pan", picture, SIZE, 4)
    whole = painted(registry, clip.frames, color=color)
    going_on = painter_of(registry, color=color)
    going_on.colors = whole[0].colors
    for source, known in zip(clip.frames[:3], whole[:3], strict=True):
        going_on.remember(source, known)
    assert np.array_equal(going_on.paint(clip.frames[3]).frame, whole[3].frame)


def test_a_following_frame_begins_with_the_one_before_where_that_shows_it(registry, picture):
    clip = make_clip("pan", picture, SIZE, 2)
    painter = painter_of(registry, steps=1)
    first = painter.paint(clip.frames[0])
    starts = []
    painter.paint(clip.frames[1], observers=[lambda step: starts.append(step.image.clone())])
    begun = quantize(starts[0])
    assert warping_error(begun, first.frame, clip.flows[0], clip.visible[0]) < 2e-3


def test_the_mean_colour_is_held(registry, picture):
    frame = make_clip("pan", picture, SIZE, 1).frames[0]
    source = [np.clip(frame.astype(int) + (n % 3), 0, 255).astype(np.uint8) for n in range(7)]
    found = painted(registry, source)
    means = [p.frame.mean() for p in found]
    assert abs(means[-1] - means[0]) < 2.55  # 1 % of the range


def test_jobs_of_frames_have_the_losses_that_they_need(registry):
    job = job_of(registry)
    assert [t.loss for t in first_job(job, registry).terms] == ["mse-content", "gram-style"]
    later = following_job(job, registry, steps=7, consistency=1.0)
    assert later.steps == 7
    assert later.levels == ()
    temporal = later.terms[-1]
    assert temporal.loss == "mse-temporal"
    assert temporal.weight == pytest.approx(job.terms[-1].weight * 10**1.5)


def test_a_consistency_of_a_half_changes_no_weight():
    assert consistency_factor(0.5) == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"consistency": 1.5}, "consistency must be from 0 to 1, not 1.5"),
        ({"consistency": float("nan")}, "consistency must be from 0 to 1"),
        ({"steps": 0}, "at least 1 evaluation, not 0"),
    ],
)
def test_invalid_settings_are_refused(registry, options, message):
    with pytest.raises(JobError, match=message):
        painter_of(registry, **options)


def test_frames_of_two_sizes_are_refused(registry, picture):
    frame = make_clip("pan", picture, SIZE, 1).frames[0]
    painter = painter_of(registry)
    painter.paint(frame)
    with pytest.raises(JobError, match="one size"):
        painter.paint(frame[:-2])


def test_a_cancelled_frame_leaves_the_painter_as_it_was(registry, picture):
    clip = make_clip("pan", picture, SIZE, 2)
    whole = painted(registry, clip.frames)
    painter = painter_of(registry)
    painter.paint(clip.frames[0])
    with pytest.raises(CancelledError):
        painter.paint(clip.frames[1], observers=[lambda step: step.number < 3])
    assert np.array_equal(painter.paint(clip.frames[1]).frame, whole[1].frame)


def test_frames_become_tensors():
    frame = np.full((2, 3, 3), 51, np.uint8)
    assert torch.equal(as_tensor(frame), torch.full((1, 3, 2, 3), 0.2))
