"""What is to be made of a clip, and whether two orders are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from clip_orders import moving_clip, order_of

from nst_core import JobError, Session, save_image
from nst_core.video.order import ClipOrder, identity, pinned_order
from nst_core.video.writing import Encoding


def test_orders_are_exact_in_json(registry, tmp_path):
    order = order_of(registry, moving_clip(tmp_path / "a.mkv"), tmp_path / "o.mp4", start=0.1, encoding=Encoding(crf=3))
    pinned = pinned_order(order, Session(registry))
    assert ClipOrder.from_json(pinned.to_json()) == pinned
    assert ClipOrder.from_json(order.to_json()) == order
    assert pinned.job.styles[0].sha256
    assert pinned.job.content is not None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"job": 3}'])
def test_what_is_no_order_is_refused(text):
    with pytest.raises(JobError):
        ClipOrder.from_json(text)


def test_where_it_goes_does_not_decide_the_frames(registry, tmp_path):
    order = order_of(registry, tmp_path / "a.mkv", tmp_path / "o.mp4")
    other = replace(order, output="b.mkv", encoding=Encoding(lossless=True), sound=False, keep_frames=True)
    assert order.differences(other) == []
    assert order.differences(replace(order, consistency=0.7)) == ["consistency was 0.5 and is 0.7"]
    assert order.differences(replace(order, end=3.0)) == ["end was not set and is 3.0"]


def test_a_clip_is_known_by_its_content(tmp_path):
    one = moving_clip(tmp_path / "a.mkv", 2)
    before = identity(str(one))
    one.rename(tmp_path / "b.mkv")
    assert identity(str(tmp_path / "b.mkv")) == before
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"a")
    first = identity(str(folder))
    (folder / "1.png").write_bytes(b"b")
    assert identity(str(folder)) != first
    (folder / ".hidden").write_bytes(b"")
    (folder / "1.png").write_bytes(b"a")
    assert identity(str(folder)) == first


def test_frames_are_no_larger_than_the_clip_unless_enlarged(registry, tmp_path):
    clip = moving_clip(tmp_path / "a.mkv", 1)
    small, large, enlarged = (
        order_of(registry, clip, tmp_path / "o.mp4", **options)
        for options in ({"size": 24}, {"size": 96}, {"size": 96, "enlarge": True})
    )
    assert [order.size_of(order.source()) for order in (small, large, enlarged)] == [(16, 24), (32, 48), (64, 96)]


def test_masks_that_stand_still_count_too(registry, tmp_path):
    clip, mask = moving_clip(tmp_path / "a.mkv", 1), tmp_path / "mask.png"
    save_image(torch.ones(3, 32, 48), mask)
    order = order_of(registry, clip, tmp_path / "o.mp4", keep=str(mask), regions=[f"all={mask}"])
    before = pinned_order(order, Session(registry))
    assert before.job.keep.sha256
    assert before.job.regions[0].mask.sha256
    save_image(torch.ones(3, 64, 96), mask)
    assert pinned_order(order, Session(registry)).differences(before) == ["the recipe is another one"]
