"""Many clips by an executor."""

from __future__ import annotations

import pickle

from clip_orders import moving_clip, order_of

from nst_core import Session, Task
from nst_core.video.batch import ClipWork, paint_clips
from nst_core.video.order import pinned_order
from nst_core.video.reading import ClipSource
from nst_plugins.executors.local import Local


def test_one_that_fails_stops_no_other(registry, tmp_path):
    good = [moving_clip(tmp_path / f"{name}.mkv", 2) for name in "ab"]
    bad = tmp_path / "bad.mkv"
    bad.write_bytes(b"nothing")
    orders = [order_of(registry, clip, tmp_path / f"{clip.stem}.mp4") for clip in (good[0], bad, good[1])]
    told = []
    done = dict(
        paint_clips(
            orders,
            Session(registry),
            Local(),
            progress=lambda number, update: told.append((number, update.number, update.steps)),
        )
    )
    assert [bool(done[n].error) for n in range(3)] == [False, True, False]
    assert "bad.mkv" in done[1].error
    assert done[0].record["frames"] == 2
    assert (0, 2, 2) in told
    assert len(list(ClipSource(tmp_path / "b.mp4").frames())) == 2


def test_the_work_travels_and_stops_when_told(registry, tmp_path):
    order = pinned_order(order_of(registry, moving_clip(tmp_path / "a.mkv", 3), tmp_path / "a.mp4"), Session(registry))
    work = ClipWork(tmp_path, orders={"key": order}, session=Session(registry))
    assert pickle.loads(pickle.dumps(work)).session is None  # noqa: S301 - our own
    task = Task("key", order.job)
    assert work(task, watch=lambda number, _: number < 2).stopped
    assert work(task).record["frames"] == 3


def test_workers_that_see_no_files_are_refused(registry, tmp_path):
    order = order_of(registry, tmp_path / "a.mkv", tmp_path / "a.mp4")
    found = ClipWork(tmp_path, orders={"key": order})(Task("key", order.job), read=lambda _: b"")
    assert "see the files of this machine" in found.error
