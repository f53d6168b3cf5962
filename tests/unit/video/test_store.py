"""The folder of a clip's frames."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from clip_orders import moving_clip, order_of

from nst_core import CheckpointError, ImageError, Session
from nst_core.video.order import pinned_order
from nst_core.video.painting import Painted
from nst_core.video.store import FrameRecord, FrameStore

FRAME = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
COLORS = tuple(n / 7 for n in range(12))


def record(number: int, **fields) -> FrameRecord:
    return FrameRecord(number, Fraction(number, 3), fields.pop("kind", "next"), 3, 0.25, 1.5, **fields)


@pytest.fixture
def store(registry, tmp_path) -> FrameStore:
    order = pinned_order(order_of(registry, moving_clip(tmp_path / "a.mkv", 2), tmp_path / "o.mp4"), Session(registry))
    found = FrameStore.of(order)
    found.begin(order)
    return found


def test_what_is_saved_comes_back(store):
    first = record(1, kind="first", colors=COLORS)
    store.save(first, Painted(FRAME, FRAME, "first"))
    store.save(record(2), Painted(FRAME, 255 - FRAME, "next"))
    assert store.records() == [first, record(2)]
    again = store.load(store.records()[1])
    assert np.array_equal(again.frame, FRAME)
    assert np.array_equal(again.unfinished, 255 - FRAME)
    assert again.kind == "next"


def test_unfinished_pictures_do_not_pile_up(store):
    for number in range(1, 9):
        store.save(record(number), Painted(FRAME, 255 - FRAME, "next"))
    assert len(list(store.folder.glob(".frame-*.unfinished.png"))) == 4


def test_frames_of_another_version_are_not_gone_on_with(store):
    path = store.folder / "clip.json"
    document = json.loads(path.read_text())
    document["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match=r"torch was 1\.0"):
        store.order()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "{"])
def test_a_damaged_description_is_said_so(store, text):
    (store.folder / "clip.json").write_text(text)
    with pytest.raises(CheckpointError, match="cannot be read"):
        store.order()


def test_a_folder_without_a_clip_is_said_so(tmp_path):
    with pytest.raises(CheckpointError, match="holds no clip that was begun"):
        FrameStore(tmp_path).order()


def test_a_file_in_the_place_of_the_folder_is_said_so(tmp_path):
    (tmp_path / "o.frames").write_bytes(b"")
    with pytest.raises(ImageError, match="is a file"):
        FrameStore(tmp_path / "o.frames").check()
