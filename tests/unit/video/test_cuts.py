"""Scene cuts are found where there are some, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from nst_benchmarks.clips import CLIPS, make_clip
from nst_core import load_image
from nst_core.images.write import quantize
from nst_core.video.cuts import color_distance, is_cut
from nst_core.video.flow import Motion


@pytest.mark.parametrize("name", CLIPS)
def test_cuts_are_found_and_motion_is_none(name):
    picture = quantize(load_image("sample:landscape", size=512).pixels)
    clip = make_clip(name, picture, (96, 160), 6)
    pairs = zip(clip.frames, clip.frames[1:], strict=False)
    found = [n for n, (a, b) in enumerate(pairs, 1) if is_cut(b, a, Motion.between(b, a))]
    assert tuple(found) == clip.cuts


def test_the_distance_of_colours_is_that_of_hellinger():
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert color_distance(black, black) == pytest.approx(0.0)
    assert color_distance(black, white) == pytest.approx(1.0)
    half = np.concatenate([black, white])
    assert color_distance(black, half) == pytest.approx(np.sqrt(1 - np.sqrt(0.5)), abs=1e-6)
