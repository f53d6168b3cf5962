"""Whole clips: painted, interrupted and gone on with, into a file or a folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clip_orders import SIZE, moving_clip, order_of
from clips import make_clip as make_sounding_clip
from PIL import Image

from nst_core import CancelledError, CheckpointError, ImageError, JobError, Session
from nst_core.video.production import paint_clip
from nst_core.video.reading import ClipSource
from nst_core.video.store import FrameStore
from nst_core.video.writing import Encoding

LOSSLESS = Encoding(lossless=True)


@pytest.fixture
def clip(tmp_path) -> Path:
    return moving_clip(tmp_path / "walk.mkv")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shown(folder: Path) -> list[bytes]:
    """Pixels of all frames; the files have the time in their colour profile."""
    return [Image.open(path).tobytes() for path in sorted(folder.glob("frame-*.png"))]


def pixels(path: Path) -> list[np.ndarray]:
    return [frame.pixels for frame in ClipSource(path).frames()]


def test_a_clip_becomes_a_painted_one(registry, clip, tmp_path):
    told = []
    order = order_of(registry, clip, tmp_path / "out.mkv", encoding=LOSSLESS)
    result = paint_clip(order, Session(registry), watch=lambda record, frames: told.append((record.number, frames)))
    assert told == [(n, 6) for n in range(1, 7)]
    assert [record.kind for record in result.records] == ["first", *["next"] * 5]
    assert [record.evaluations for record in result.records] == [6, *[3] * 5]
    assert result.size == SIZE
    source, painted = (list(ClipSource(path).frames()) for path in (clip, tmp_path / "out.mkv"))
    assert [frame.time for frame in painted] == [frame.time for frame in source]
    assert all(not np.array_equal(a.pixels, b.pixels) for a, b in zip(source, painted, strict=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mkv", "walk.mkv"]


def test_a_folder_gets_the_frames_as_png(registry, clip, tmp_path):
    painted = paint_clip(order_of(registry, clip, tmp_path / "frames"), Session(registry))
    paint_clip(order_of(registry, clip, tmp_path / "out.mkv", encoding=LOSSLESS), Session(registry))
    found = sorted((tmp_path / "frames").glob("frame-*.png"))
    assert [path.name for path in found] == [f"frame-{n:06}.png" for n in range(1, 7)]
    for path, frame in zip(found, pixels(tmp_path / "out.mkv"), strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), frame)
    assert painted.output == tmp_path / "frames"
    again = paint_clip(order_of(registry, clip, tmp_path / "frames"), Session(registry))
    assert again.records == painted.records  # nothing was painted twice


@pytest.mark.parametrize("options", [{}, {"color": "content"}])
def test_an_interrupted_clip_comes_out_the_same(registry, clip, tmp_path, options):
    whole = order_of(registry, clip, tmp_path / "whole.mkv", encoding=LOSSLESS, **options)
    paint_clip(whole, Session(registry))
    broken = replace(whole, output=str(tmp_path / "broken.mkv"))
    for stop in (1, 3, 4):

        def watch(record, frames, stop=stop):
            if record.number == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            paint_clip(broken, Session(registry), watch=watch)
        assert len(FrameStore.of(broken).records()) == stop
    paint_clip(broken, Session(registry))
    assert digest(tmp_path / "broken.mkv") == digest(tmp_path / "whole.mkv")


def test_a_broken_line_and_a_missing_frame_cost_no_more_than_themselves(registry, clip, tmp_path):
    order = order_of(registry, clip, tmp_path / "frames")
    paint_clip(order, Session(registry))
    whole = shown(tmp_path / "frames")
    log = tmp_path / "frames" / "frames.jsonl"
    log.write_text(log.read_text()[:-20])  # killed while the last line was written
    (tmp_path / "frames" / "frame-000006.png").write_bytes(b"half of it")
    assert len(FrameStore.of(order).records()) == 5
    paint_clip(order, Session(registry))
    assert shown(tmp_path / "frames") == whole
    (tmp_path / "frames" / "frame-000003.png").unlink()
    assert len(FrameStore.of(order).records()) == 2
    paint_clip(order, Session(registry))
    assert shown(tmp_path / "frames") == whole
    assert len(log.read_text().splitlines()) == 6


def test_an_observer_ends_a_clip(registry, clip, tmp_path):
    order = order_of(registry, clip, tmp_path / "out.mkv")
    with pytest.raises(CancelledError):
        paint_clip(order, Session(registry), observers=[lambda _: False])
    assert FrameStore.of(order).records() == []
    assert not (tmp_path / "out.mkv").exists()


def test_other_options_do_not_go_on_with_the_same_frames(registry, clip, tmp_path):
    paint_clip(order_of(registry, clip, tmp_path / "frames"), Session(registry))
    with pytest.raises(CheckpointError, match="steps was 3 and is 4"):
        paint_clip(order_of(registry, clip, tmp_path / "frames", steps=4), Session(registry))
    with pytest.raises(CheckpointError, match="the recipe is another one"):
        paint_clip(order_of(registry, clip, tmp_path / "frames", seed=5), Session(registry))
    moving_clip(clip, 5)
    with pytest.raises(CheckpointError, match="the clip, or a mask, is another one"):
        paint_clip(order_of(registry, clip, tmp_path / "frames"), Session(registry))


def test_nobody_else_paints_into_the_same_folder(registry, clip, tmp_path):
    order = order_of(registry, clip, tmp_path / "frames")
    (tmp_path / "frames").mkdir()
    with (
        FrameStore.of(order).claimed(),
        pytest.raises(CheckpointError, match="another nst is painting"),
    ):
        paint_clip(order, Session(registry))


def test_frames_can_be_kept(registry, clip, tmp_path):
    paint_clip(order_of(registry, clip, tmp_path / "out.mkv", keep_frames=True), Session(registry))
    assert len(list((tmp_path / "out.frames").glob("frame-*.png"))) == 6


def test_sound_goes_along_unless_it_is_not_wanted(registry, tmp_path):
    clip = make_sounding_clip(tmp_path / "loud.mp4", 4, sound=0.4)
    for wanted in (True, False):
        out = tmp_path / f"{wanted}.mp4"
        paint_clip(order_of(registry, clip, out, sound=wanted), Session(registry))
        assert ClipSource(out).info.has_sound == wanted


def test_only_what_is_asked_for_is_painted(registry, clip, tmp_path):
    order = order_of(registry, clip, tmp_path / "out.mkv", start=0.2, end=0.5, size=24)
    result = paint_clip(order, Session(registry))
    assert len(result.records) == 3
    assert result.size == (16, 24)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"consistency": 2.0}, JobError, "consistency must be from 0 to 1"),
        ({"steps": 0}, JobError, "at least 1 evaluation"),
        ({"start": 60.0}, JobError, "60"),
        ({"size": 2}, ImageError, "too small|at least"),
        ({"encoding": Encoding("nonsense")}, JobError, "nonsense"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(registry, clip, tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        paint_clip(order_of(registry, clip, tmp_path / "out.mkv", **settings), Session(registry))
    assert [path.name for path in tmp_path.iterdir()] == ["walk.mkv"]


def test_a_folder_with_other_things_is_left_alone(registry, clip, tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match="has other files in it"):
        paint_clip(order_of(registry, clip, tmp_path / "holiday"), Session(registry))
    assert [path.name for path in (tmp_path / "holiday").iterdir()] == ["beach.jpg"]


def test_a_full_disk_costs_no_finished_frame(registry, clip, tmp_path, monkeypatch):
    order = order_of(registry, clip, tmp_path / "out.mkv", encoding=LOSSLESS)
    save = FrameStore.save

    def fail(self, record, painted):
        if record.number == 3:
            raise ImageError("no space left on the device")
        save(self, record, painted)

    monkeypatch.setattr(FrameStore, "save", fail)
    with pytest.raises(ImageError, match="no space left"):
        paint_clip(order, Session(registry))
    monkeypatch.undo()
    assert len(FrameStore.of(order).records()) == 2
    assert len(paint_clip(order, Session(registry)).records) == 6
