"""Measures of steadiness."""

from __future__ import annotations

import math

import numpy as np

from nst_core.video.measures import flicker, warping_error

GENERATOR = np.random.default_rng(0)
FRAME = GENERATOR.integers(0, 256, (20, 24, 3), np.uint8)
STILL, ALL = np.zeros((20, 24, 2), np.float32), np.ones((20, 24), bool)


def test_a_picture_that_moves_as_a_whole_has_no_error():
    moved = np.roll(FRAME, 2, axis=1)
    flow = STILL.copy()
    flow[..., 0] = -2
    seen = ALL.copy()
    seen[:, :6], seen[:, -6:] = False, False  # what came round
    assert warping_error(moved, FRAME, flow, seen) < 1e-12
    assert warping_error(moved, FRAME, STILL, seen) > 0.01


def test_the_error_is_the_mean_square_of_what_is_visible():
    other = FRAME.copy()
    other[:, 12:] = 255 - FRAME[:, 12:]
    left = ALL.copy()
    left[:, 12:] = False
    assert warping_error(other, FRAME, STILL, left) == 0.0
    expected = np.square((other.astype(float) - FRAME) / 255).mean()
    assert math.isclose(warping_error(other, FRAME, STILL, ALL), expected, rel_tol=1e-6)


def test_nothing_visible_has_no_error_to_measure():
    assert math.isnan(warping_error(FRAME, FRAME, STILL, ~ALL))


def test_flicker_is_what_changes_beyond_the_source():
    brighter = np.clip(FRAME.astype(int) + 30, 0, 255).astype(np.uint8)
    assert flicker(brighter, FRAME, brighter, FRAME) == 0.0
    expected = np.square((brighter.astype(float) - FRAME) / 255).mean()
    assert math.isclose(flicker(brighter, FRAME, FRAME, FRAME), expected, rel_tol=1e-9)
