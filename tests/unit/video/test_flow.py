"""Motion between frames: what is found of a known one, where it is relied on, and pictures moved along it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_benchmarks.clips import make_clip
from nst_core import load_image
from nst_core.images.write import quantize
from nst_core.video.flow import Motion, alike, fade, moved, moved_frame, optical_flow, reliable

SIZE = (96, 160)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return quantize(load_image("sample:landscape", size=512).pixels)


@pytest.mark.parametrize("name", ["pan", "zoom", "rotation"])
def test_the_flow_of_a_known_motion_is_found(name, picture):
    clip = make_clip(name, picture, SIZE, 3)
    found = optical_flow(clip.frames[1], clip.frames[0])
    inner = clip.visible[0].copy()
    inner[:8], inner[-8:], inner[:, :8], inner[:, -8:] = False, False, False, False
    error = np.linalg.norm(found - clip.flows[0], axis=-1)[inner]
    assert np.median(error) < 0.25
    assert np.abs(clip.flows[0][inner]).max() > 0.5  # there is a motion to be found


def test_what_moved_is_where_it_is_now(picture):
    clip = make_clip("rotation", picture, SIZE, 2)
    there, now = moved_frame(clip.frames[0], clip.flows[0]), clip.frames[1].astype(float)
    seen = clip.visible[0]
    assert np.abs(there - now)[seen].mean() < 4.0
    assert np.abs(clip.frames[0] - now)[seen].mean() > 3 * np.abs(there - now)[seen].mean()


def test_moving_by_whole_pixels_is_exact():
    image = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    flow = np.zeros((20, 24, 2), np.float32)
    flow[..., 0], flow[..., 1] = 3, -2
    found = moved(image, flow)
    assert torch.allclose(found[..., 5:-5, 5:-8], image[..., 3:-7, 8:-5], atol=1e-5)
    assert torch.equal(moved(image, np.zeros((20, 24, 2), np.float32)), image)


def test_what_was_covered_is_not_relied_on(picture):
    clip = make_clip("square", picture, (288, 512), 3)
    weight = Motion.between(clip.frames[1], clip.frames[0]).weight[0, 0].numpy()
    hidden = ~clip.visible[0]
    hidden[:, :6], hidden[:, -6:] = False, False  # beyond the border nothing can be known anyway
    assert hidden.any()
    assert weight[hidden].mean() < 0.3
    assert weight[clip.visible[0]].mean() > 0.7


def test_flows_that_agree_are_relied_on_but_beyond_the_border():
    shape = (20, 30, 2)
    backward, forward = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    backward[..., 0], forward[..., 0] = 4.0, -4.0
    found = reliable(backward, forward)
    assert found[:, :26].all()
    assert not found[:, 26:].any()


def test_flows_that_disagree_are_not_relied_on():
    shape = (20, 30, 2)
    backward, forward = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    backward[..., 0] = 4.0
    assert not reliable(backward, forward).any()  # 16 > 0.01 · 16 + 0.5


def test_boundaries_of_motion_are_not_relied_on():
    shape = (20, 30, 2)
    backward = np.zeros(shape, np.float32)
    backward[:, 15:, 0] = 1.0
    found = reliable(backward, -backward)
    assert not found[:, 14:16].any()
    assert found[:, :13].all()


def test_weights_fade_inside_a_mask():
    mask = np.zeros((16, 16), bool)
    mask[:, :8] = True
    found = fade(mask)[0, 0]
    assert (found[:, 8:] == 0).all()
    assert (found[:, :4] == 1).all()
    assert (found[:, 4:8].diff(dim=1) <= 0).all()
    assert (fade(np.ones((8, 8), bool)) == 1).all()


def test_frames_too_small_for_patches_have_no_flow():
    frame = np.zeros((8, 40, 3), np.uint8)
    assert (optical_flow(frame, frame) == 0).all()


def test_frames_are_alike_where_their_colours_are():
    one = np.full((9, 12, 3), 100, np.uint8)
    other = one.astype(np.float32)
    other[:, 6:, 1] += 60
    found = alike(one, other)
    assert found[:, :5].all()
    assert not found[:, 6:].any()
    assert alike(one, one + 20.0).all()
