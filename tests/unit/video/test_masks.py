"""Masks that are clips."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from clip_orders import RATE, SIZE, moving_clip, order_of

from nst_core import ImageError, Session, load_image, save_image
from nst_core.video.masks import MovingMasks
from nst_core.video.painting import as_tensor
from nst_core.video.production import paint_clip
from nst_core.video.reading import ClipFrame, ClipSource
from nst_core.video.writing import Encoding, write_clip

LOSSLESS = Encoding(lossless=True)


def mask_clip(path, count: int, widths=()):
    """White from the left edge, 4 pixels wider in every frame unless said otherwise."""
    frames = []
    for n in range(count):
        pixels = np.zeros((*SIZE, 3), np.uint8)
        pixels[:, : widths[n] if widths else 8 + 4 * n] = 255
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
    masks = MovingMasks(order, SIZE, tmp_path)
    wide = []
    for time in (0, 1, 2, 3):
        job = masks.job_at(order.job, time / RATE)
        wide.append(int((load_image(job.keep.path).pixels[0, 0, 0] > 0.5).sum()))
    assert wide == [8, 12, 12, 12]


def test_still_masks_are_left_alone(registry, tmp_path):
    order = order_of(registry, tmp_path / "a.mkv", tmp_path / "out.mkv")
    assert MovingMasks(order, SIZE, tmp_path).job_at(order.job, Fraction(0)) is order.job


def test_a_mask_that_cannot_be_read_is_said_so(registry, tmp_path):
    (tmp_path / "mask.mkv").write_bytes(b"nothing")
    clip = moving_clip(tmp_path / "a.mkv", 2)
    order = order_of(registry, clip, tmp_path / "out.mkv", keep=str(tmp_path / "mask.mkv"))
    with pytest.raises(ImageError, match=r"mask\.mkv"):
        MovingMasks(order, SIZE, tmp_path)


def test_a_mask_with_nothing_in_it_keeps_nothing(registry, tmp_path):
    clip, mask = moving_clip(tmp_path / "a.mkv", 3), mask_clip(tmp_path / "mask.mkv", 3, (8, 0, 8))
    for options in ({"keep": str(mask)}, {"regions": [f"left={mask}"]}):
        order = order_of(registry, clip, tmp_path / "out.mkv", encoding=LOSSLESS, **options)
        assert len(paint_clip(order, Session(registry)).records) == 3


def test_what_is_no_longer_kept_is_painted(registry, tmp_path):
    clip, mask = moving_clip(tmp_path / "a.mkv", 2), mask_clip(tmp_path / "mask.mkv", 2, (24, 0))
    order = order_of(registry, clip, tmp_path / "out.mkv", keep=str(mask), encoding=LOSSLESS, steps=6)
    paint_clip(order, Session(registry))
    source, painted = (list(ClipSource(path).frames())[1].pixels for path in (clip, tmp_path / "out.mkv"))
    left, right = (np.abs(source.astype(int) - painted)[:, part].mean() for part in (slice(0, 16), slice(32, None)))
    assert left > 0.3 * right  # no trail of the photograph


def test_a_still_picture_follows_its_moving_mask(registry, tmp_path):
    frame = next(ClipSource(moving_clip(tmp_path / "a.mkv", 1)).frames()).pixels
    still = tmp_path / "still.mkv"
    write_clip(still, [ClipFrame(n, n / RATE, frame) for n in range(3)], rate=RATE, encoding=LOSSLESS)
    mask = mask_clip(tmp_path / "mask.mkv", 3, (8, 8, 20))
    order = order_of(registry, still, tmp_path / "out.mkv", keep=str(mask), encoding=LOSSLESS)
    result = paint_clip(order, Session(registry))
    assert [record.kind for record in result.records] == ["first", "same", "next"]
    painted = list(ClipSource(tmp_path / "out.mkv").frames())[2].pixels
    assert np.array_equal(painted[:, :20], frame[:, :20])


def test_a_folder_of_masks_has_the_pace_of_the_clip(registry, tmp_path):
    clip = moving_clip(tmp_path / "a.mkv", 4)  # 10 frames a second
    (tmp_path / "masks").mkdir()
    for frame in ClipSource(mask_clip(tmp_path / "mask.mkv", 4)).frames():
        save_image(as_tensor(frame.pixels), tmp_path / "masks" / f"{frame.number}.png")
    order = order_of(registry, clip, tmp_path / "out.mkv", keep=str(tmp_path / "masks"), fps=5.0, start=0.1)
    masks = MovingMasks(order, SIZE, tmp_path)
    wide = []
    for frame in order.source().frames():
        job = masks.job_at(order.job, frame.moment)
        wide.append(int((load_image(job.keep.path).pixels[0, 0, 0] > 0.5).sum()))
    assert wide == [12, 20]


def test_masks_go_on_where_a_clip_does(registry, tmp_path):
    clip, mask = moving_clip(tmp_path / "a.mkv", 4), mask_clip(tmp_path / "mask.mkv", 4)
    whole = order_of(registry, clip, tmp_path / "whole.mkv", keep=str(mask), encoding=LOSSLESS)
    paint_clip(whole, Session(registry))
    broken = replace(whole, output=str(tmp_path / "broken.mkv"))

    def watch(record, frames):
        if record.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint_clip(broken, Session(registry), watch=watch)
    paint_clip(broken, Session(registry))
    assert (tmp_path / "broken.mkv").read_bytes() == (tmp_path / "whole.mkv").read_bytes()
