"""Masks that are clips."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from clip_orders import RATE, SIZE, moving_clip, order_of

from nst_core import ImageError, Session, load_image
from nst_core.video.masks import MovingMasks
from nst_core.video.production import paint_clip
from nst_core.video.reading import ClipFrame, ClipSource
from nst_core.video.writing import Encoding, write_clip

LOSSLESS = Encoding(lossless=True)


def mask_clip(path, count: int):
    """White from the left edge, 4 pixels wider in every frame."""
    frames = []
    for n in range(count):
        pixels = np.zeros((*SIZE, 3), np.uint8)
        pixels[:, : 8 + 4 * n] = 255
        frames.append(ClipFrame(n, n / RATE, pixels))
    write_clip(path, frames, rate=RATE, encoding=LOSSLESS)
    return path


def test_what_is_kept_moves_with_the_mask(registry, tmp_path):
    clip, mask = moving_clip(tmp_path / "a.mkv", 4), mask_clip(tmp_path / "mask.mkv", 4)
    order = order_of(registry, clip, tmp_path / "out.mkv", keep=str(mask), encoding=LOSSLESS)
    paint_clip(order, Session(registry))
    pairs = zip(ClipSource(clip).frames(), ClipSource(tmp_path / "out.mkv").frames(), strict=True)
    for number, (source, painted) in enumerate(pairs):
        wide = 8 + 4 * number
        assert np.array_equal(source.pixels[:, :wide], painted.pixels[:, :wide])
        assert not np.array_equal(source.pixels[:, wide:], painted.pixels[:, wide:])


def test_regions_may_move(registry, tmp_path):
    clip, mask = moving_clip(tmp_path / "a.mkv", 2), mask_clip(tmp_path / "mask.mkv", 2)
    order = order_of(registry, clip, tmp_path / "out.mkv", regions=[f"left={mask}"])
    assert len(paint_clip(order, Session(registry)).records) == 2


def test_the_last_frame_of_a_mask_stays(registry, tmp_path):
    clip, mask = moving_clip(tmp_path / "a.mkv", 4), mask_clip(tmp_path / "mask.mkv", 2)
    order = order_of(registry, clip, tmp_path / "out.mkv", keep=str(mask))
    masks = MovingMasks(order, tmp_path)
    wide = []
    for time in (0, 1, 2, 3):
        job = masks.job_at(order.job, time / RATE)
        wide.append(int((load_image(job.keep.path).pixels[0, 0, 0] > 0.5).sum()))
    assert wide == [8, 12, 12, 12]


def test_still_masks_are_left_alone(registry, tmp_path):
    order = order_of(registry, tmp_path / "a.mkv", tmp_path / "out.mkv")
    assert MovingMasks(order, tmp_path).job_at(order.job, Fraction(0)) is order.job


def test_a_mask_that_cannot_be_read_is_said_so(registry, tmp_path):
    (tmp_path / "mask.mkv").write_bytes(b"nothing")
    order = order_of(registry, tmp_path / "a.mkv", tmp_path / "out.mkv", keep=str(tmp_path / "mask.mkv"))
    with pytest.raises(ImageError, match=r"mask\.mkv"):
        MovingMasks(order, tmp_path)
